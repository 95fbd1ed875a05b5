"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121100400_open_agents.chats_28a24c77",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "0586422e1ca1fdcc1f7cc98dbad5a5a65af5e72b")
step(change.deploy, change.revert)

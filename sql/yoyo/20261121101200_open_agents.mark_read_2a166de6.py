"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121101100_open_agents.unread_counts_dd99361c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "2a166de6ddcdc4b6a38cdcdc15ceda8fdd5b072c")
step(change.deploy, change.revert)

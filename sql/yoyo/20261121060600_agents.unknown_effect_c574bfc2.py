"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121060500_agents.pending_approval_5f7916c9",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "c574bfc2389ddc2cb9d7d4b142bc1c1a25769d84")
step(change.deploy, change.revert)

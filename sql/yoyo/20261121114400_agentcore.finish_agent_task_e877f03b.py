"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114300_agentcore.claim_agent_task_a3df5ee8",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "e877f03b0cb133db9680ba36b89d8c5b35e890a4")
step(change.deploy, change.revert)

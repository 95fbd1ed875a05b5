"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114300_agentcore.claim_agent_task_5d5c1cab",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "bfc71758e2e6a707039c647ca653b9ce27c82a1b")
step(change.deploy, change.revert)

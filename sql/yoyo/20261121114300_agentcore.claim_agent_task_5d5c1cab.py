"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114200_agentcore.agent_task_546fa48c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "5d5c1cab9e3de6cbd4872ad2a287b1104bca96b9")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114500_agentcore.time_out_agent_tasks_646c1c82",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "ec6bc6c9ad1be9960f6084963d7554d8296980f3")
step(change.deploy, change.revert)

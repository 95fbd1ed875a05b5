"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114500_agentcore.time_out_agent_tasks_53007884",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "f53af73cd49f685ce856cd745bc85b4bbc4f2f07")
step(change.deploy, change.revert)

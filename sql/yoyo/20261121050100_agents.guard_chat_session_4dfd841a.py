"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121050000_agents.guard_agent_run_1bd7a863",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "4dfd841a5f996cedc1caf644cd9fe3b8a3228eb7")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121100800_open_agents.workflow_runs_b0cba838",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "92cbd2f95cd4c88106d1f14cd6bebcf41f8a5f48")
step(change.deploy, change.revert)

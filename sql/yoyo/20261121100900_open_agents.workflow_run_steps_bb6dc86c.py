"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121100800_open_agents.workflow_runs_b411bd46",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "bb6dc86c8de6aee6aef0e6e1cfcb19a9db4aeac8")
step(change.deploy, change.revert)

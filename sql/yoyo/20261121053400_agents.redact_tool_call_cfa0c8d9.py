"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121053300_agents.reap_stale_runs_8dbd7b2b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "cfa0c8d9084f954232f6da0a95dd5a0fc29158ac")
step(change.deploy, change.revert)

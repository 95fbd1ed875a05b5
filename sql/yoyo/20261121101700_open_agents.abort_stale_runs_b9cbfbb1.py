"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121101600_open_agents.finish_run_cddb03e6",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "b9cbfbb11b0ecf79c3adab9fa8bcabbb67f5ec11")
step(change.deploy, change.revert)

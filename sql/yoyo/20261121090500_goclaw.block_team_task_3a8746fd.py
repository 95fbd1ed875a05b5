"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090400_goclaw.finish_team_task_3463a287",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "3a8746fdebc0284d2abbadda5c1c5c96a768d3b8")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090500_goclaw.block_team_task_3a8746fd",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "36d52093a48295478f8f9c3cab051ac615ea5c7c")
step(change.deploy, change.revert)

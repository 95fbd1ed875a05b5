"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090500_goclaw.block_team_task_9f2cbe64",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "513ec34ac3509dbc8f353cd9d17de1a1a2ac621a")
step(change.deploy, change.revert)

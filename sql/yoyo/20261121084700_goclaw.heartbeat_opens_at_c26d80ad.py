"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084600_goclaw.finish_cron_job_eb4b5321",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "c26d80adb5d9f8c619c5d3c2cc578d9af4a54c64")
step(change.deploy, change.revert)

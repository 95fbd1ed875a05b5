"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084300_goclaw.cron_jobs_9d5d7ffd",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "bdfc1778a6e22eedcd06a8736b460d28211d8b1c")
step(change.deploy, change.revert)

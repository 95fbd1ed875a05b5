"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084400_goclaw.claim_cron_jobs_bdfc1778",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "020d189665ab6bb1b6955b54768cdcc28cb596db")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084400_goclaw.claim_cron_jobs_cd444363",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "bb3bc8cb48fa7b3b93a7af1406ea1947a3131814")
step(change.deploy, change.revert)

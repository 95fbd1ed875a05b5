"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095100_goclaw.reclaim_webhook_calls_4c00d678",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "7f4152554512a8c143fc5cde26a121feea4a96f3")
step(change.deploy, change.revert)

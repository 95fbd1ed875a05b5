"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095100_goclaw.reclaim_webhook_calls_1e29f2de",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "724a6fad70d1cac495d63f1f3aaaf0307ddf7b67")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095100_goclaw.reclaim_webhook_calls_b3c99943",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "95840ddc64533a98455d577e9bc62fbdff7f2d02")
step(change.deploy, change.revert)

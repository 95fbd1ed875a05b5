"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094700_goclaw.enqueue_webhook_call_0d6ae12f",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "e1d65f7d60e84590645c493e16db37d676c88c35")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094700_goclaw.enqueue_webhook_call_c483cc59",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "0c38bbfd6b957babdb8f5c1e521e2e97f36ef5c2")
step(change.deploy, change.revert)

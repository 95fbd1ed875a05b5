"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094800_goclaw.claim_webhook_calls_5f055ba3",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "c449a49c549fda67cbf9fcc62650846c08bcabf9")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094800_goclaw.claim_webhook_calls_e1d65f7d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "9efae7fc3a28369e632cb1c27d7927b0193bbbc7")
step(change.deploy, change.revert)

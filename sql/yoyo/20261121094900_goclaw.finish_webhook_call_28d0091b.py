"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094800_goclaw.claim_webhook_calls_0c38bbfd",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "28d0091b772096eee3a5c36f3d5f7496974e2640")
step(change.deploy, change.revert)

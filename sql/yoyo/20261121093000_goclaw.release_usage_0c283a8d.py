"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092900_goclaw.settle_usage_4bdd106f",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "0c283a8d4b8cc4b0767d3fb5ee98fc834ff561fa")
step(change.deploy, change.revert)

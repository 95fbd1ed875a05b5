"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092900_goclaw.settle_usage_ab29f724",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "07b2e2a19affa5aecbd0ff8c225fb73248dbcc57")
step(change.deploy, change.revert)

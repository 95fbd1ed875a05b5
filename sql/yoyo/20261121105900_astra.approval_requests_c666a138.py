"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121105800_astra.count_decision_16f3eaac",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "c666a1383a88a08ed88a861f39e7139a628d82d8")
step(change.deploy, change.revert)

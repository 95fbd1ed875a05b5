"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102500_astra.forbid_by_hand_d00c00f3",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "bf71fcf0eaafb37404f3b093d0bd696067ca132a")
step(change.deploy, change.revert)

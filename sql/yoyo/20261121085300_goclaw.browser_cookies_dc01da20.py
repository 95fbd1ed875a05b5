"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121085200_goclaw.bitrix_portals_84c44ebc",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "dc01da20f3f7eb011fd988fa49c52e6a50452cea")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121085200_goclaw.bitrix_portals_b0b30d7e",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "8f2aa4083452bd145a6cbb8701dbe21a6b3e4431")
step(change.deploy, change.revert)

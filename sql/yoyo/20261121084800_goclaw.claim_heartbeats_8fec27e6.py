"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084700_goclaw.heartbeat_opens_at_c26d80ad",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "8fec27e67b00f57e5d2e68626434687b5df08c2b")
step(change.deploy, change.revert)

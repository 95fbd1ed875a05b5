"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095800_goclaw.prune_expired_724a6fad",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "116a8cf55f5b506d904e086b2afa74f88083108a")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110300_astra.cancel_goal_d96212c4",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "7972bd58a1a376eb9ca5e751fad3748d76f0465e")
step(change.deploy, change.revert)

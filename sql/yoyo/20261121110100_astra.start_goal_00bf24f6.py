"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110000_astra.decide_approval_6bf7a47c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "00bf24f6cac11118aadc1850c8e2bd387e3055d1")
step(change.deploy, change.revert)

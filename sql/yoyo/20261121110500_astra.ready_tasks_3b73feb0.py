"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110400_astra.cancel_cascade_2df2d58f",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "3b73feb0f8c44a9a615e20ca94c38be3d7ec9083")
step(change.deploy, change.revert)

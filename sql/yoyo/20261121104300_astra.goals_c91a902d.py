"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104200_astra.settle_goal_d904373e",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "c91a902d9caf9c4d4dc3bb98faab7c7c1a4b91f3")
step(change.deploy, change.revert)

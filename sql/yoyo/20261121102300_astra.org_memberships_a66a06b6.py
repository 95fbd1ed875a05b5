"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102200_astra.users_4f8ae1ac",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "a66a06b6acb0de838d6ad973ce0093631400019f")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110300_astra.cancel_goal_ca357e85",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "2df2d58ffcde5222f80db0f0cb548d6a8b5280ce")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110200_astra.start_goals_bb5bc4e6",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "0e6b43237b43ae1e1a6e9c3b74dec465e6d492fd")
step(change.deploy, change.revert)

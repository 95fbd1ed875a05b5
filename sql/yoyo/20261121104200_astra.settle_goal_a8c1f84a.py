"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104100_astra.guard_goal_cbc3e203",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "a8c1f84aabdbc03d4ca0cfe79afc854b5770a3be")
step(change.deploy, change.revert)

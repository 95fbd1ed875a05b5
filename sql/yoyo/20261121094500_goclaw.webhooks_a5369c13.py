"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094400_goclaw.spend_hook_budget_8526a64c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "a5369c135b5462755d6f793fec65ce3e9c02b6b3")
step(change.deploy, change.revert)

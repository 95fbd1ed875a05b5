"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121093200_goclaw.agent_budget_eaeffa54",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "5d1299a41a15e1e07cb3cc455914ae3259ffa771")
step(change.deploy, change.revert)

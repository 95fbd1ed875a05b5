"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121093200_goclaw.agent_budget_cd038d61",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "88f190ea9d7cb5d1912cc1f8bba8bef888a83b2f")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090100_goclaw.create_team_task_43df6695",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "aa8972d13acbb6e83a610dfa7943313df68a2f15")
step(change.deploy, change.revert)

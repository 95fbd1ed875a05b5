"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121082600_goclaw.agent_evolution_b8bf4e08",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "4be432aaf0c460d1735a081753f074d9c965dfce")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121053300_agents.reap_stale_runs_3d143ab3",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "30b27a82013dbe504fedcd26a41489da44bd3bda")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044200_agents.tool_registry_9c26a9cb",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "ef33752d0351c22f2d404aafe8a5d1ecf1b3538e")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121060900_agents.session_timeline_31ca4d03",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "2dd7b5fb8cab38a1af6e9e65e86cd8fc242c0122")
step(change.deploy, change.revert)

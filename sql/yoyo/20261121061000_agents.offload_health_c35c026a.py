"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121060900_agents.session_timeline_3fe6fc71",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "c35c026af5ff5c0efc789552a81c01ce592dfaf4")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121053100_agents.end_tool_calls_45d8b799",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "6c38b74bd81ad17bfb68a3c862a0c48bbb343a0c")
step(change.deploy, change.revert)

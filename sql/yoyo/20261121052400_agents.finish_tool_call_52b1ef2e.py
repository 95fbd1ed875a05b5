"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121052300_agents.begin_tool_call_26b8c715",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "52b1ef2e8395d1bc5ddf4007a97e738e1996e6e9")
step(change.deploy, change.revert)

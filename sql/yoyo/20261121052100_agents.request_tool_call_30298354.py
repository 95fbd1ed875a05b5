"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121052000_agents.guard_tool_call_fd5b42e3",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "3029835439e2e290e06bea1cc15c1fe47b553f00")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121053400_agents.redact_tool_call_30b27a82",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "09c7527603ade8d7b2fb02158ce3770e77521eaf")
step(change.deploy, change.revert)

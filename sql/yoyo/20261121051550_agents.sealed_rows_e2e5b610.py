"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051540_agents.tool_call_digest_86896d9d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "e2e5b610dd40a9f4016e82a6bbdb34ce2d17f58b")
step(change.deploy, change.revert)

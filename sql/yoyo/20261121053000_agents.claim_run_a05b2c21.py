"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121052400_agents.finish_tool_call_52b1ef2e",
    "20261121043630_platform.enter_tenant_a1ec358c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "a05b2c219b7e6187da8f054fa83fcced818cf17f")
step(change.deploy, change.revert)

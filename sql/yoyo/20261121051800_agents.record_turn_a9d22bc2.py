"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051700_agents.seal_run_6c167340",
    "20261121043630_platform.enter_tenant_a1ec358c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "a9d22bc227406e02859884801a18df15ff0a63a5")
step(change.deploy, change.revert)

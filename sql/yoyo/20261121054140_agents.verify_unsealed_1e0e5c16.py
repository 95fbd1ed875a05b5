"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121054120_agents.verify_seals_e0501fb0",
    "20261121043630_platform.enter_tenant_a1ec358c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "1e0e5c16655be4970547ec4afee9246cfa2539b1")
step(change.deploy, change.revert)

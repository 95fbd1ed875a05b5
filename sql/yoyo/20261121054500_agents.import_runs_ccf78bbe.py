"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121054430_agents.seal_runs_e69e9781",
    "20261121043630_platform.enter_tenant_a1ec358c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "ccf78bbe4bb50fbe1d299d9e02f38f95d7eac1db")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121054100_agents.verify_seal_9c2df345",
    "20261121043630_platform.enter_tenant_a1ec358c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "e0501fb02a244232c0ffd79236ece89dbf1f6fc5")
step(change.deploy, change.revert)

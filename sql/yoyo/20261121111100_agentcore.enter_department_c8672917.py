"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111000_agentcore.user_permissions_798c59a6",
    "20261121043400_platform.set_tenant_f77d9298",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "c8672917e5f52b2b80710169e0482ba8b5e49ecd")
step(change.deploy, change.revert)

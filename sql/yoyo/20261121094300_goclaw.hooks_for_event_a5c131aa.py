"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094200_goclaw.tenant_hook_budget_11162479",
    "20261121043400_platform.set_tenant_f77d9298",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "a5c131aafe6e05b9db5ed3f2d8e86fd4de722059")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094200_goclaw.tenant_hook_budget_cd402348",
    "20261121043400_platform.set_tenant_f77d9298",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "552617b97375baca40492802b4c8d685d9842036")
step(change.deploy, change.revert)

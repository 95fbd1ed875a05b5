"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094200_goclaw.tenant_hook_budget_ff57607c",
    "20261121043400_platform.set_tenant_f77d9298",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "ff3ab9572e802ad0b5829183b52d1b0e65c0dda5")
step(change.deploy, change.revert)

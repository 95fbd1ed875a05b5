"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121043400_platform.set_tenant_f77d9298",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "platform", "ba126c1bc1060eac6798331d5f43a8b3b3a98c7c")
step(change.deploy, change.revert)

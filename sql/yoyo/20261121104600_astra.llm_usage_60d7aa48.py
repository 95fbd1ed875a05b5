"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104500_astra.count_used_tokens_eac0f7fd",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "60d7aa487c2d3d7ab149465c1c38f6098a453e39")
step(change.deploy, change.revert)

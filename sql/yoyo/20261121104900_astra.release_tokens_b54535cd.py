"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104800_astra.settle_tokens_f5b375f5",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "b54535cd6afb67883a5d2272ab20f2504c29455d")
step(change.deploy, change.revert)

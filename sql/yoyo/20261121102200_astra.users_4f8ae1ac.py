"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102100_astra.organizations_d0a9083b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "4f8ae1ac26f0f5b1a73f9cf5cfd64ee08aa93332")
step(change.deploy, change.revert)

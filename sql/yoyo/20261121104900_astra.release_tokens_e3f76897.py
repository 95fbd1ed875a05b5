"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104800_astra.settle_tokens_3de5cc11",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "e3f76897a1dd5bf1a2d44b40939ef5a9e1d78493")
step(change.deploy, change.revert)

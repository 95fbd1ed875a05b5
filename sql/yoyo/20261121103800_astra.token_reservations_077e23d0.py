"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121103700_astra.count_reserved_tokens_f8c24fd5",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "077e23d036d8e1973b699b230a20e2c83f3c295c")
step(change.deploy, change.revert)

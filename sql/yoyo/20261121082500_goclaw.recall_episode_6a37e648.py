"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121082400_goclaw.search_memory_b4ccaf86",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "6a37e648d808bf6601d50a034ebb8ab4f7d5fc99")
step(change.deploy, change.revert)

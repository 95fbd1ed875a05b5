"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110800_astra.complete_task_ca97699b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "d8f53bf3b03838dbc03e9e936d39c56cd8c9152b")
step(change.deploy, change.revert)

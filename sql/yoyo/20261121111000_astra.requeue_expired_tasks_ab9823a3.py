"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110900_astra.fail_task_d8f53bf3",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "ab9823a3ca924f1155f8ce9b6d2c413992fbb043")
step(change.deploy, change.revert)

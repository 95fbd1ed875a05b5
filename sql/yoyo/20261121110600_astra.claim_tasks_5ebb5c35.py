"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110500_astra.ready_tasks_ce3af916",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "5ebb5c35b06ff52f62185bca9ba75672aa3dc04a")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110600_astra.claim_tasks_5ebb5c35",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "3dd0d7604792e5b0c1a4e17299370cc1fd77d40d")
step(change.deploy, change.revert)

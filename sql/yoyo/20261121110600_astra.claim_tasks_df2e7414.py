"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110500_astra.ready_tasks_3b73feb0",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "df2e7414710f20c7b3e89b69f4aff1ba6d1d35db")
step(change.deploy, change.revert)

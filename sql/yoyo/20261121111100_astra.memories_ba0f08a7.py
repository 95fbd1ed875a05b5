"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111000_astra.requeue_expired_tasks_7919a566",
    "20261121043700_platform.vector_3fce404b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "ba0f08a72618acf88a8f5dae97e65c9ca568b05e")
step(change.deploy, change.revert)

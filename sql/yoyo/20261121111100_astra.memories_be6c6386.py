"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111000_astra.requeue_expired_tasks_f086b27d",
    "20261121043700_platform.vector_8975c456",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "be6c6386d1cbaa4d44ebbb46fcb13ddfeb1dc5cb")
step(change.deploy, change.revert)

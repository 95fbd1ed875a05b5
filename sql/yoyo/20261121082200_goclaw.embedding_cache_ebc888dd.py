"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121082100_goclaw.memory_documents_13a58c75",
    "20261121043700_platform.vector_8975c456",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "ebc888dd9d1fac7267bb7fc5012792843ee2692e")
step(change.deploy, change.revert)

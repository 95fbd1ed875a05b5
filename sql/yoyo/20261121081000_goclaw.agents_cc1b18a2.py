"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121080900_goclaw.llm_providers_fd610aea",
    "20261121043700_platform.vector_8975c456",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "cc1b18a2a268cd05772310a1fae73b09f9ddbe6e")
step(change.deploy, change.revert)

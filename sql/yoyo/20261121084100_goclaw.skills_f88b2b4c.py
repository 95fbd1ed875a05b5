"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084000_goclaw.protect_system_skill_2c56b35f",
    "20261121043700_platform.vector_8975c456",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "f88b2b4c832f52f771d0e38c4357017f4cfeaeef")
step(change.deploy, change.revert)

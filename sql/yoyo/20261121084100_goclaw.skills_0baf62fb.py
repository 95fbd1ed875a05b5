"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084000_goclaw.protect_system_skill_acdee3e6",
    "20261121043700_platform.vector_3fce404b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "0baf62fbe85a46b997e4797d39771100ccb7ffda")
step(change.deploy, change.revert)

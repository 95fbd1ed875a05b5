"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110100_agentcore.department_4e60c2ee",
    "20261121043200_platform.uuid_generate_v7_6adf51a8",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "f8e974a8e5666f358b03899c4a38f41e76c38ec8")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110000_agentcore.schema_9366d757",
    "20261121043300_platform.current_tenant_id_f378fcbf",
    "20261121043200_platform.uuid_generate_v7_6adf51a8",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "4e60c2eec4447d0c226c59b02d681816dd6c78c7")
step(change.deploy, change.revert)

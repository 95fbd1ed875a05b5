"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111100_agentcore.enter_department_c8672917",
    "20261121043300_platform.current_tenant_id_f378fcbf",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "ab19237074b6ba8a34f160e20b6be1329aa04fbc")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044400_agents.chat_session_a5b9c85a",
    "20261121043300_platform.current_tenant_id_f378fcbf",
    "20261121043200_platform.uuid_generate_v7_6adf51a8",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "7bfcb9d34ca3675767ac1280f4a9a8f6880a3645")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121061100_agents.genai_span_fabd00d8",
    "20261121043300_platform.current_tenant_id_f378fcbf",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "e61c487d810881b21f8c58760c831daa6a8d59a5")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121061100_agents.genai_span_596055a7",
    "20261121043300_platform.current_tenant_id_f378fcbf",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "3b4562a830bd177ebf67a9dd74e41af6a753b00c")
step(change.deploy, change.revert)

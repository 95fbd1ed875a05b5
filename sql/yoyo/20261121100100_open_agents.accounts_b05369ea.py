"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121100000_open_agents.schema_0b3a531f",
    "20261121043300_platform.current_tenant_id_f378fcbf",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "b05369eabee5b6e955059d785b7b7c5a90cd8103")
step(change.deploy, change.revert)

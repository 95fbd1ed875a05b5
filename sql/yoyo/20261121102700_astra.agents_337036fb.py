"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102600_astra.record_agent_revision_bf71fcf0",
    "20261121043500_platform.set_updated_at_ba126c1b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "337036fbc2651ef0dc10276c353f6655893b438e")
step(change.deploy, change.revert)

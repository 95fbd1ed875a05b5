"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121103600_astra.agent_daily_usage_9a6b6061",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "7b2ab4fb58ee4261d2e62e2648f5ca704ee3fc5f")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121103600_astra.agent_daily_usage_259e461c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "f8c24fd506f5d3e926ebc07e39a1bade01c58be5")
step(change.deploy, change.revert)

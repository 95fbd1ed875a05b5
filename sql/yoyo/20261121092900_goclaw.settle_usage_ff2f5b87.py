"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092800_goclaw.reserve_usage_90598084",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "ff2f5b877fa43e0f41d80e8bda5ef210507bea24")
step(change.deploy, change.revert)

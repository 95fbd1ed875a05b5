"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121060200_agents.daily_usage_1b1e84e3",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "f687c9d3e3e5ba088d1bd475deb6dade0fac1e10")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044800_agents.tool_call_d1501fbe",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "fbc1b3031e6f4e16e2ec46f01ceb7676c7f9d23d")
step(change.deploy, change.revert)

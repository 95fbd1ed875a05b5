"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051600_agents.append_seal_125d0e52",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "9f3263bd4bbb9c983ab1ec74e7f59e8f40b8d6e5")
step(change.deploy, change.revert)

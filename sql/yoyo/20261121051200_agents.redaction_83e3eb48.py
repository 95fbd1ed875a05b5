"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051100_agents.append_turn_db68b244",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "83e3eb4871bf74721ad40b5bd4ed9fd6ee9f1e17")
step(change.deploy, change.revert)

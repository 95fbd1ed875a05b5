"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051800_agents.record_turn_a9d22bc2",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "2bbcdfdce104ad3b509d1ce9362b47caa205f5dc")
step(change.deploy, change.revert)

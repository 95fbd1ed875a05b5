"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044000_agents.schema_a4a48d3d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "4bc8fd72dfd68dc9d15a5bac22dcc1cec24312b8")
step(change.deploy, change.revert)

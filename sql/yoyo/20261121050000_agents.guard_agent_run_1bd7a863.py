"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044900_agents.ensure_partitions_fbc1b303",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "1bd7a8631cd348b3adf5d407540edeea11b864a8")
step(change.deploy, change.revert)

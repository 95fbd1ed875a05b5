"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121105300_astra.tasks_35d5bdf4",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "8d057aefcf3d2e13ab6bdce9d0c5a34a28b79199")
step(change.deploy, change.revert)

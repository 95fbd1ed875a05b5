"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095900_goclaw.prune_workstation_activity_116a8cf5",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "c9f264bae52b00f8c1ed8ea6def93a1eb1732f74")
step(change.deploy, change.revert)

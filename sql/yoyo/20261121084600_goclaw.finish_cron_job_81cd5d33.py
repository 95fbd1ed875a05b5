"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084500_goclaw.agent_heartbeats_020d1896",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "81cd5d33e3780a78a54009d1f309db9a9e165fdf")
step(change.deploy, change.revert)

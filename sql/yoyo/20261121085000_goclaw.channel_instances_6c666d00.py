"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084900_goclaw.finish_heartbeat_de616494",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "6c666d00d3a1056327ec37e1273c0baaf7fae4d8")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084900_goclaw.finish_heartbeat_b939ed0f",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "ca1780820a3d35012eac01bbea17381c17a65b77")
step(change.deploy, change.revert)

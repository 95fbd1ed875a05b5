"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121093000_goclaw.release_usage_2a0467a7",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "7abf8082dd7350efc06ec2ed204bbaace65a4a9c")
step(change.deploy, change.revert)

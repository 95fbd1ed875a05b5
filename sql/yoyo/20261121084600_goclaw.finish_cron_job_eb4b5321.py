"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084500_goclaw.agent_heartbeats_bb3bc8cb",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "eb4b532113c54e613d46cba26b3fd84695603687")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084800_goclaw.claim_heartbeats_2e861223",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "b939ed0f1810f8d4684d3abeec5d663daee5cf22")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084700_goclaw.heartbeat_opens_at_280f254a",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "2e8612232d83a8b54e1f561827b7fb08ea83a3f6")
step(change.deploy, change.revert)

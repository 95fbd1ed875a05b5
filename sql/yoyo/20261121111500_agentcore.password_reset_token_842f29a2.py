"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111400_agentcore.log_out_everywhere_913ea4b1",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "842f29a2d001ce6440dfb25f313fb32c95718521")
step(change.deploy, change.revert)

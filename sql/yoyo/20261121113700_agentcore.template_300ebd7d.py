"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113600_agentcore.escalate_approval_60e9e464",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "300ebd7d1d3ac7f9256331e567794e8ab77e9b4a")
step(change.deploy, change.revert)

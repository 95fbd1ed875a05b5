"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113600_agentcore.escalate_approval_1ac949de",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "a55275582b8f5a9cbf54dcbcbfc5927b8172fc46")
step(change.deploy, change.revert)

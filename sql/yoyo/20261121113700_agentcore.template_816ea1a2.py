"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113600_agentcore.escalate_approval_b50f27e9",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "816ea1a2058929bf6d1f50ca9568bc44b2f10a75")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111900_agentcore.audit_log_0140c5d0",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "b3ea98b9d7a2ae0ba243e05c7ea570661e73e42a")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114000_agentcore.raise_profile_version_9c90b5c0",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "8972ae1604077fcd7343b3828fdec21c827593ca")
step(change.deploy, change.revert)

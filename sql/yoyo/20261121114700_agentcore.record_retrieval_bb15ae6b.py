"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114600_agentcore.agent_run_3d9685f6",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "bb15ae6b9cf26cef428b9529e0a198c88ad5c9d9")
step(change.deploy, change.revert)

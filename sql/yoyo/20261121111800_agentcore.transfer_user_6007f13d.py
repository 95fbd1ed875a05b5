"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111700_agentcore.use_password_reset_282b31e9",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "6007f13dedbbea7ca5347cc51f3f9cb3d2af08f2")
step(change.deploy, change.revert)

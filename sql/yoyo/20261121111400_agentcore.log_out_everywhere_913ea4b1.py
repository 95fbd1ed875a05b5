"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111300_agentcore.acting_user_may_834466c6",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "913ea4b10bcd7e62b284fd9be4e104a8990bf4e8")
step(change.deploy, change.revert)

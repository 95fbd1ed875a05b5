"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113300_agentcore.settle_conversation_0c263591",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "a468d4fb846c18d5a2ef0bad5d29b1bf9bf8ed46")
step(change.deploy, change.revert)

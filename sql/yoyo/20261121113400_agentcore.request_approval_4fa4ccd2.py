"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113300_agentcore.settle_conversation_5450d86b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "4fa4ccd2492c0c67382b73ef187a52e03ee7357b")
step(change.deploy, change.revert)

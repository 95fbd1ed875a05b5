"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111300_agentcore.acting_user_may_a9a1e891",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "a2004dfed330e61cfa0af6dfeeb8986dcccfda93")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113000_agentcore.classify_intent_a6e5bc2d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "ca7cefd5d55810ba21e88cf264ace5ef4595538b")
step(change.deploy, change.revert)

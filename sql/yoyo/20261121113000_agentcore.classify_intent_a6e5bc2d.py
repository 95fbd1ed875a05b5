"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112900_agentcore.intent_trust_366e0df0",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "a6e5bc2d0a25c3371d822c96d5ac381d810311be")
step(change.deploy, change.revert)

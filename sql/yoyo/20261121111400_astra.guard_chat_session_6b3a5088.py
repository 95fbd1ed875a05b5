"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111300_astra.expire_memories_9dd5fc91",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "6b3a50880a0aab679a15db0c6eecbb6ba90e952d")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111400_astra.guard_chat_session_b61ef7fe",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "0ee40d9b00a6f0b4dd7db545405ae266dba88c65")
step(change.deploy, change.revert)

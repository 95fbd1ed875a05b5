"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111400_astra.guard_chat_session_6b3a5088",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "66e4feb2fc889b887800f32b18ceb7c0a39d16da")
step(change.deploy, change.revert)

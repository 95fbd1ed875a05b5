"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111400_astra.guard_chat_session_1823e06b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "2df8ee3118b2802dcb1ecb11595cbd3ab63220f1")
step(change.deploy, change.revert)

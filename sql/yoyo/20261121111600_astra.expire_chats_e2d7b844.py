"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111500_astra.chat_sessions_0ee40d9b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "e2d7b844eb3a1f4ac88ab6fe77fb7fd07c6948f5")
step(change.deploy, change.revert)

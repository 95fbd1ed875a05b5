"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092600_goclaw.usage_window_5bd6db14",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "c3ed00fe635b2a65bb89ce923ffe83b7e14a3231")
step(change.deploy, change.revert)

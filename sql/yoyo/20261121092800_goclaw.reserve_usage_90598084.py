"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092700_goclaw.usage_caps_c3ed00fe",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "905980849f58e2daa6b4ecf2ba76fc44c92dcd27")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092000_goclaw.traces_8d3603ba",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "141e1ebe4423c1a9b9b835bdcd7b6998c9bbc25a")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092100_goclaw.count_root_traces_1e42c5e4",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "0c575ef223e9d8af5c35a3c854cf2f5efac52c0e")
step(change.deploy, change.revert)

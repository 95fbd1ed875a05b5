"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092200_goclaw.usage_snapshots_0c575ef2",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "9f9430a0873feb71c8f46ed4965a6aeee3ed2f21")
step(change.deploy, change.revert)

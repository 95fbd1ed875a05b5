"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092300_goclaw.snapshot_usage_9f9430a0",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "a1da12914c8e3638e7ad0baab32a00f5485a57c5")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095000_goclaw.fail_webhook_call_ce035635",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "b3c99943059ab942356140b9b10d2ebcd83d7fd2")
step(change.deploy, change.revert)

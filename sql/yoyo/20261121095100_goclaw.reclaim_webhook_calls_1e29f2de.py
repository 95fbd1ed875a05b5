"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121095000_goclaw.fail_webhook_call_4e9f004c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "1e29f2de08865f5b45c58dd51427a15fa21cfd3f")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094700_goclaw.enqueue_webhook_call_e2590789",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "5f055ba397af8d9e492b9d41afffec2566c4e1be")
step(change.deploy, change.revert)

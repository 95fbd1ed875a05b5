"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094600_goclaw.webhook_calls_f26a17b3",
    "20261121043300_platform.current_tenant_id_f378fcbf",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "e25907894401181e88970a06d6bd6389337d37ad")
step(change.deploy, change.revert)

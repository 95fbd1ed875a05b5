"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121094300_goclaw.hooks_for_event_a5c131aa",
    "20261121043300_platform.current_tenant_id_f378fcbf",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "8662a1e3caaae1cf33843fdd3888e55a61e3c1ae")
step(change.deploy, change.revert)

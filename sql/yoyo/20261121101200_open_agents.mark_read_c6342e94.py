"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121101100_open_agents.unread_counts_449a438f",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "c6342e94baaee0efcf426e5ce6e2f5fa61a9f196")
step(change.deploy, change.revert)

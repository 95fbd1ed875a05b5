"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112600_agentcore.pii_redaction_map_8ad440a5",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "2448c017c7a0c4b057d9f9fcd026da5e47bd4ef4")
step(change.deploy, change.revert)

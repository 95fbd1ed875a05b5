"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112600_agentcore.pii_redaction_map_20ec37eb",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "8d839b10fb2de04e70759909e13d1b7a5f367c2e")
step(change.deploy, change.revert)

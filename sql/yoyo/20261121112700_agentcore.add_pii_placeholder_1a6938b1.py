"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112600_agentcore.pii_redaction_map_49638307",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "1a6938b13a23cc3e2d4967e2035cb4a3448f574c")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112700_agentcore.add_pii_placeholder_2448c017",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "5409fc6c36533e4847e92c2b9aeab3abd6a12275")
step(change.deploy, change.revert)

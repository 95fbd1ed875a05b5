"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110330_agentcore.forbid_by_hand_768cd5bc",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "1181f7ae8de0c09fd822ca07f830c05b8b659059")
step(change.deploy, change.revert)

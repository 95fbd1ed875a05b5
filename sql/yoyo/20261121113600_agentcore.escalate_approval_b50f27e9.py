"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113500_agentcore.decide_approval_dd26219a",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "b50f27e9c6129d4e3300cff1b820d5593c2fe5fc")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102900_astra.agent_collaborators_dd882e10",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "cfdc06656bfa3d27cec7e346f8e9f7e6da715478")
step(change.deploy, change.revert)

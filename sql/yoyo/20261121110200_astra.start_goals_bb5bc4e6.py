"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110100_astra.start_goal_eaf10e35",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "bb5bc4e69ff2f75bb87cddcb8b801a53f9d85693")
step(change.deploy, change.revert)

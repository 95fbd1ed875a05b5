"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121100830_open_agents.admit_step_92cbd2f9",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "bb89256ef16e41ed76e71b45e34c04cce1f7bfcc")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044600_agents.agent_run_6da5b7e7",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "6b72c2f6b46a705d85253ed7062997a3ec610d7b")
step(change.deploy, change.revert)

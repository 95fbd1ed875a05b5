"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121101600_open_agents.finish_run_730f7e59",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "bf8a9b15d47a481b014c96ddcdc4b64ab8f8be25")
step(change.deploy, change.revert)

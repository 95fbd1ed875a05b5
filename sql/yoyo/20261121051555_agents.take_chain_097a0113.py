"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051550_agents.sealed_rows_e2e5b610",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "097a0113faa6005792af17f0bd2af31dfc8ca255")
step(change.deploy, change.revert)

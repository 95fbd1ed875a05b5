"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121044100_agents.tool_definition_sha256_4bc8fd72",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "9c26a9cb2f2a34ad7322cf33d9e50c081cc91eba")
step(change.deploy, change.revert)

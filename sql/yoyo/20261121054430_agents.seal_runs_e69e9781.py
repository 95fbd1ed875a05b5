"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121054400_agents.verify_heads_a9d63bf1",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "e69e9781a9f71101fa80ed93a4137c516858358f")
step(change.deploy, change.revert)

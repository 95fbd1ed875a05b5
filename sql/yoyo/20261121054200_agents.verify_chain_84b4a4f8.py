"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121054140_agents.verify_unsealed_1e0e5c16",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "84b4a4f8296937e4af7ec322978c994e99c480e8")
step(change.deploy, change.revert)

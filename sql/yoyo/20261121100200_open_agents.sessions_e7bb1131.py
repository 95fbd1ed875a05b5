"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121100100_open_agents.accounts_b05369ea",
    "20261121043500_platform.set_updated_at_ba126c1b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "e7bb11311397c8c7ab3c37c6c236e26d65195c11")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121081200_goclaw.agent_config_permissions_8040a8b8",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "6ead8bbedd4a6e86fe8ed4d868673b26f1671e69")
step(change.deploy, change.revert)

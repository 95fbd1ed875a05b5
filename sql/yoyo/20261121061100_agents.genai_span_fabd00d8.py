"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121061000_agents.offload_health_c35c026a",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "fabd00d82fb8e79c41ec46d7b2cdd3fcaa7f5176")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121051500_agents.agent_run_key_digest_720dc4dd",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agents", "b5b0dabb8372e5ccb6947664cf2b6f20c037baf3")
step(change.deploy, change.revert)

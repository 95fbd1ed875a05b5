"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112100_agentcore.knowledge_base_8826d2a3",
    "20261121043700_platform.vector_3fce404b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "1e2ba3b0d85aaa3377e7577eff9f2ca2f464d776")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121112800_agentcore.read_pii_c2b3d897",
    "20261121043700_platform.vector_8975c456",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "80ccdf9b9120400a4e650b74c61e6d53c8e5c66d")
step(change.deploy, change.revert)

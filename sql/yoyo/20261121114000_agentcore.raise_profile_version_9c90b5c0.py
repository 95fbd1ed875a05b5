"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113900_agentcore.finish_document_generation_d39bb2fb",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "9c90b5c0fe9367b0f89e5b80a1a34591b5d08ba9")
step(change.deploy, change.revert)

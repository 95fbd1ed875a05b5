"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113900_agentcore.finish_document_generation_e0ee7b1f",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "ee3f16932a2ca8d77ce44027cf841a16df44ef16")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113800_agentcore.document_generation_8a7b5223",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "e0ee7b1fa4bff7c9172038e0c8b919835e940eb0")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113800_agentcore.document_generation_33aa3c2c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "d39bb2fb1f3b4d43bd8fdb61d44a9bbe4099cc07")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121113800_agentcore.document_generation_eb95cf2e",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "c1bbeeadb2b67ced2cad0169d25b94d1579a6c15")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104400_astra.agent_documents_9639c827",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "eac0f7fd5337d0653a0071eaf7ce53d46ba9793b")
step(change.deploy, change.revert)

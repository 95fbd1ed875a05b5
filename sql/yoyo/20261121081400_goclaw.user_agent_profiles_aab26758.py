"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121081300_goclaw.agent_context_files_6ead8bbe",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "aab2675882927e5b033efe25a2ef7eb7392b4f9c")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110600_astra.claim_tasks_feae8190",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "ab9fa774ddd10fc3b64bc6ece91ae9a12dfdd7ec")
step(change.deploy, change.revert)

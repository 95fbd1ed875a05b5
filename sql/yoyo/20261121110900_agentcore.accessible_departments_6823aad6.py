"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110800_agentcore.can_access_department_7e6717d6",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "6823aad6e83e652b844deb1f8c5ebf4ad482e3d2")
step(change.deploy, change.revert)

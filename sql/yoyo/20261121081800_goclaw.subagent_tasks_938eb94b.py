"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121081700_goclaw.sessions_ca74b117",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "938eb94bd6b78ad2e1ced02524d8a6b1e7cb274c")
step(change.deploy, change.revert)

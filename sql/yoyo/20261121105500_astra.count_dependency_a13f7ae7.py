"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121105400_astra.guard_dependency_8d057aef",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "a13f7ae7afd242d8522f1e950810bb90dcf6a477")
step(change.deploy, change.revert)

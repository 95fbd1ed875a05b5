"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102700_astra.agents_337036fb",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "71f7b52116a05b34014b3ca45330d15357ab3949")
step(change.deploy, change.revert)

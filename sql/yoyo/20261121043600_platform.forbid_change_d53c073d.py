"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121043500_platform.set_updated_at_ba126c1b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "platform", "d53c073d3724984df0d2d03eedc937eb075b65a4")
step(change.deploy, change.revert)

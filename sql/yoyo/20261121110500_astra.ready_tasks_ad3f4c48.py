"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110400_astra.cancel_cascade_7972bd58",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "ad3f4c48ec2f1fdd2939468b69662a63fa72bba1")
step(change.deploy, change.revert)

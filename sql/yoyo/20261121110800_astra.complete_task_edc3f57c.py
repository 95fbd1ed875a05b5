"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110700_astra.renew_leases_3d5a8ed0",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "edc3f57cd44b6c4e603c52a27331b24c2f94dd5c")
step(change.deploy, change.revert)

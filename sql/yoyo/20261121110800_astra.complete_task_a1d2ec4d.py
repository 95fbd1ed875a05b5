"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121110700_astra.renew_leases_3dd0d760",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "a1d2ec4d459335dc7bb49f92b4731b7a66b5f93c")
step(change.deploy, change.revert)

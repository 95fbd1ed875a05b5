"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121093100_goclaw.expire_usage_7abf8082",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "eaeffa542c8a356c9dd4f06f60c753aecf8b9090")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121082000_goclaw.is_config_permitted_15d474bf",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "13a58c75e5eaeeb74a18e1acef6241e8eb12730b")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121091100_goclaw.is_command_allowed_f8cc56fa",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "8d3603ba10f41ef2da09a1da56a03a62b455cb31")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121091100_goclaw.is_command_allowed_bdb1140e",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "6b5e5059d2cf3f4fdac57ea5add9c490e9f2a7b4")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090900_goclaw.secure_cli_settings_2a7b825b",
    "20261121043600_platform.forbid_change_d53c073d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "0de1cef8faf6b4fd9d5166e18b183ad1961d497c")
step(change.deploy, change.revert)

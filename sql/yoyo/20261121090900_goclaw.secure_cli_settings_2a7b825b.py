"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090800_goclaw.secure_cli_binaries_8bf15256",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "2a7b825b9d5ecf57f4a3d859cd0b21fd002fbccb")
step(change.deploy, change.revert)

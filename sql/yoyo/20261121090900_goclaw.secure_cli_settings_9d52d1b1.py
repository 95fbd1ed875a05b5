"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121090800_goclaw.secure_cli_binaries_8bde865c",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "9d52d1b1a4b21be38540ccf884999a9a5023229c")
step(change.deploy, change.revert)

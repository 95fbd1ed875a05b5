"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121084200_goclaw.mcp_servers_cd4300ee",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "9d5d7ffd4de5528234102c02b4aa33dc55603bba")
step(change.deploy, change.revert)

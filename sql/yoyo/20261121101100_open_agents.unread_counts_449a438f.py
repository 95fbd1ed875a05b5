"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121101000_open_agents.append_message_d9c0bafc",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "449a438fbb8b8a4154574f2f72a3b860dfa473bf")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121080700_goclaw.api_keys_97b2abdf",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "b8bd3ff81fb4291d5803ae2e697fd6dd06d2e15e")
step(change.deploy, change.revert)

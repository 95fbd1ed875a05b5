"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121082700_goclaw.kg_entities_4be432aa",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "ee552adbaf77fb36cd9e9e5efb42635b043f4c5b")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121082300_goclaw.episodic_summaries_06221445",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "b4ccaf86ce6f37ebad4ab0e5e974f89334fc30ef")
step(change.deploy, change.revert)

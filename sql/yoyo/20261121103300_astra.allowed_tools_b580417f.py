"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121103200_astra.tool_definitions_c66ee1f6",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "b580417f8f80d619f3bc909643df9c7c46ddd348")
step(change.deploy, change.revert)

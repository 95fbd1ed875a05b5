"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121104600_astra.llm_usage_60d7aa48",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "77de69b20e31f3b1c7582825ae5e34da2b2539d7")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121101200_open_agents.mark_read_c6342e94",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "open_agents", "b68285a863f7612daebad6573f271252fb378aa8")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121092700_goclaw.usage_caps_fedf6090",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "45a1704ee18f1f0b75a426ae42bab8b16f0c6dfe")
step(change.deploy, change.revert)

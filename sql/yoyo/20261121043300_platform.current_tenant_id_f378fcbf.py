"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121043200_platform.uuid_generate_v7_6adf51a8",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "platform", "f378fcbf01b19066bd0c59eda53d0b738d0e1c70")
step(change.deploy, change.revert)

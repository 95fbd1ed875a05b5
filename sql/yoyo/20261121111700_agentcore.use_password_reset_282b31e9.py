"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111600_agentcore.request_password_reset_250f0cde",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "282b31e9a87c28f82b324b8561000ae4261b7e1b")
step(change.deploy, change.revert)

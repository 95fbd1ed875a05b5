"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121111600_agentcore.request_password_reset_848a5a3d",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "2f82e52ab2eaf025a1ab5bd94e6db393ec9486df")
step(change.deploy, change.revert)

"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121114000_agentcore.raise_profile_version_ee3f1693",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "agentcore", "c9bb8017dd2edc6ecb891272425fc84b839cb9aa")
step(change.deploy, change.revert)

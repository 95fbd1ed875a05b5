"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121102000_astra.schema_87284167",
    "20261121043300_platform.current_tenant_id_f378fcbf",
    "20261121043200_platform.uuid_generate_v7_6adf51a8",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "astra", "d0a9083bff86cb2130b30a3d2585e843afa77a9c")
step(change.deploy, change.revert)

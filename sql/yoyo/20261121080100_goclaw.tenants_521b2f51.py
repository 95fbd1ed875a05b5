"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {
    "20261121080000_goclaw.schema_3153053c",
    "20261121043300_platform.current_tenant_id_f378fcbf",
    "20261121043200_platform.uuid_generate_v7_6adf51a8",
    "20261121043500_platform.set_updated_at_ba126c1b",
}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, "goclaw", "521b2f5193ec14fd57ad1ccf6b36cf4a137d1f27")
step(change.deploy, change.revert)

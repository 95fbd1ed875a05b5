"""A tenant's budget for hooks under many spenders: spent to the last unit, and never further."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import psycopg
import pytest

TENANT = UUID(int=0xA)
SPENDERS, BUDGET = 50, 20


@pytest.mark.parametrize(
    ("age", "left"), [("0 months", BUDGET), ("1 month", 0)], ids=["this month", "a new month"]
)
def test_a_budget_is_never_overspent(round_no: int, deployed: str, age: str, left: int) -> None:
    with psycopg.connect(deployed, autocommit=True) as watcher:
        if watcher.execute("SELECT to_regclass('goclaw.tenant_hook_budget')").fetchone() == (None,):
            pytest.skip("goclaw: this PostgreSQL has no extension vector")
        watcher.execute(
            "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'T', 't')", [TENANT]
        )
        watcher.execute(
            "INSERT INTO goclaw.tenant_hook_budget"
            " (tenant_id, month_start, budget_total, remaining)"
            " VALUES (%s, date_trunc('month', now() AT TIME ZONE 'UTC' - %s::interval), %s, %s)",
            [TENANT, age, BUDGET, left],
        )
        together = Barrier(SPENDERS)

        def spend(_: int) -> int | None:
            """Spend a unit; return how many are left, or nothing if it was refused."""
            with psycopg.connect(deployed) as spender:
                spender.execute("SET ROLE muniment_app")
                spender.execute("SELECT platform.set_tenant(%s)", [TENANT])
                together.wait()
                try:
                    row = spender.execute("SELECT goclaw.spend_hook_budget(1)").fetchone()
                except psycopg.Error as error:
                    spender.rollback()
                    if error.sqlstate != "MU340":
                        raise
                    return None
                assert row is not None
                return int(row[0])

        with ThreadPoolExecutor(SPENDERS) as pool:
            answers = list(pool.map(spend, range(SPENDERS)))

        told = sorted(answer for answer in answers if answer is not None)
        assert told == list(range(BUDGET))
        assert answers.count(None) == SPENDERS - BUDGET
        remaining = watcher.execute("SELECT remaining FROM goclaw.tenant_hook_budget").fetchone()
        assert remaining == (0,)

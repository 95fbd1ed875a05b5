"""Contacts of goclaw that two sessions merge at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.processes import eventually

TENANT = "00000000-0000-4000-8000-00000000000a"
MERGE = (
    "UPDATE goclaw.channel_contacts AS c SET merged_id = o.id FROM goclaw.channel_contacts AS o"
    " WHERE c.sender_id = %s AND o.sender_id = %s"
)


@pytest.mark.parametrize(("first", "second"), [("xy", "yz"), ("yz", "xy")])
def test_two_who_merge_at_once_make_no_chain(deployed: str, first: str, second: str) -> None:
    with psycopg.connect(deployed, autocommit=True) as watcher:
        if watcher.execute("SELECT to_regnamespace('goclaw')").fetchone() == (None,):
            pytest.skip("goclaw: this PostgreSQL has no extension vector")
        watcher.execute(
            "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'A', 'a')", [TENANT]
        )
        watcher.execute(
            "INSERT INTO goclaw.channel_contacts (tenant_id, channel_type, sender_id)"
            " SELECT %s, 'telegram', name FROM unnest('{x,y,z}'::text[]) AS name",
            [TENANT],
        )
        with (
            psycopg.connect(deployed) as one,
            psycopg.connect(deployed) as other,
            ThreadPoolExecutor(1) as pool,
        ):
            one.execute(MERGE, list(first))
            late = pool.submit(other.execute, MERGE.encode(), list(second))
            eventually(
                lambda: (
                    watcher.execute(
                        "SELECT cardinality(pg_blocking_pids(%s)) > 0", [other.info.backend_pid]
                    ).fetchone()
                    == (True,)
                ),
                "the second waits for the first",
            )
            one.commit()

            error = late.exception()
            assert isinstance(error, psycopg.Error)
            assert error.sqlstate == "MU314"

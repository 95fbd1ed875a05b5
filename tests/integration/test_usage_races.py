"""Many at once roll up one day: they end in the same rows, which are those of the runs.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from tests.processes import eventually

FIRM = "00000000-0000-4000-8000-00000000000a"
DAY = "2026-06-10"
CALLERS = 8

AS_APP = "-c role=muniment_app -c lock_timeout=20s"
ROLL_UP = "SELECT agents.rollup_day(%s, %s)"
DIFFERENCES = "SELECT * FROM agents.usage_differences(%s, '2026-06-10', '2026-06-11')"


@pytest.fixture
def dsn(ledger: str, round_no: int) -> str:
    """A database with a run on the day."""
    record_runs(ledger, 1)
    return ledger


def record_runs(dsn: str, count: int, *, agent: str = "clerk") -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "WITH key AS ("
            " INSERT INTO agents.agent_run_key (firm_id, started_at)"
            " SELECT %s, '2026-06-10 12:00:00Z' FROM generate_series(1, %s)"
            " RETURNING firm_id, run_id, started_at"
            ") INSERT INTO agents.agent_run"
            " (firm_id, run_id, started_at, root_run_id, agent_name, input_tokens)"
            " SELECT firm_id, run_id, started_at, run_id, %s, 1 FROM key",
            [FIRM, count, agent],
        )


def kept(dsn: str) -> list[tuple[str, int]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT agent_name, run_count FROM agents.usage_daily ORDER BY agent_name"
        ).fetchall()


def differences(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, options=AS_APP) as connection:
        return connection.execute(DIFFERENCES, [FIRM]).fetchall()


def waits(observer: psycopg.Connection, pid: int) -> bool:
    found = observer.execute("SELECT FROM pg_locks WHERE pid = %s AND NOT granted", [pid])
    return found.fetchone() is not None


def test_callers_of_one_day_end_in_the_same_rows(dsn: str) -> None:
    start = threading.Barrier(CALLERS)

    def one(_: int) -> int:
        with psycopg.connect(dsn, autocommit=True, options=AS_APP) as connection:
            start.wait(timeout=30)
            row = connection.execute(ROLL_UP, [FIRM, DAY]).fetchone()
            assert row is not None
            return int(row[0])

    with ThreadPoolExecutor(CALLERS) as pool:
        assert list(pool.map(one, range(CALLERS))) == [1] * CALLERS

    assert kept(dsn) == [("", 0), ("clerk", 1)]
    assert differences(dsn) == []


def test_who_waits_for_another_counts_what_came_in_between(dsn: str) -> None:
    def late() -> None:
        with psycopg.connect(dsn, autocommit=True, options=AS_APP) as connection:
            pid.append(connection.info.backend_pid)
            connection.execute(ROLL_UP, [FIRM, DAY])

    pid: list[int] = []
    with (
        psycopg.connect(dsn, options=AS_APP) as early,
        psycopg.connect(dsn, autocommit=True) as observer,
        ThreadPoolExecutor(1) as pool,
    ):
        early.execute(ROLL_UP, [FIRM, DAY])
        waiting = pool.submit(late)
        eventually(lambda: bool(pid) and waits(observer, pid[0]), "the second caller waits")
        record_runs(dsn, 2)
        record_runs(dsn, 1, agent="scribe")
        written = observer.execute("SELECT clock_timestamp()").fetchone()
        early.commit()
        waiting.result(timeout=30)
        found = observer.execute(
            "SELECT agent_name FROM agents.usage_daily WHERE rolled_up_at > %s", written
        ).fetchall()

    assert kept(dsn) == [("", 0), ("clerk", 3), ("scribe", 1)]
    assert sorted(found) == [("clerk",), ("scribe",)], "they say when it counted, not when it began"
    assert differences(dsn) == []


def test_a_month_that_has_left_is_missed_by_an_old_snapshot_too(dsn: str) -> None:
    with (
        psycopg.connect(dsn, options=AS_APP) as caller,
        psycopg.connect(dsn, autocommit=True) as owner,
    ):
        caller.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        caller.execute("SELECT FROM agents.ledger_day")
        with owner.transaction():
            owner.execute("UPDATE agents.agent_run_key SET archived_at = now()")
            owner.execute("ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606")
        with pytest.raises(psycopg.Error, match="does not hold the month") as caught:
            caller.execute(ROLL_UP, [FIRM, DAY])

    assert caught.value.sqlstate == "MU116"
    assert kept(dsn) == []


def test_a_month_cannot_leave_while_a_day_of_it_is_rolled_up(dsn: str) -> None:
    with (
        psycopg.connect(dsn, options=AS_APP) as caller,
        psycopg.connect(dsn, options="-c lock_timeout=100ms") as owner,
    ):
        caller.execute(ROLL_UP, [FIRM, DAY])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            owner.execute("ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606")

    assert kept(dsn) == [("", 0), ("clerk", 1)]

"""What scripts claim about locks is true: in their headers, and of each call of ensure_partitions.

Whether two sessions wait for each other is seen with two sessions; nothing here trusts a table of
lock modes.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from tests.fix_postgres import ROOT, Cluster

from muniment.migrate import engine

PROJECTS = engine.Projects(ROOT / "sql")

FIRM = "00000000-0000-4000-8000-00000000000a"
RUN = "00000000-0000-4000-8000-0000000000a1"
SESSION = "00000000-0000-4000-8000-0000000000a2"
NEW_RUN = "00000000-0000-4000-8000-0000000000a3"
STARTED = "2026-06-10 12:00:00+00"

PARENTS = ("agent_run", "chat_turn", "tool_call")
MAKE_AUGUST = "SELECT agents.ensure_partitions('2026-08-01', 1)"

# Stronger than what reading and writing rows takes, weakest first.
STRONG_MODES = {
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
HELD = """
    SELECT c.relname, l.mode
    FROM pg_locks AS l
    INNER JOIN pg_class AS c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid()
        AND c.oid = ANY (%s)
        AND l.mode = ANY (%s)
    ORDER BY array_position(%s, l.mode)
"""
TABLES = """
    SELECT c.oid FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND pg_get_userbyid(n.nspowner) = 'muniment_owner'
        -- What is done to a table is done to its months, and a header need not list them.
        AND NOT c.relispartition
"""


def strongest_locks(session: psycopg.Connection, tables: list[int]) -> dict[str, str]:
    """Return the strongest lock that a session holds on each table, beyond those for rows."""
    modes = list(STRONG_MODES)
    held = session.execute(HELD, [tables, modes, modes])
    return {table: STRONG_MODES[mode] for table, mode in held}


def existing_tables(session: psycopg.Connection) -> list[int]:
    return [oid for (oid,) in session.execute(TABLES)]


# Deploy scripts ----------------------------------------------------------------


def claimed_locks(text: str) -> dict[str, str]:
    """Return the locks that the header of a deploy script names: table and mode."""
    claim = re.search(r"^-- Locks: (.*?)(?:\.  Docs:|^-- Docs:)", text, re.MULTILINE | re.DOTALL)
    assert claim, "no Locks: in the header"
    modes = "|".join(STRONG_MODES.values())
    found = re.findall(rf"({modes}) on (\w+(?:(?:, (?!which)| and )[a-z]\w*)*)", claim[1])
    return {table: mode for mode, tables in found for table in re.split(", | and ", tables)}


def test_a_deploy_takes_the_locks_that_its_header_names(each_server: Cluster) -> None:
    # All of the ledger, and of other projects what it requires: no extension is needed for that.
    changes = PROJECTS.steps([engine.Target("agents")])
    differences = []
    with each_server.database() as dsn, psycopg.connect(dsn) as session:
        for change in changes:
            script = PROJECTS.script(change, "deploy")
            has_owner = session.execute("SELECT to_regrole('muniment_owner')").fetchone()
            before = existing_tables(session) if has_owner != (None,) else []
            session.execute(script.body.encode(), prepare=False)
            session.execute("RESET ROLE")
            taken = strongest_locks(session, before)
            session.commit()

            claimed = claimed_locks(script.text)
            if taken != claimed:
                differences.append(f"{change.qualified} claims {claimed} and takes {taken}")
            if taken and "SET LOCAL lock_timeout" not in script.body:
                differences.append(f"{change.qualified} may wait for {taken} for ever")

    assert differences == []


# ensure_partitions -------------------------------------------------------------


@pytest.fixture
def ledger_dsn(each_ledger: str) -> str:
    """A ledger with one run and one session, committed."""
    with psycopg.connect(each_ledger) as session:
        session.execute("SELECT set_config('app.tenant_id', %s, true)", [FIRM])
        session.execute(
            "WITH key AS ("
            " INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)"
            " VALUES (%s, %s, %s) RETURNING *"
            ") INSERT INTO agents.agent_run"
            " (firm_id, run_id, started_at, root_run_id, agent_name)"
            " SELECT firm_id, run_id, started_at, run_id, 'planner' FROM key",
            [FIRM, RUN, STARTED],
        )
        session.execute(
            "INSERT INTO agents.chat_session (firm_id, session_id) VALUES (%s, %s)", [FIRM, SESSION]
        )
    return each_ledger


@contextmanager
def session_of(
    dsn: str, role: str, *, deadlock_timeout: str = "1s"
) -> Iterator[psycopg.Connection]:
    """Open a transaction as a role of muniment, with the tenant set; it is not committed.

    Whoever waits for a lock for two seconds fails: a test about waiting shall not wait.
    """
    options = f"-c lock_timeout=2s -c deadlock_timeout={deadlock_timeout}"
    with psycopg.connect(dsn, options=options) as session:
        session.execute(f"SET LOCAL ROLE {role}")
        if role in {"muniment_app", "muniment_reader"}:
            session.execute("SELECT platform.set_tenant(%s)", [FIRM])
        yield session
        session.rollback()


def read(session: psycopg.Connection, table: str) -> None:
    session.execute(f"SELECT count(*) FROM agents.{table}")  # noqa: S608


def write_session(session: psycopg.Connection) -> None:
    session.execute("INSERT INTO agents.chat_session (firm_id) VALUES (%s)", [FIRM])


def write_turn(session: psycopg.Connection) -> None:
    session.execute(
        "INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role)"
        " VALUES (%s, %s, %s, (SELECT count(*) + 1 FROM agents.chat_turn), 'user')",
        [FIRM, STARTED, SESSION],
    )


def write_call(session: psycopg.Connection) -> None:
    session.execute(
        "INSERT INTO agents.tool_call (firm_id, requested_at, run_id, run_started_at, call_no,"
        " tool_name, tool_version, definition_sha256)"
        " SELECT %s, %s, %s, %s, (SELECT count(*) + 1 FROM agents.tool_call),"
        " tool_name, tool_version, definition_sha256 FROM agents.tool_registry LIMIT 1",
        [FIRM, STARTED, RUN, STARTED],
    )


def write_key(session: psycopg.Connection) -> None:
    session.execute("SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED")
    session.execute(
        "INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES (%s, %s, %s)",
        [FIRM, NEW_RUN, STARTED],
    )


def made(session: psycopg.Connection, statement: str = MAKE_AUGUST) -> list[str]:
    return [name for (name,) in session.execute(statement).fetchall()]


AUGUST = [f"{parent}_p202608" for parent in PARENTS]


@pytest.mark.parametrize("parent", PARENTS)
def test_a_reader_does_not_hold_up_the_calendar(ledger_dsn: str, parent: str) -> None:
    with (
        session_of(ledger_dsn, "muniment_reader") as reader,
        session_of(ledger_dsn, "muniment_maintainer") as maintainer,
    ):
        read(reader, parent)

        assert made(maintainer) == AUGUST


@pytest.mark.parametrize("write", [write_turn, write_call])
def test_a_writer_of_turns_and_calls_does_not_hold_up_the_calendar(
    ledger_dsn: str, write: Callable[[psycopg.Connection], None]
) -> None:
    with (
        session_of(ledger_dsn, "muniment_app") as writer,
        session_of(ledger_dsn, "muniment_maintainer") as maintainer,
    ):
        write(writer)

        assert made(maintainer) == AUGUST


def test_the_calendar_holds_up_neither_readers_nor_writers_of_a_month(ledger_dsn: str) -> None:
    with (
        session_of(ledger_dsn, "muniment_maintainer") as maintainer,
        session_of(ledger_dsn, "muniment_app") as app,
    ):
        assert made(maintainer) == AUGUST

        for parent in PARENTS:
            read(app, parent)
        write_turn(app)
        write_call(app)
        # A heartbeat; a runtime gets the right to it with a function that comes later.
        app.execute("RESET ROLE")
        app.execute("UPDATE agents.agent_run SET worker_id = 'w1' WHERE run_id = %s", [RUN])


def test_the_calendar_takes_the_locks_that_its_header_names(ledger_dsn: str) -> None:
    with psycopg.connect(ledger_dsn) as session:
        before = existing_tables(session)
        made(session)

        taken = strongest_locks(session, before)

    # On the months that are there: see test_vacuum_of_a_month_does_not_hold_up_the_calendar.
    on_tables = {table: mode for table, mode in taken.items() if not re.search(r"_p\d{6}$", table)}
    assert on_tables == dict.fromkeys(PARENTS, "SHARE UPDATE EXCLUSIVE") | dict.fromkeys(
        ("agent_run_key", "chat_session", "tool_registry"), "SHARE ROW EXCLUSIVE"
    )


def test_a_new_run_waits_while_months_are_attached(ledger_dsn: str) -> None:
    """The price that the header names: writers of what the foreign keys name stand behind."""
    with (
        session_of(ledger_dsn, "muniment_maintainer") as maintainer,
        session_of(ledger_dsn, "muniment_app") as app,
    ):
        made(maintainer)

        app.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(LockNotAvailable):
            write_key(app)


def test_the_calendar_gives_up_behind_a_writer_of_new_runs(ledger_dsn: str) -> None:
    with psycopg.connect(ledger_dsn, autocommit=True) as superuser:
        timeout = superuser.execute(
            "SELECT 'lock_timeout=900ms' = ANY (proconfig) FROM pg_proc"
            " WHERE oid = 'agents.ensure_partitions'::regproc"
        ).fetchone()
        assert timeout == (True,)
        # The three seconds are its own, whatever the caller has; here they are made short.
        superuser.execute("ALTER FUNCTION agents.ensure_partitions SET lock_timeout = '150ms'")

    with session_of(ledger_dsn, "muniment_app") as writer:
        write_key(writer)
        with session_of(ledger_dsn, "muniment_maintainer") as maintainer:
            maintainer.execute("SET LOCAL lock_timeout = 0")
            begun = time.monotonic()
            with pytest.raises(LockNotAvailable):
                made(maintainer)
            assert 0.15 <= time.monotonic() - begun < 1.5

    with psycopg.connect(ledger_dsn) as superuser:
        left = superuser.execute(
            "SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_p202608%'"
        ).fetchone()
        assert left == (0,), "a call that gives up makes nothing"
        assert made(superuser) == AUGUST


def test_vacuum_of_a_month_does_not_hold_up_the_calendar(ledger_dsn: str) -> None:
    with (
        session_of(ledger_dsn, "muniment_owner") as vacuum,
        session_of(ledger_dsn, "muniment_maintainer") as maintainer,
    ):
        # The lock that VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY hold while they run.
        vacuum.execute("LOCK TABLE agents.agent_run_p202605 IN SHARE UPDATE EXCLUSIVE MODE")
        maintainer.execute("RESET ROLE")
        maintainer.execute(
            "ALTER FUNCTION agents.ensure_partitions SET lock_timeout = '50ms'",
        )

        assert made(maintainer) == AUGUST


def test_the_calendar_and_a_writer_do_not_deadlock(ledger_dsn: str) -> None:
    with (
        session_of(ledger_dsn, "muniment_app", deadlock_timeout="50ms") as writer,
        session_of(ledger_dsn, "muniment_maintainer", deadlock_timeout="50ms") as maintainer,
        ThreadPoolExecutor(1) as pool,
    ):
        write_session(writer)
        waiting = pool.submit(made, maintainer)
        wait_for_lock(ledger_dsn, maintainer)
        write_key(writer)
        writer.rollback()

        assert waiting.result(timeout=5) == AUGUST


@pytest.mark.parametrize("role", ["muniment_app", "muniment_reader", "muniment_service"])
def test_no_runtime_can_keep_the_calendar_waiting_by_its_own_lock(
    ledger_dsn: str, role: str
) -> None:
    with session_of(ledger_dsn, role) as runtime, pytest.raises(InsufficientPrivilege):
        runtime.execute("LOCK TABLE agents.agent_run IN SHARE UPDATE EXCLUSIVE MODE")


def test_the_second_of_two_callers_waits_and_finds_the_months_made(ledger_dsn: str) -> None:
    with (
        session_of(ledger_dsn, "muniment_maintainer") as first,
        session_of(ledger_dsn, "muniment_maintainer") as second,
        ThreadPoolExecutor(1) as pool,
    ):
        assert made(first) == AUGUST
        waiting = pool.submit(made, second)
        wait_for_lock(ledger_dsn, second)
        first.commit()

        assert waiting.result(timeout=5) == []


def wait_for_lock(dsn: str, session: psycopg.Connection) -> None:
    """Return when a session waits for a lock."""
    with psycopg.connect(dsn, autocommit=True) as observer:
        for _ in range(200):
            waits = observer.execute(
                "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [session.info.backend_pid]
            ).fetchone()
            if waits:
                return
            time.sleep(0.01)
    pytest.fail("the session does not wait")


def test_callers_at_the_same_time_make_each_month_once(ledger_dsn: str) -> None:
    callers = 4
    start = threading.Barrier(callers)

    def call() -> list[str]:
        with psycopg.connect(ledger_dsn) as session:
            session.execute("SET ROLE muniment_maintainer")
            session.commit()
            start.wait(timeout=10)
            return made(session, "SELECT agents.ensure_partitions('2026-08-01', 6)")

    with ThreadPoolExecutor(callers) as pool:
        futures: list[Future[list[str]]] = [pool.submit(call) for _ in range(callers)]
        names = [name for future in futures for name in future.result(timeout=30)]

    months = ("202608", "202609", "202610", "202611", "202612", "202701")
    assert sorted(names) == sorted(f"{parent}_p{month}" for parent in PARENTS for month in months)

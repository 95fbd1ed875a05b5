"""Connections that break, are somebody else's, or may only read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.fix_postgres import Cluster
from tests.fix_standby import Standby
from tests.fix_wire import Wire, wire_to
from tests.processes import (
    HOLDS_LOCK,
    count,
    end,
    eventually,
    failed,
    kill,
    others,
    run,
    start,
)
from tests.registry_rows import rows
from tests.sample import Sample

from muniment._db import Connection, connect
from muniment.errors import ConnectFailed
from muniment.migrate import engine

RECORD = "INSERT INTO sqitch.changes"
SLEEPING = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
)
WHOLE_OR_ABSENT = "change is whole or absent, and `muniment status` says which."


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    for name in ("a", "b", "c"):
        made.add(f"p:{name}")
    return made


@pytest.fixture
def watcher(database: str) -> Iterator[Connection]:
    with connect(database, application_name="the test") as opened:
        yield opened


def deployed(connection: Connection) -> list[str]:
    found = connection.execute("SELECT change FROM sqitch.changes ORDER BY committed_at")
    return [name for (name,) in found]


def make_sleepy(sample: Sample, change: str) -> str:
    """Let a deploy script wait at its end for longer than any test, and return it as it was."""
    script = sample.path("deploy", change)
    whole = script.read_text()
    script.write_text(whole.replace("COMMIT;", "SELECT pg_sleep(600);\nCOMMIT;"))
    return whole


def assert_each_deployed_once(sample: Sample, database: str, watcher: Connection) -> None:
    assert [(event, name) for event, _, name, *_ in rows(database)["events"]] == [
        ("deploy", name) for name in ("a", "b", "c")
    ]
    list(engine.verify(watcher, sample.projects))
    assert engine.check(watcher, sample.projects) == []
    assert count(watcher, HOLDS_LOCK) == 0


# Connections that break --------------------------------------------------------------------------


@pytest.mark.parametrize("is_done", [False, True], ids=["not committed", "committed"])
def test_a_connection_that_is_lost_at_commit_says_that_nobody_knows(
    is_done: bool, database: str, wire: Wire, watcher: Connection, sample: Sample
) -> None:
    stop = wire.hold(RECORD, occurrence=2, answer=is_done)
    process = start(sample, wire.dsn(database), "deploy")
    stop.wait()
    wire.cut()

    told = failed(process)

    assert "deploy of p:b: the connection was lost" in told
    assert WHOLE_OR_ABSENT in told
    assert deployed(watcher) == (["a", "b"] if is_done else ["a"])
    run(sample, database, "deploy")
    assert_each_deployed_once(sample, database, watcher)


def test_a_connection_that_is_lost_at_the_commit_of_a_revert_can_be_gone_on_from(
    database: str, wire: Wire, watcher: Connection, sample: Sample
) -> None:
    run(sample, database, "deploy")
    stop = wire.hold("DELETE FROM sqitch.changes", answer=True)
    process = start(sample, wire.dsn(database), "revert", "p", "--all", "--yes")
    stop.wait()
    wire.cut()

    assert "revert of p:c: the connection was lost" in failed(process)
    assert deployed(watcher) == ["a", "b"]
    run(sample, database, "revert", "p", "--all", "--yes")
    assert [event for event, *_ in rows(database)["events"]] == ["deploy"] * 3 + ["revert"] * 3


def test_an_administrator_may_end_a_deploy(
    database: str, watcher: Connection, sample: Sample
) -> None:
    whole = make_sleepy(sample, "p:b")
    process = start(sample, database, "deploy")
    eventually(lambda: count(watcher, SLEEPING) == 1, "the script sleeps")
    watcher.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    )

    told = failed(process)

    assert "deploy of p:b: the connection was lost: " in told
    assert "terminating connection due to administrator command" in told
    sample.path("deploy", "p:b").write_text(whole)
    run(sample, database, "deploy")
    assert_each_deployed_once(sample, database, watcher)


def test_an_administrator_may_cancel_a_statement(
    database: str, watcher: Connection, sample: Sample
) -> None:
    whole = make_sleepy(sample, "p:b")
    process = start(sample, database, "deploy")
    eventually(lambda: count(watcher, SLEEPING) == 1, "the script sleeps")
    watcher.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    )

    told = failed(process)

    # It is the change's failure, of which nothing remains, and it is in the history.
    assert "sql/deploy/p/b.sql:7:1: canceling statement due to user request (57014)" in told
    assert [event for event, *_ in rows(database)["events"]] == ["deploy", "fail"]
    sample.path("deploy", "p:b").write_text(whole)
    run(sample, database, "deploy")
    assert deployed(watcher) == ["a", "b", "c"]


@pytest.fixture
def own_server(server: Cluster) -> Iterator[Cluster]:
    """A server for one test alone, which may crash it."""
    made = Cluster(server.name, server.programs.directory)
    yield made
    eventually(lambda: answers(made.dsn()), "the server is back")
    made.stop()


@pytest.mark.parametrize("point", ["in a script", "before the commit"])
def test_a_server_that_crashes_leaves_each_change_whole_or_absent(
    point: str, own_server: Cluster, sample: Sample
) -> None:
    database = own_server.dsn(own_server.create())
    script = sample.path("deploy", "p:b")
    whole = script.read_text()
    with wire_to(database) as wire:
        stop = wire.hold(RECORD, occurrence=2)
        if point == "in a script":
            make_sleepy(sample, "p:b")
        process = start(sample, wire.dsn(database), "deploy")
        with connect(database) as watcher:
            if point == "in a script":
                eventually(lambda: count(watcher, SLEEPING) == 1, "the script sleeps")
            else:
                stop.wait()
            # A server process that dies takes all others with it, and the server begins anew.
            os.kill(watcher.info.backend_pid, signal.SIGKILL)
        told = failed(process)

    assert "deploy of p:b: the connection was lost" in told
    assert WHOLE_OR_ABSENT in told
    script.write_text(whole)
    eventually(lambda: answers(database), "the server is back")
    with connect(database) as watcher:
        assert deployed(watcher) == ["a"]
        run(sample, database, "deploy")
        assert_each_deployed_once(sample, database, watcher)


def answers(database: str) -> bool:
    try:
        connect(database).close()
    except ConnectFailed:
        return False
    return True


# Who holds the lock ------------------------------------------------------------------------------


def test_who_waits_goes_on_when_the_holder_is_killed(
    database: str, watcher: Connection, sample: Sample
) -> None:
    whole = make_sleepy(sample, "p:b")
    holder = start(sample, database, "deploy")
    eventually(lambda: count(watcher, SLEEPING) == 1, "the script sleeps")
    sample.path("deploy", "p:b").write_text(whole)
    waiting = start(sample, database, "deploy")
    assert waiting.stderr is not None
    assert "waiting for another deploy to end: process" in waiting.stderr.readline()
    kill(holder)

    end(waiting)

    assert_each_deployed_once(sample, database, watcher)


def test_who_waits_for_an_idle_holder_gives_up_and_names_it(
    database: str, watcher: Connection, sample: Sample
) -> None:
    watcher.execute("SELECT pg_advisory_lock(75474063)")

    began = time.monotonic()
    told = failed(start(sample, database, "deploy", "--lock-wait", "1"))

    assert time.monotonic() - began >= 1
    assert f"it is held by process {watcher.info.backend_pid} (the test, since 20" in told
    assert "hint: Waited 1 s. Wait longer with --lock-wait" in told
    assert count(watcher, "SELECT FROM pg_namespace WHERE nspname = 'sqitch'") == 0


def test_a_real_deadlock_is_tried_again(database: str, watcher: Connection, sample: Sample) -> None:
    run(sample, database, "deploy")
    sample.add(
        "p:d",
        deploy="LOCK TABLE a;\nSELECT pg_advisory_xact_lock(1);\nALTER TABLE b ADD COLUMN d int;",
        revert="ALTER TABLE b DROP COLUMN d;",
        verify="TABLE b;",
    )
    # The deploy looks for a deadlock at once, the other one never: it is the deploy that loses.
    watcher.execute(f"ALTER DATABASE {watcher.info.dbname} SET deadlock_timeout = '50ms'")
    watcher.execute("SELECT pg_advisory_lock(1)")
    with connect(database, application_name="in the way") as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE b")
        process = start(sample, database, "deploy", "--lock-timeout", "30")
        blocked = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        eventually(lambda: count(watcher, blocked) == 1, "the script stands between two locks")
        crossing = pool.submit(other.execute, "LOCK TABLE a; COMMIT")
        wants = "SELECT FROM pg_locks WHERE relation = 'a'::regclass AND NOT granted"
        eventually(lambda: count(watcher, wants) == 1, "the other wants the first lock")
        watcher.execute("SELECT pg_advisory_unlock(1)")
        _, told = end(process)
        crossing.result()

    assert "retrying p:d" in told
    assert "deadlock detected" in told
    assert deployed(watcher) == ["a", "b", "c", "d"]


# Whose connection it is --------------------------------------------------------------------------


@pytest.fixture
def role(server: Cluster, watcher: Connection) -> Iterator[str]:
    """A login without any right beyond what everybody has."""
    name = f"somebody_{watcher.info.dbname}"
    watcher.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    watcher.execute(f"DROP OWNED BY {name} CASCADE")
    # Not before its last session has ended, which is a moment after the client has.
    eventually(lambda: others(watcher) == 0, "it has gone")
    watcher.execute(f"DROP ROLE {name}")


def as_role(database: str, role: str) -> str:
    return database.replace("postgres@", f"{role}@")


def test_a_role_that_may_create_nothing_is_told_so(
    database: str, watcher: Connection, sample: Sample, role: str
) -> None:
    told = failed(start(sample, as_role(database, role), "deploy"))

    assert "cannot write the registry: permission denied for database" in told
    assert count(watcher, "SELECT FROM pg_namespace WHERE nspname = 'sqitch'") == 0
    assert count(watcher, HOLDS_LOCK) == 0


def test_a_role_that_may_create_schemas_only_is_told_the_line(
    database: str, watcher: Connection, sample: Sample, role: str
) -> None:
    watcher.execute(f"GRANT CREATE ON DATABASE {watcher.info.dbname} TO {role}")

    told = failed(start(sample, as_role(database, role), "deploy"))

    assert "sql/deploy/p/a.sql:5:14: permission denied for schema public (42501)" in told
    assert deployed(watcher) == []


def test_a_login_may_act_as_the_owner_who_cannot_log_in(
    database: str, watcher: Connection, sample: Sample, role: str
) -> None:
    owner = f"{role}_owner"
    watcher.execute(f"CREATE ROLE {owner} NOLOGIN; GRANT {owner} TO {role}")
    watcher.execute(f"GRANT CREATE ON DATABASE {watcher.info.dbname} TO {owner}")
    watcher.execute(f"GRANT CREATE ON SCHEMA public TO {owner}")
    try:
        # The role is the session's default, to which it is reset between two changes.
        through = f"{as_role(database, role)}?options={quote(f'-c role={owner}')}"
        run(sample, through, "deploy")
        run(sample, through, "verify")

        owners = watcher.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
            " WHERE relnamespace IN ('public'::regnamespace, 'sqitch'::regnamespace)"
        ).fetchall()
        assert owners == [(owner,)]
        run(sample, through, "revert", "p", "--all", "--yes")
    finally:
        watcher.execute(f"DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}")


@pytest.mark.parametrize("path", ["nowhere", "pg_catalog", "sqitch", "odd, public"])
def test_the_registry_is_found_whatever_the_search_path(
    database: str, watcher: Connection, sample: Sample, path: str
) -> None:
    for name in ("a", "b", "c"):
        sample.write("deploy", f"p:{name}", f"CREATE TABLE public.{name} (id integer);")
        sample.write("revert", f"p:{name}", f"DROP TABLE public.{name};")
        sample.write("verify", f"p:{name}", f"TABLE public.{name};")
    watcher.execute(
        "CREATE SCHEMA odd; CREATE TABLE odd.changes (id integer); CREATE TABLE odd.events ();"
        "CREATE FUNCTION odd.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        " AS $$ SELECT 'infinity'::timestamptz $$"
    )
    watcher.execute(f"ALTER DATABASE {watcher.info.dbname} SET search_path = {path}")

    run(sample, database, "deploy")
    run(sample, database, "verify")
    run(sample, database, "check")
    run(sample, database, "revert", "p", "--to", "a", "--yes")
    run(sample, database, "deploy")

    assert deployed(watcher) == ["a", "b", "c"]
    assert count(watcher, "SELECT FROM odd.changes") == 0


# Reading only ------------------------------------------------------------------------------------


READ_ONLY_COMMANDS = [
    ("status",),
    ("status", "--json"),
    ("check",),
    ("log",),
    ("verify",),
    ("deploy", "--dry-run"),
    ("revert", "p", "--all", "--dry-run"),
]


@pytest.mark.parametrize("command", READ_ONLY_COMMANDS, ids=" ".join)
def test_what_only_looks_needs_only_the_right_to_look(
    command: tuple[str, ...], database: str, watcher: Connection, sample: Sample, role: str
) -> None:
    run(sample, database, "deploy", "p:b")
    watcher.execute(
        f"GRANT USAGE ON SCHEMA sqitch, muniment TO {role};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA sqitch, muniment, public TO {role};"
        f"ALTER ROLE {role} SET default_transaction_read_only = on"
    )
    # Who wanted the deploy lock, or a table for itself, would wait in vain.
    watcher.execute("SELECT pg_advisory_lock(75474063)")
    watcher.execute("BEGIN; LOCK TABLE sqitch.changes, a IN EXCLUSIVE MODE")

    run(sample, as_role(database, role), *command)


@pytest.mark.parametrize("command", READ_ONLY_COMMANDS, ids=" ".join)
def test_what_only_looks_works_on_a_standby(
    command: tuple[str, ...], database: str, sample: Sample, standby: Standby
) -> None:
    run(sample, database, "deploy", "p:b")

    on_primary = run(sample, database, *command)

    assert run(sample, standby.dsn(database), *command) == on_primary


@pytest.mark.parametrize("command", READ_ONLY_COMMANDS[:6], ids=" ".join)
def test_what_only_looks_finds_nothing_on_a_standby_where_there_is_nothing(
    command: tuple[str, ...], database: str, sample: Sample, standby: Standby
) -> None:
    run(sample, standby.dsn(database), *command)


@pytest.mark.parametrize(
    "command", [("deploy",), ("revert", "p", "--all", "--yes")], ids=["deploy", "revert"]
)
def test_what_writes_is_refused_on_a_standby(
    command: tuple[str, ...], database: str, sample: Sample, standby: Standby
) -> None:
    run(sample, database, "deploy", "p:b")

    told = failed(start(sample, standby.dsn(database), *command))

    assert "(25006)" in told or "recovery" in told

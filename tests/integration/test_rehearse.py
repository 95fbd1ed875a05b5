"""Rehearsing: a deploy is tried forth, back and forth again, and nothing of it remains.

What a database holds is compared by pg_dump, registry and rows included; what a cluster holds, by
pg_dumpall. The project's own plans make roles, so they are rehearsed on servers of their own.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.fix_postgres import NEED_VECTOR, ROOT, Cluster, installations
from tests.sample import SETTINGS, Sample
from tests.shell_blocks import run_line, shell_commands

from muniment._db import Connection, connect
from muniment.errors import (
    ConnectFailed,
    DeployFailed,
    DriftFound,
    LockTimedOut,
    MigrationError,
    MunimentError,
    PlanError,
    RevertFailed,
    RevertRefused,
    ScriptError,
    VerifyFailed,
)
from muniment.migrate import engine
from muniment.migrate.engine import Projects, Target
from muniment.migrate.events import (
    ChangeFailed,
    ChangeRehearsed,
    ChangeStarted,
    Event,
    NothingToDo,
    Notice,
    RunFinished,
    RunPlanned,
)
from muniment.migrate.locks import LOCK_KEY

E = TypeVar("E", bound=Event)

OWN = Projects(ROOT / "sql")
IMPATIENT = replace(SETTINGS, lock_wait=0.0, lock_timeout=0.1)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application_name="first") as opened:
        yield opened


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    """Another session of the same database, by which tests look and interfere."""
    with connect(database, application_name="second") as opened:
        yield opened


@pytest.fixture(scope="module", params=list(installations()))
def own_server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server without anybody's roles."""
    cluster = Cluster(request.param, installations()[request.param])
    yield cluster
    cluster.stop()


def rehearse(
    connection: Connection,
    sample: Sample,
    *targets: str,
    settings: engine.Settings = SETTINGS,
    allow_drift: bool = False,
) -> Iterator[Event]:
    return engine.rehearse(
        connection,
        sample.projects,
        sample.targets(*targets),
        settings=settings,
        allow_drift=allow_drift,
    )


def deploy(connection: Connection, sample: Sample, *targets: str) -> None:
    list(engine.deploy(connection, sample.projects, sample.targets(*targets), settings=SETTINGS))


def failing(run: Iterable[Event], error: type[MunimentError]) -> tuple[list[Event], MunimentError]:
    """Return the events of a run that ends in an error, and the error."""
    events: list[Event] = []
    try:
        for event in run:
            events.append(event)
    except error as caught:
        return events, caught
    pytest.fail(f"did not raise {error.__name__}")


def of(kind: type[E], events: Iterable[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def steps(events: Iterable[Event]) -> list[str]:
    return [f"{event.step} {event.change}" for event in of(ChangeRehearsed, events)]


def all_there_is(cluster: Cluster, dsn: str) -> list[str]:
    """Return what pg_dump says of a database, and pg_dumpall of the roles of its cluster."""
    lines: list[str] = []
    for program, *options in (("pg_dump",), ("pg_dumpall", "--roles-only")):
        done = cluster.programs.run(program, *options, f"--dbname={dsn}")
        assert done.returncode == 0, done.stderr
        lines += done.stdout.splitlines()
    # From 15.14, 16.10, 17.6 on, psql is told a random word before and after.
    return [line for line in lines if not line.startswith(("\\restrict ", "\\unrestrict "))]


# The project's own plans -------------------------------------------------------


def own_targets(connection: Connection) -> list[Target]:
    """Return everything that the server has the extensions for."""
    vector = connection.execute(
        "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'vector'"
    ).rowcount
    # What the others require of `platform`, the engine takes along.
    return [one for one in OWN.default_targets if vector or one.project not in NEED_VECTOR]


def test_the_whole_plan_is_rehearsed_and_nothing_remains(own_server: Cluster) -> None:
    with own_server.database() as dsn, connect(dsn) as connection:
        before = all_there_is(own_server, dsn)
        targets = own_targets(connection)
        changes = [change.qualified for change in OWN.steps(targets)]

        events = list(engine.rehearse(connection, OWN, targets, settings=SETTINGS))

        assert steps(events) == [
            *(f"deploy {change}" for change in changes),
            *(f"revert {change}" for change in reversed(changes)),
            *(f"redeploy {change}" for change in changes),
        ]
        assert len(changes) > 10
        assert all_there_is(own_server, dsn) == before


def test_what_is_pending_is_rehearsed_and_nothing_remains(own_server: Cluster) -> None:
    with own_server.database() as dsn, connect(dsn) as connection:
        targets = own_targets(connection)
        changes = OWN.steps(targets)
        half = changes[len(changes) // 2]
        done = Target(half.project, half.name)
        list(engine.deploy(connection, OWN, [done], settings=SETTINGS))
        before = all_there_is(own_server, dsn)
        assert any(half.project in line for line in before)

        events = list(engine.rehearse(connection, OWN, targets, settings=SETTINGS))

        assert all_there_is(own_server, dsn) == before
        list(engine.deploy(connection, OWN, targets, settings=SETTINGS))
        pending = set(changes) - set(OWN.steps([done]))
        assert {event.change for event in of(ChangeRehearsed, events)} == {
            change.qualified for change in pending
        }
        list(engine.revert(connection, OWN, OWN.names, keep=None, settings=SETTINGS))


# Forth, back, and forth again --------------------------------------------------


def test_every_step_is_told(connection: Connection, sample: Sample) -> None:
    sample.add("p:a", deploy="CREATE TABLE a (id integer);\nDO $$ BEGIN RAISE NOTICE 'hm'; END $$;")
    sample.add("p:b")

    events = list(rehearse(connection, sample))

    a, b = (sample.projects.plan("p").find(name).change_id for name in "ab")
    untimed = [
        replace(event, duration_ms=0) if isinstance(event, ChangeRehearsed | RunFinished) else event
        for event in events
    ]
    assert untimed == [
        RunPlanned("rehearse", ("p:a", "p:b"), dry_run=False),
        ChangeStarted("rehearse", "p:a", a, 1, 6),
        Notice("p:a", "NOTICE", "hm"),
        ChangeRehearsed("p:a", a, "deploy", 0),
        ChangeStarted("rehearse", "p:b", b, 2, 6),
        ChangeRehearsed("p:b", b, "deploy", 0),
        ChangeStarted("rehearse", "p:b", b, 3, 6),
        ChangeRehearsed("p:b", b, "revert", 0),
        ChangeStarted("rehearse", "p:a", a, 4, 6),
        ChangeRehearsed("p:a", a, "revert", 0),
        ChangeStarted("rehearse", "p:a", a, 5, 6),
        Notice("p:a", "NOTICE", "hm"),
        ChangeRehearsed("p:a", a, "redeploy", 0),
        ChangeStarted("rehearse", "p:b", b, 6, 6),
        ChangeRehearsed("p:b", b, "redeploy", 0),
        RunFinished("rehearse", 2, 0),
    ]


def test_what_is_deployed_is_not_rehearsed(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.add("p:c")
    deploy(connection, sample, "p:a")

    assert steps(rehearse(connection, sample, "p:b")) == [
        "deploy p:b",
        "revert p:b",
        "redeploy p:b",
    ]
    deploy(connection, sample)
    assert list(rehearse(connection, sample)) == [NothingToDo("rehearse")]


def test_a_script_sees_what_was_recorded_before_it(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    sample.add(
        "p:b",
        deploy="SELECT 1 / count(*) FROM sqitch.changes WHERE change = 'a';",
        revert="SELECT 1 / count(*) FROM sqitch.changes WHERE change = 'b';",
        verify="SELECT 1;",
    )

    assert len(steps(rehearse(connection, sample))) == 6


def test_a_rework_goes_back_by_its_own_script(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework(
        "p:a",
        "v1",
        deploy="ALTER TABLE a ADD COLUMN x integer;",
        revert="ALTER TABLE a DROP COLUMN x;",
        verify="SELECT x FROM a;",
    )

    assert len(steps(rehearse(connection, sample))) == 6


# What it finds -----------------------------------------------------------------

BOOM = "SELECT nowhere;"


@pytest.mark.parametrize(
    ("kind", "error", "exit_code", "done"),
    [
        ("deploy", DeployFailed, 1, ["deploy p:a"]),
        ("verify", VerifyFailed, 3, ["deploy p:a"]),
        ("revert", RevertFailed, 1, ["deploy p:a", "deploy p:b"]),
    ],
)
def test_a_failing_script_is_told_with_its_place_and_nothing_remains(
    server: Cluster,
    database: str,
    connection: Connection,
    sample: Sample,
    kind: str,
    error: type[MigrationError],
    exit_code: int,
    done: list[str],
) -> None:
    sample.add("z:z")
    deploy(connection, sample)
    sample.add("p:a")
    sample.add("p:b")
    sample.write(kind, "p:b", BOOM)
    before = all_there_is(server, database)

    events, caught = failing(rehearse(connection, sample), error)

    assert steps(events) == done
    path = sample.path(kind, "p:b")
    assert caught.message == (
        f'{kind} failed: p:b: {path}:5:8: column "nowhere" does not exist (42703)'
    )
    assert caught.exit_code == exit_code
    assert caught.hint == "This was a rehearsal: nothing of it remains."
    (failed,) = of(ChangeFailed, events)
    assert (failed.action, failed.path, failed.line, failed.column, failed.sqlstate) == (
        "rehearse",
        str(path),
        5,
        8,
        "42703",
    )
    # Not even a line of history, which a deploy that fails leaves.
    assert all_there_is(server, database) == before
    assert connection.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})").fetchone() == (True,)


def test_a_revert_script_that_leaves_something_is_found(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="CREATE TABLE a (id integer);\nCREATE TABLE more (id integer);")

    events, error = failing(rehearse(connection, sample), DeployFailed)

    assert steps(events) == ["deploy p:a", "revert p:a"]
    assert 'relation "more" already exists' in error.message
    assert error.hint is not None
    assert "a revert script leaves something" in error.hint


def test_what_the_server_says_before_a_failure_is_told(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="DO $$ BEGIN RAISE WARNING 'careful'; END $$;\nSELECT 1 / 0;")

    events, _ = failing(rehearse(connection, sample), DeployFailed)

    assert [type(event) for event in events[-2:]] == [Notice, ChangeFailed]
    assert of(Notice, events) == [Notice("p:a", "WARNING", "careful")]


def test_a_revert_script_that_protects_data_is_told(connection: Connection, sample: Sample) -> None:
    sample.add(
        "p:a",
        revert="DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'MU900'; END $$;",
    )

    _, error = failing(rehearse(connection, sample), RevertRefused)

    assert error.message.startswith("revert failed: p:a: ")


def test_a_script_that_lets_go_of_the_deploy_lock_is_found(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="SELECT pg_advisory_unlock_all();", verify="SELECT 1;")

    _, error = failing(rehearse(connection, sample), DeployFailed)

    assert "lost the deploy lock" in error.message


def test_a_lost_connection_is_told(
    database: str, connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", deploy="SELECT pg_terminate_backend(pg_backend_pid());")

    _, error = failing(rehearse(connection, sample), ConnectFailed)

    assert error.message.startswith("rehearsal of p:b: ")
    assert other.execute("SELECT WHERE to_regclass('a') IS NULL").rowcount == 1


# Where the commits would be ----------------------------------------------------

PARENT_AND_CHILD = """\
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (
    id integer,
    CONSTRAINT child_parent_fk FOREIGN KEY (id) REFERENCES parent (id)
        DEFERRABLE INITIALLY DEFERRED
);"""


def test_a_constraint_that_would_fail_at_the_commit_is_the_failure_of_its_change(
    server: Cluster, database: str, connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy=PARENT_AND_CHILD, verify="TABLE child;")
    sample.add("p:b", deploy="INSERT INTO child VALUES (1);", verify="TABLE child;")
    sample.add("p:c")
    before = all_there_is(server, database)

    events, error = failing(rehearse(connection, sample), DeployFailed)

    assert steps(events) == ["deploy p:a"]
    assert isinstance(error, DeployFailed)
    assert (error.change, error.sqlstate) == ("p:b", "23503")
    assert error.message.startswith("deploy failed: p:b: check of deferred constraints: ")
    assert all_there_is(server, database) == before


def test_each_change_begins_with_constraints_as_they_were_made(
    connection: Connection, sample: Sample
) -> None:
    """SET CONSTRAINTS ALL would hold for the rest of the transaction."""
    sample.add(
        "p:a",
        deploy=PARENT_AND_CHILD + "\nINSERT INTO child VALUES (1);\nINSERT INTO parent VALUES (1);",
        revert="DROP TABLE child;\nDROP TABLE parent;",
        verify="TABLE child;",
    )
    # On a constraint that was there before, and on one that is made only now.
    sample.add(
        "p:b",
        deploy="INSERT INTO child VALUES (2);\nINSERT INTO parent VALUES (2);\n"
        "CREATE TABLE node (id integer PRIMARY KEY, next integer NOT NULL REFERENCES node"
        " DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO node VALUES (1, 2);\nINSERT INTO node VALUES (2, 1);",
        revert="DELETE FROM parent WHERE id = 2;\nDELETE FROM child WHERE id = 2;\n"
        "DROP TABLE node;",
        verify="TABLE node;",
    )
    # One that is deferrable and begins immediate does not become deferred.
    sample.add(
        "p:c",
        deploy="CREATE TABLE place (no integer UNIQUE DEFERRABLE);\nINSERT INTO place VALUES (1);",
        revert="DROP TABLE place;",
        verify="TABLE place;",
    )
    assert len(steps(rehearse(connection, sample))) == 9
    sample.add("p:d", deploy="INSERT INTO place VALUES (1);\nSELECT 1 AS reached;")

    _, error = failing(rehearse(connection, sample), DeployFailed)

    assert f"{sample.path('deploy', 'p:d')}:5:1: duplicate key" in error.message


def test_a_table_with_deferred_work_can_be_altered_by_the_next_change(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy=PARENT_AND_CHILD + "\nINSERT INTO child VALUES (1);\nINSERT INTO parent VALUES (1);",
        revert="DROP TABLE child;\nDROP TABLE parent;",
        verify="TABLE child;",
    )
    sample.add(
        "p:b",
        deploy="ALTER TABLE child ADD COLUMN note text;",
        revert="ALTER TABLE child DROP COLUMN note;",
        verify="SELECT note FROM child;",
    )

    assert len(steps(rehearse(connection, sample))) == 6


def test_names_that_several_constraints_share_are_no_trouble(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy='CREATE TABLE "An a" (id integer, CONSTRAINT "A ""b""" UNIQUE (id)'
        " DEFERRABLE INITIALLY DEFERRED);\n"
        'CREATE TABLE b (id integer, CONSTRAINT "A ""b""" CHECK (id > 0));',
        revert='DROP TABLE "An a";\nDROP TABLE b;',
        verify='TABLE "An a";',
    )
    sample.add("p:c")

    assert len(steps(rehearse(connection, sample))) == 6


def test_a_change_begins_in_a_clean_session(connection: Connection, sample: Sample) -> None:
    for name in "ab":
        sample.add(
            f"p:{name}",
            deploy=f"CREATE TABLE {name} (id integer);\nCREATE TEMPORARY TABLE t (id integer);\n"
            "PREPARE s AS SELECT 1;\nSET search_path = nowhere;\nSET ROLE pg_monitor;",
            revert=f"DROP TABLE {name};\nCREATE TEMPORARY TABLE t (id integer);\n"
            "SET search_path = nowhere;",
        )

    assert len(steps(rehearse(connection, sample))) == 6


# What is refused ---------------------------------------------------------------


def test_what_cannot_be_undone_is_refused_by_name_before_anything_starts(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    for name in "bc":
        sample.add(
            f"p:{name}",
            deploy=f"CREATE INDEX CONCURRENTLY {name}_ix ON a (id);",
            revert=f"DROP INDEX CONCURRENTLY {name}_ix;",
            verify="TABLE a;",
            transactional=False,
        )

    events, error = failing(rehearse(connection, sample), ScriptError)

    assert events == []
    assert error.message.endswith("its script is not one transaction: p:b, p:c")
    assert str(sample.path("deploy", "p:b")) in error.message
    assert steps(rehearse(connection, sample, "p:a")) == [
        "deploy p:a",
        "revert p:a",
        "redeploy p:a",
    ]
    deploy(connection, sample, "p:b")
    assert list(rehearse(connection, sample, "p:b")) == [NothingToDo("rehearse")]


def test_a_revert_that_is_half_done_is_refused_by_name(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add(
        "p:b",
        deploy="CREATE INDEX CONCURRENTLY b_ix ON a (id);",
        revert="DROP INDEX CONCURRENTLY b_ix;\nSELECT nowhere;",
        verify="TABLE a;",
        transactional=False,
    )
    deploy(connection, sample)
    undo = engine.revert(
        connection, sample.projects, ["p"], keep=Target("p", "a"), settings=SETTINGS
    )
    failing(undo, RevertFailed)
    sample.add("p:c")

    _, error = failing(rehearse(connection, sample), ScriptError)

    assert error.message.endswith("its script is not one transaction: p:b")


def test_drift_is_refused_as_by_a_deploy(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b")
    with sample.path("deploy", "p:a").open("a") as file:
        file.write("-- drift\n")

    events, error = failing(rehearse(connection, sample), DriftFound)

    assert events == []
    assert error.exit_code == 3
    assert len(steps(rehearse(connection, sample, allow_drift=True))) == 3


def test_a_requirement_that_is_not_deployed_is_refused(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", requires=["elsewhere:x"])

    events, _ = failing(rehearse(connection, sample), DeployFailed)

    assert events == []


def test_a_missing_revert_script_is_found_before_anything_starts(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.path("revert", "p:a").unlink()

    events, _ = failing(rehearse(connection, sample), PlanError)

    assert events == []


# Others at the same time -------------------------------------------------------


def test_it_waits_for_another_deploy(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    events, _ = failing(rehearse(connection, sample, settings=IMPATIENT), LockTimedOut)

    assert of(RunPlanned, events) == []


def test_it_gives_way_at_once_where_a_table_is_in_use(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b")
    sample.add("p:c", deploy="ALTER TABLE a ADD COLUMN x integer;")
    other.execute("BEGIN")
    other.execute("LOCK TABLE a IN ACCESS SHARE MODE")

    events, error = failing(rehearse(connection, sample, settings=IMPATIENT), DeployFailed)

    assert isinstance(error, DeployFailed)
    assert error.sqlstate == "55P03"
    assert error.hint is not None
    assert "nothing of it remains" in error.hint
    assert "(second, idle in transaction" in error.hint
    assert steps(events) == ["deploy p:b"]


def test_a_rehearsal_is_seen_by_nobody(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b")
    seen = []
    for event in rehearse(connection, sample):
        if isinstance(event, ChangeRehearsed):
            (status,) = engine.status(other, sample.projects)
            seen.append((status.pending, status.differences))
            locked = other.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})").fetchone()
            assert locked == (False,)

    assert seen == [(("b",), ())] * 3


def test_what_somebody_records_before_it_begins_is_noticed(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    """A sqitch before 1.2 takes no advisory lock."""
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b")
    planned = []
    for event in rehearse(connection, sample):
        if isinstance(event, RunPlanned):
            planned.append(event.changes)
            if len(planned) == 1:
                other.execute("DROP TABLE a")
                other.execute("DELETE FROM sqitch.changes")

    assert planned == [("p:b",), ("p:a", "p:b")]


def test_a_rehearsal_that_is_abandoned_leaves_nothing(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    run = rehearse(connection, sample)
    for event in run:
        if isinstance(event, ChangeRehearsed):
            break

    run.close()  # type: ignore[attr-defined]

    assert other.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})").fetchone() == (True,)
    assert other.execute("SELECT WHERE to_regclass('a') IS NULL").rowcount == 1


def start(sample: Sample, dsn: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*(sys.executable, "-m", "muniment", *arguments), *("--sql-dir", "sql", "--dsn", dsn)],
        cwd=sample.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("kind", "stop"),
    [
        ("deploy", signal.SIGKILL),
        ("verify", signal.SIGKILL),
        ("revert", signal.SIGKILL),
        ("revert", signal.SIGINT),
        ("revert", signal.SIGTERM),
    ],
)
def test_a_rehearsal_that_is_stopped_leaves_nothing(
    server: Cluster,
    database: str,
    other: Connection,
    sample: Sample,
    kind: str,
    stop: signal.Signals,
) -> None:
    sample.add("p:a")
    deploy(other, sample)
    sample.add("p:b")
    scripts: dict[str, Any] = {
        "deploy": "CREATE TABLE c (id integer);",
        "verify": "TABLE c;",
        "revert": "DROP TABLE c;",
    }
    scripts[kind] += "\nSELECT pg_sleep(600);"
    sample.add("p:c", **scripts)
    before = all_there_is(server, database)
    process = start(sample, database, "rehearse")
    eventually(
        lambda: (
            other.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event = 'PgSleep'"
            ).rowcount
            == 1
        )
    )

    process.send_signal(stop)
    process.communicate(timeout=20)

    assert process.returncode == (-signal.SIGKILL if stop == signal.SIGKILL else 130)
    # The server would sleep for ten minutes with the deploy lock in its hand.
    eventually(
        lambda: other.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})").fetchone() == (True,)
    )
    other.execute(f"SELECT pg_advisory_unlock({LOCK_KEY})")
    assert all_there_is(server, database) == before


# The command -------------------------------------------------------------------


def test_the_command_tells_what_it_does(database: str, sample: Sample) -> None:
    sample.add("p:a")
    sample.add("p:b")

    def run(*arguments: str) -> tuple[int, str, str]:
        process = start(sample, database, "rehearse", *arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    code, out, err = run("p", "--to", "a")
    assert (code, out) == (0, "")
    assert [line.partition(" (")[0] for line in err.splitlines()[:-1]] == [
        "rehearsed deploy of p:a",
        "rehearsed revert of p:a",
        "rehearsed redeploy of p:a",
    ]
    assert err.splitlines()[-1].startswith("rehearsed 1 change in ")
    code, out, err = run("--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == [
        "run_planned",
        *["change_started", "change_rehearsed"] * 6,
        "run_finished",
    ]
    assert events[2] == {
        "event": "change_rehearsed",
        "change": "p:a",
        "change_id": sample.projects.plan("p").find("a").change_id,
        "step": "deploy",
        "duration_ms": events[2]["duration_ms"],
    }
    sample.write("verify", "p:b", BOOM)
    code, out, err = run("--json")
    last = json.loads(out.splitlines()[-1])
    assert (code, last["event"], last["error"]) == (3, "run_failed", "VerifyFailed")
    assert "muniment: verify failed: p:b: sql/verify/p/b.sql:5:8: " in err
    assert "hint: This was a rehearsal: nothing of it remains." in err
    assert run("--to", "a")[0] == 2


def test_the_page_is_true(server: Cluster, database: str, tmp_path: Path) -> None:
    before = all_there_is(server, database)
    commands = shell_commands("docs/how-to/rehearse-a-deploy.md")
    assert len(commands) == 3

    for line in commands:
        done = run_line(line, database, directory=tmp_path, programs=server.programs.directory)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    assert all_there_is(server, database) == before

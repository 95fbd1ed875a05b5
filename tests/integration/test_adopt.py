"""Adopting: what is in a database already is recorded as deployed, once every verify has passed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from tests.fix_postgres import ROOT, Cluster
from tests.processes import needs_sqitch
from tests.registry_rows import assert_same, rows
from tests.sample import SETTINGS, Sample
from tests.shell_blocks import run_line, shell_commands

from muniment._db import Connection, connect
from muniment.errors import (
    DeployFailed,
    LockTimedOut,
    MunimentError,
    PlanError,
    ScriptError,
    StoreError,
    VerifyFailed,
)
from muniment.migrate import engine
from muniment.migrate.events import (
    ChangeAdopted,
    ChangeFailed,
    ChangeStarted,
    ChangeVerified,
    Event,
    NothingToDo,
    RegistryCreated,
    RunFinished,
    RunPlanned,
    TagRecorded,
)
from muniment.migrate.locks import LOCK_KEY
from muniment.migrate.recorder import Recorder

E = TypeVar("E", bound=Event)


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


@pytest.fixture
def theirs(server: Cluster) -> Iterator[str]:
    """A second empty database, for sqitch."""
    with server.database() as dsn:
        yield dsn


@pytest.fixture
def varied(sample: Sample) -> Sample:
    """Everything that the registry has a column for."""
    sample.project("p", uri="https://example.org/p")
    sample.add("p:roles", note="Make the roles: ü, \\ and # too.\nOn two lines.")
    sample.add("p:views/daily", requires=["roles"])
    sample.tag("p", "v1", note="The first.")
    sample.tag("p", "v1b")
    sample.add("p:late", requires=["p:roles", "roles@v1", "@v1"], conflicts=["other:x"])
    sample.rework(
        "p:roles",
        "v1",
        deploy="ALTER TABLE roles ADD COLUMN x integer;",
        revert="ALTER TABLE roles DROP COLUMN x;",
        verify="SELECT x FROM roles;",
    )
    # What the rework takes away, the verify script of the first instance would miss.
    sample.path("verify", "p:roles@v1").write_text(
        "-- Verify p:roles on pg\n\nBEGIN;\n\nSELECT gone FROM roles;\n\nROLLBACK;\n"
    )
    sample.tag("p", "v2")
    sample.add("q:b", requires=["p:roles", "p:views/daily@v1", "p:@v2"], conflicts=["other:x"])
    return sample


def by_hand(connection: Connection, *tables: str) -> None:
    """Make tables as somebody does who does not know of a plan."""
    for table in tables:
        connection.execute(f"CREATE TABLE {table} (id integer)".encode())


def adopt(
    connection: Connection,
    sample: Sample,
    *targets: str,
    settings: engine.Settings = SETTINGS,
    dry_run: bool = False,
) -> list[Event]:
    return list(
        engine.adopt(
            connection,
            sample.projects,
            sample.targets(*targets),
            settings=settings,
            dry_run=dry_run,
        )
    )


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


def schemas(connection: Connection) -> set[str]:
    found = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('sqitch', 'muniment')"
    )
    return {name for (name,) in found}


def sqitch(sample: Sample, dsn: str, *arguments: str) -> str:
    done = sample.sqitch(dsn, *arguments)
    assert done.returncode == 0, f"sqitch {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_what_is_there_is_proved_and_then_recorded(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.add("p:b", requires=["a"])
    sample.add("p:c", deploy="SELECT 1 / 0;")
    by_hand(connection, "a", "b")

    events = adopt(connection, sample, "p:b")

    a, b = (sample.projects.plan("p").find(name).change_id for name in "ab")
    untimed = [
        replace(event, duration_ms=0) if isinstance(event, ChangeVerified | RunFinished) else event
        for event in events
    ]
    assert untimed == [
        RunPlanned("adopt", ("p:a", "p:b"), dry_run=False),
        ChangeStarted("verify", "p:a", a, 1, 2),
        ChangeVerified("p:a", a, 0),
        ChangeStarted("verify", "p:b", b, 2, 2),
        ChangeVerified("p:b", b, 0),
        RegistryCreated(),
        ChangeAdopted("p:a", a, ("@v1",)),
        ChangeAdopted("p:b", b, ()),
        RunFinished("adopt", 2, 0),
    ]
    (status,) = engine.status(connection, sample.projects)
    assert status.head is not None
    assert (status.head.name, status.pending) == ("b", ("c",))
    assert engine.check(connection, sample.projects) == []
    assert adopt(connection, sample, "p:b") == [NothingToDo("adopt")]


def test_the_record_says_that_nothing_was_run(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    by_hand(connection, "a")

    adopt(connection, sample)

    change = sample.projects.plan("p").find("a")
    assert connection.execute("SELECT * FROM muniment.change_detail").fetchall() == [
        (
            change.change_id,
            sample.projects.script_hash(change, "revert"),
            sample.projects.script_hash(change, "verify"),
            None,
            "tests 1.0, adopt",
        )
    ]


def test_it_works_on_every_supported_server(each_server: Cluster, sample: Sample) -> None:
    sample.add("p:a")
    with each_server.database() as dsn, connect(dsn) as connection:
        by_hand(connection, "a")
        adopt(connection, sample)
        list(engine.verify(connection, sample.projects))
        list(engine.revert(connection, sample.projects, ["p"], keep=None, settings=SETTINGS))


@needs_sqitch
def test_every_row_is_as_sqitch_writes_it_with_log_only(
    database: str, theirs: str, connection: Connection, varied: Sample
) -> None:
    for dsn in (database, theirs):
        with connect(dsn) as session:
            by_hand(session, "views_daily", "late", "b")
            session.execute("CREATE TABLE roles (id integer, x integer)")

    adopt(connection, varied, "p", "q")
    sqitch(varied, theirs, "deploy", "--log-only", "p")
    sqitch(varied, theirs, "deploy", "--log-only", "q")

    assert_same(database, theirs)
    assert len(rows(database)["changes"]) == 5
    for project in ("p", "q"):
        assert "Nothing to deploy (up-to-date)" in sqitch(varied, database, "status", project)
        assert "Check successful" in sqitch(varied, database, "check", project)
        assert "Verify successful" in sqitch(varied, database, "verify", project)
        assert "Nothing to deploy" in sqitch(varied, database, "deploy", project)
    assert [row[0] for row in rows(database)["events"]] == ["deploy"] * 5


@needs_sqitch
def test_it_goes_on_from_what_sqitch_has_deployed(
    database: str, connection: Connection, sample: Sample
) -> None:
    for name in "abc":
        sample.add(f"p:{name}")
    sqitch(sample, database, "deploy", "--to", "a", "p")
    by_hand(connection, "b", "c")

    events = adopt(connection, sample)

    assert [event.change for event in of(ChangeAdopted, events)] == ["p:b", "p:c"]
    assert of(RegistryCreated, events) == []
    assert "Check successful" in sqitch(sample, database, "check", "p")
    details = connection.execute("SELECT FROM muniment.change_detail").rowcount
    assert details == 2


def test_the_first_instance_of_a_rework_is_proved_where_it_is_the_last_one(
    connection: Connection, varied: Sample
) -> None:
    connection.execute("CREATE TABLE roles (id integer, gone integer)")
    by_hand(connection, "views_daily")

    events = adopt(connection, varied, "p:@v1b")

    assert [event.change for event in of(ChangeVerified, events)] == ["p:roles", "p:views/daily"]


@pytest.mark.parametrize("is_begun", [False, True], ids=["no registry", "a registry"])
def test_every_failing_verify_is_told_and_nothing_is_written(
    connection: Connection, sample: Sample, is_begun: bool
) -> None:
    if is_begun:
        sample.add("z:z")
        by_hand(connection, "z")
        adopt(connection, sample)
    for name in "abcd":
        sample.add(f"p:{name}")
    by_hand(connection, "a", "c")
    before = schemas(connection)

    events, error = failing(
        engine.adopt(connection, sample.projects, sample.targets("p"), settings=SETTINGS),
        VerifyFailed,
    )

    assert [event.change for event in of(ChangeVerified, events)] == ["p:a", "p:c"]
    failed = of(ChangeFailed, events)
    assert [(event.change, event.line, event.column) for event in failed] == [
        ("p:b", 5, 7),
        ("p:d", 5, 7),
    ]
    assert error.exit_code == 3
    assert error.message == "verify failed: 2 of 4 changes: p:b, p:d"
    assert error.hint is not None
    assert "adopt what comes before p:b" in error.hint
    assert schemas(connection) == before
    if is_begun:
        recorded = connection.execute("SELECT project FROM sqitch.changes").fetchall()
        assert recorded == [("z",)]
        assert connection.execute("SELECT FROM sqitch.projects").rowcount == 1


def test_the_verify_scripts_leave_nothing(connection: Connection, sample: Sample) -> None:
    sample.add("p:a", verify="INSERT INTO a VALUES (1);\nSET ROLE pg_monitor;")
    sample.add("p:b", verify="TABLE b;\nSELECT 1 / (SELECT 1 - count(*) FROM a);")
    by_hand(connection, "a", "b")

    adopt(connection, sample)

    assert connection.execute("TABLE a").rowcount == 0


def test_a_deploy_script_is_not_run(connection: Connection, sample: Sample) -> None:
    sample.add("p:a", deploy="CREATE TABLE a (id integer);\nCREATE TABLE more (id integer);")
    by_hand(connection, "a")

    adopt(connection, sample)

    assert connection.execute("SELECT WHERE to_regclass('more') IS NULL").rowcount == 1


def test_a_requirement_that_is_not_deployed_is_refused(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", requires=["elsewhere:x"])
    by_hand(connection, "a")

    with pytest.raises(DeployFailed, match="requires elsewhere:x"):
        adopt(connection, sample)

    assert schemas(connection) == set()


def test_a_conflict_that_is_deployed_is_refused(connection: Connection, sample: Sample) -> None:
    sample.add("q:x")
    sample.add("p:a", conflicts=["q:x"])
    by_hand(connection, "a", "x")
    adopt(connection, sample, "q")

    with pytest.raises(DeployFailed, match="conflicts with q:x"):
        adopt(connection, sample, "p")


def test_two_identical_scripts_are_refused_before_anything_is_proved(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    for kind in ("deploy", "revert", "verify"):
        path = sample.path(kind, "p:a")
        shutil.copy(path, path.with_name("a@v1.sql"))
    sample.add("p:a")
    by_hand(connection, "a")

    events, error = failing(
        engine.adopt(connection, sample.projects, settings=SETTINGS), ScriptError
    )

    assert events == []
    assert "the very same deploy script" in error.message
    assert schemas(connection) == set()


def test_a_history_that_is_not_the_plan_is_refused(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    by_hand(connection, "a")
    adopt(connection, sample)
    plan = sample.plan_path("p")
    plan.write_text(plan.read_text().replace("\na ", "\nb "))

    with pytest.raises(PlanError, match="is not what is deployed"):
        adopt(connection, sample)


def test_a_dry_run_proves_and_writes_nothing_and_takes_no_lock(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    by_hand(connection, "a")
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    events = adopt(connection, sample, dry_run=True)

    assert [event.change for event in of(ChangeVerified, events)] == ["p:a"]
    assert events[-1] == RunPlanned("adopt", ("p:a",), dry_run=True)
    assert schemas(connection) == set()
    sample.add("p:b")
    with pytest.raises(VerifyFailed):
        adopt(connection, sample, dry_run=True)


def test_it_waits_for_another_deploy(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    by_hand(connection, "a")
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    with pytest.raises(LockTimedOut, match="second"):
        adopt(connection, sample, settings=replace(SETTINGS, lock_wait=0.0))

    assert schemas(connection) == set()


@pytest.mark.parametrize("is_begun", [False, True], ids=["no registry", "a registry"])
def test_what_somebody_else_records_meanwhile_is_noticed(
    connection: Connection, other: Connection, sample: Sample, is_begun: bool
) -> None:
    """A sqitch before 1.2 takes no advisory lock."""
    sample.add("z:z")
    sample.add("p:a")
    sample.add("p:b")
    by_hand(connection, "a", "b", "z")
    if is_begun:
        adopt(connection, sample, "z")
    proved: list[str] = []
    for event in engine.adopt(connection, sample.projects, sample.targets("p"), settings=SETTINGS):
        if isinstance(event, ChangeVerified):
            proved.append(event.change)
            if proved == ["p:a", "p:b"]:
                record(other, sample, "p:a", with_registry=not is_begun)

    # All is looked at again, and only what is left is proved and recorded.
    assert proved == ["p:a", "p:b", "p:b"]
    found = connection.execute("SELECT change FROM sqitch.events WHERE project = 'p'").fetchall()
    assert found == [("a",), ("b",)]


def record(connection: Connection, sample: Sample, name: str, *, with_registry: bool) -> None:
    """Record a change as a program does that knows nothing of the deploy lock."""
    recorder = Recorder(connection, SETTINGS.committer)
    change = sample.projects.plan("p").find(name.partition(":")[2])
    script_hash = sample.projects.script_hash(change, "deploy")
    with connection.transaction():
        for statement in [
            *(recorder.create_registry() if with_registry else []),
            recorder.register(sample.projects.plan("p")),
            *recorder.deployed(change, script_hash=script_hash, requires=()),
        ]:
            connection.execute(statement.encode())


def test_a_registry_that_is_broken_is_told_and_not_tried_for_ever(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    by_hand(connection, "a")
    connection.execute("CREATE SCHEMA sqitch")
    connection.execute("CREATE TABLE sqitch.releases ()")

    with pytest.raises(StoreError, match="cannot write the registry") as caught:
        adopt(connection, sample)

    assert caught.value.sqlstate == "42P07"
    assert connection.execute("SELECT FROM pg_tables WHERE schemaname = 'sqitch'").rowcount == 1


def test_a_row_that_is_refused_takes_all_with_it(connection: Connection, sample: Sample) -> None:
    for name in "abc":
        sample.add(f"p:{name}")
    by_hand(connection, "a", "b", "c")
    adopt(connection, sample, "p:a")
    connection.execute("ALTER TABLE sqitch.changes ADD CHECK (change <> 'c')")

    with pytest.raises(StoreError, match="cannot write the registry") as caught:
        adopt(connection, sample)

    assert caught.value.sqlstate == "23514"
    for table in ("sqitch.changes", "sqitch.events", "muniment.change_detail"):
        assert connection.execute(f"TABLE {table}".encode()).rowcount == 1, table
    assert connection.execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})").fetchone() == (True,)


def test_tags_planned_later_are_recorded_too(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    by_hand(connection, "a", "b")
    adopt(connection, sample)
    sample.tag("p", "v1")

    events = adopt(connection, sample)

    assert events == [TagRecorded("p:a", "@v1"), NothingToDo("adopt")]
    sample.tag("p", "v2")
    sample.add("p:b")
    assert TagRecorded("p:a", "@v2") in adopt(connection, sample)
    assert len(rows_of_tags(connection)) == 2


def rows_of_tags(connection: Connection) -> list[tuple[str]]:
    return connection.execute("SELECT tag FROM sqitch.tags").fetchall()


def test_what_was_half_done_and_finished_by_hand_is_adopted(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy="CREATE TABLE a (id integer);\nCREATE INDEX CONCURRENTLY a_ix ON nowhere (id);",
        verify="SELECT 'a_ix'::regclass;",
        transactional=False,
    )
    failing(
        engine.deploy(connection, sample.projects, settings=SETTINGS),
        DeployFailed,
    )
    assert connection.execute("TABLE muniment.change_progress").rowcount == 1
    failing(engine.adopt(connection, sample.projects, settings=SETTINGS), VerifyFailed)
    assert connection.execute("TABLE muniment.change_progress").rowcount == 1
    connection.execute("CREATE INDEX a_ix ON a (id)")

    adopt(connection, sample)

    assert connection.execute("TABLE muniment.change_progress").rowcount == 0
    assert connection.execute("TABLE sqitch.changes").rowcount == 1


def muniment(sample: Sample, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "muniment", *arguments),
            *("--sql-dir", "sql", "--dsn", dsn),
        ],
        cwd=sample.directory,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_tells_what_it_did(
    database: str, connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.add("p:b")
    by_hand(connection, "a")

    dry = muniment(sample, database, "adopt", "p", "--to", "a", "--dry-run")
    refused = muniment(sample, database, "adopt", "--json")
    done = muniment(sample, database, "adopt", "p", "--to", "a")
    again = muniment(sample, database, "adopt", "p:a")
    wrong = muniment(sample, database, "adopt", "--to", "a")

    assert (dry.returncode, dry.stdout) == (0, "would adopt p:a\n")
    assert refused.returncode == 3
    last = json.loads(refused.stdout.splitlines()[-1])
    assert (last["event"], last["error"]) == ("run_failed", "VerifyFailed")
    assert "hint: Nothing has been recorded." in refused.stderr
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("verified p:a (")
    assert lines[1:3] == ["created the registry of deployed changes", "adopted p:a @v1"]
    assert lines[3].startswith("adopted 1 change in ")
    assert (again.returncode, again.stderr) == (0, "nothing to adopt\n")
    assert wrong.returncode == 2


def test_the_page_is_true(
    server: Cluster, database: str, connection: Connection, tmp_path: Path
) -> None:
    projects = engine.Projects(ROOT / "sql")
    known = engine.Target("agents", "chat_turn")
    list(engine.deploy(connection, projects, [known], settings=SETTINGS))
    for schema in ("muniment", "sqitch"):
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
    commands = shell_commands("docs/how-to/adopt-a-database.md")
    assert len([line for line in commands if line.startswith("muniment adopt ")]) == 2

    try:
        for line in commands:
            done = run_line(line, database, directory=tmp_path, programs=server.programs.directory)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    finally:
        server.drop("scratch")
    assert engine.status(connection, projects, ["agents"])[0].pending == ()


@needs_sqitch
def test_the_record_alone_can_be_taken_back(
    database: str, connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    by_hand(connection, "a", "b")
    adopt(connection, sample)

    sqitch(sample, database, "revert", "--log-only", "-y", "--to", "a", "p")

    (status,) = engine.status(connection, sample.projects)
    assert status.pending == ("b",)
    assert len(of(ChangeAdopted, adopt(connection, sample))) == 1

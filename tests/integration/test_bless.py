"""Blessing: an edit of a script of a deployed change is accepted, with a reason, if proved."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.fix_postgres import ROOT, Cluster
from tests.processes import needs_sqitch
from tests.registry_rows import rows
from tests.sample import SETTINGS, Sample
from tests.shell_blocks import run_line, shell_commands

from muniment._db import Connection, connect
from muniment.errors import (
    ConfigError,
    LockTimedOut,
    MigrationError,
    MunimentError,
    PlanError,
    ScriptError,
    StoreError,
    VerifyFailed,
)
from muniment.migrate import engine
from muniment.migrate.engine import Committer, Target
from muniment.migrate.events import (
    ChangeBlessed,
    ChangeFailed,
    ChangeStarted,
    ChangeVerified,
    Event,
    NothingToDo,
    RunFinished,
    RunPlanned,
    ScriptDiffers,
)
from muniment.migrate.locks import LOCK_KEY
from muniment.migrate.script import Kind

E = TypeVar("E", bound=Event)

BLESSER = replace(SETTINGS, committer=Committer("Bea Blesser", "bea@example.org"))
KINDS: tuple[Kind, ...] = ("deploy", "revert", "verify")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Two changes."""
    made = Sample(tmp_path)
    made.add("p:a")
    made.add("p:b", requires=["a"])
    return made


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application_name="first") as opened:
        yield opened


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    """Another session of the same database, by which tests look and interfere."""
    with connect(database, application_name="second") as opened:
        yield opened


def deploy(connection: Connection, sample: Sample, *targets: str) -> None:
    list(engine.deploy(connection, sample.projects, sample.targets(*targets), settings=SETTINGS))


def bless(
    connection: Connection,
    sample: Sample,
    change: str,
    reason: str = "A comment.",
    *,
    settings: engine.Settings = BLESSER,
    dry_run: bool = False,
) -> list[Event]:
    return list(
        engine.bless(
            connection,
            sample.projects,
            Target.parse(change),
            reason=reason,
            settings=settings,
            dry_run=dry_run,
        )
    )


def edit(sample: Sample, kind: str, change: str) -> None:
    with sample.path(kind, change).open("a") as file:
        file.write("-- Said better.\n")


def hashes(sample: Sample, spec: str) -> dict[Kind, str]:
    projects = sample.projects
    change = projects.plan("p").find(spec)
    return {kind: projects.script_hash(change, kind) for kind in KINDS}


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


def state(connection: Connection) -> list[tuple[Any, ...]]:
    """Return all that a blessing may touch."""
    found: list[tuple[Any, ...]] = []
    for table in ("sqitch.changes", "sqitch.events", "muniment.change_detail", "muniment.blessing"):
        if connection.execute("SELECT WHERE to_regclass(%s) IS NOT NULL", [table]).rowcount:
            found += connection.execute(f"TABLE {table} ORDER BY 1".encode()).fetchall()
    return found


def test_an_edit_is_shown_proved_and_recorded_with_its_reason(
    connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    before = hashes(sample, "a")
    edit(sample, "deploy", "p:a")
    edit(sample, "verify", "p:a")
    now = hashes(sample, "a")

    events = bless(connection, sample, "p:a", "A comment, and a bit's more \\ 100 %.")

    change = sample.projects.plan("p").find("a")
    untimed = [
        replace(event, duration_ms=0) if isinstance(event, ChangeVerified | RunFinished) else event
        for event in events
    ]
    reason = "A comment, and a bit's more \\ 100 %."
    assert untimed == [
        RunPlanned("bless", ("p:a",), dry_run=False),
        ScriptDiffers(
            "p:a", "deploy", str(sample.path("deploy", "p:a")), before["deploy"], now["deploy"]
        ),
        ScriptDiffers(
            "p:a", "verify", str(sample.path("verify", "p:a")), before["verify"], now["verify"]
        ),
        ChangeStarted("verify", "p:a", change.change_id, 1, 1),
        ChangeVerified("p:a", change.change_id, 0),
        ChangeBlessed("p:a", change.change_id, ("deploy", "verify"), reason),
        RunFinished("bless", 1, 0),
    ]
    blessings = engine.read_blessings(connection)
    assert {
        (one.qualified, one.script, one.old_hash, one.new_hash, one.reason) for one in blessings
    } == {
        ("p:a", "deploy", before["deploy"], now["deploy"], reason),
        ("p:a", "verify", before["verify"], now["verify"], reason),
    }
    assert {(one.committer_name, one.committer_email) for one in blessings} == {
        ("Bea Blesser", "bea@example.org")
    }
    assert all(one.blessed_at.tzinfo for one in blessings)
    assert engine.check(connection, sample.projects) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_script_can_be_blessed(connection: Connection, sample: Sample, kind: Kind) -> None:
    deploy(connection, sample)
    edit(sample, kind, "p:a")
    assert len(engine.check(connection, sample.projects)) == 1

    events = bless(connection, sample, "p:a")

    assert of(ChangeBlessed, events)[0].scripts == (kind,)
    assert engine.check(connection, sample.projects) == []
    assert len(engine.read_blessings(connection)) == 1
    deploy(connection, sample)
    list(engine.revert(connection, sample.projects, ["p"], keep=None, settings=SETTINGS))


def test_how_and_when_it_was_deployed_stays(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    query = (
        "SELECT change_id, duration_ms, deployed_with, committed_at, committer_name"
        " FROM sqitch.changes JOIN muniment.change_detail USING (change_id) ORDER BY 1"
    )
    before = connection.execute(query).fetchall()
    events = connection.execute("SELECT * FROM sqitch.events").fetchall()
    edit(sample, "deploy", "p:a")

    bless(connection, sample, "p:a")

    assert connection.execute(query).fetchall() == before
    assert connection.execute("SELECT * FROM sqitch.events").fetchall() == events


def test_nothing_differs_is_said_and_nothing_is_written(
    connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:b")
    before = state(connection)

    assert bless(connection, sample, "p:a") == [NothingToDo("bless")]
    assert bless(connection, sample, "p:a", dry_run=True) == [NothingToDo("bless")]

    assert state(connection) == before


def test_an_edit_that_is_not_in_the_database_is_refused(
    connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")
    sample.write("verify", "p:a", "SELECT colour FROM a;")
    before = state(connection)

    events, error = failing(
        engine.bless(
            connection, sample.projects, Target("p", "a"), reason="Because.", settings=SETTINGS
        ),
        VerifyFailed,
    )

    assert len(of(ScriptDiffers, events)) == 2
    (failed,) = of(ChangeFailed, events)
    assert (failed.path, failed.line, failed.column) == (
        str(sample.path("verify", "p:a")),
        5,
        8,
    )
    assert error.exit_code == 3
    assert f"{sample.path('verify', 'p:a')}:5:8: " in error.message
    assert error.hint is not None
    assert "Nothing has been recorded" in error.hint
    assert state(connection) == before


def test_the_verify_script_leaves_nothing(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    sample.write("verify", "p:a", "INSERT INTO a VALUES (1);\nSET ROLE pg_monitor;")

    bless(connection, sample, "p:a")

    assert connection.execute("TABLE a").rowcount == 0


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("change", "reason", "error", "words"),
    [
        ("p:a", "", ConfigError, "no reason"),
        ("p:a", " \n", ConfigError, "no reason"),
        ("p:nothing", "Why.", PlanError, 'no change "nothing"'),
        ("nowhere:a", "Why.", PlanError, "no such project"),
        ("p:c", "Why.", PlanError, "p:c is not deployed"),
    ],
)
def test_what_makes_no_sense_is_refused(
    connection: Connection,
    sample: Sample,
    change: str,
    reason: str,
    error: type[MunimentError],
    words: str,
    dry_run: bool,
) -> None:
    deploy(connection, sample)
    sample.add("p:c")
    edit(sample, "deploy", "p:a")
    before = state(connection)

    with pytest.raises(error, match=words):
        bless(connection, sample, change, reason, dry_run=dry_run)

    assert state(connection) == before


def test_where_nothing_is_deployed_there_is_nothing_to_bless(
    connection: Connection, sample: Sample
) -> None:
    with pytest.raises(PlanError, match="p:a is not deployed"):
        bless(connection, sample, "p:a")

    assert state(connection) == []
    assert engine.read_blessings(connection) == []


def test_the_script_of_another_change_is_refused(connection: Connection, sample: Sample) -> None:
    sample.tag("p", "v1")
    for kind in KINDS:
        path = sample.path(kind, "p:a")
        shutil.copy(path, path.with_name("a@v1.sql"))
    sample.add("p:a", deploy="SELECT 1;")
    deploy(connection, sample)
    path = sample.path("deploy", "p:a")
    shutil.copy(path.with_name("a@v1.sql"), path)
    before = state(connection)

    with pytest.raises(ScriptError, match="p:a is deployed with the very same script"):
        bless(connection, sample, "p:a@HEAD")

    assert state(connection) == before


def test_a_script_that_is_missing_or_cannot_be_run_is_refused(
    connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")
    before = state(connection)
    revert = sample.path("revert", "p:a")
    text = revert.read_text()

    revert.unlink()
    with pytest.raises(PlanError, match="missing script"):
        bless(connection, sample, "p:a")
    revert.write_text(text.replace("DROP TABLE a;", "\\i other.sql"))
    with pytest.raises(ScriptError, match="psql meta-command"):
        bless(connection, sample, "p:a")

    assert state(connection) == before


def test_a_dry_run_shows_and_proves_and_takes_no_lock(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    edit(sample, "revert", "p:a")
    before = state(connection)
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    events = bless(connection, sample, "p:a", dry_run=True)

    assert [type(event) for event in events] == [
        ScriptDiffers,
        ChangeStarted,
        ChangeVerified,
        RunPlanned,
    ]
    assert events[-1] == RunPlanned("bless", ("p:a",), dry_run=True)
    assert state(connection) == before
    sample.write("verify", "p:a", "SELECT colour FROM a;")
    with pytest.raises(VerifyFailed):
        bless(connection, sample, "p:a", dry_run=True)


def test_it_waits_for_a_deploy(connection: Connection, other: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")
    before = state(connection)
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    with pytest.raises(LockTimedOut, match="second"):
        bless(connection, sample, "p:a", settings=replace(BLESSER, lock_wait=0.0))

    assert state(connection) == before


def test_what_somebody_else_reverts_meanwhile_is_noticed(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    """A sqitch before 1.2 takes no advisory lock."""
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")

    def revert_after(events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, ChangeVerified):
                other.execute("DELETE FROM sqitch.dependencies")
                other.execute("DELETE FROM sqitch.changes WHERE change = 'b'")
            yield event

    run = engine.bless(
        connection, sample.projects, Target("p", "a"), reason="Why.", settings=BLESSER
    )
    _, error = failing(revert_after(run), MigrationError)

    assert "somebody else wrote into the registry" in error.message
    assert engine.read_blessings(connection) == []
    assert len(engine.check(connection, sample.projects)) == 1


def test_a_row_that_is_refused_takes_all_with_it(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")
    before = state(connection)
    connection.execute("ALTER TABLE muniment.blessing ADD CHECK (reason <> 'No.')")

    with pytest.raises(StoreError, match="cannot write the registry") as caught:
        bless(connection, sample, "p:a", "No.")

    assert caught.value.sqlstate == "23514"
    assert state(connection) == before


def test_of_a_rework_the_instance_that_is_meant_is_blessed(
    connection: Connection, sample: Sample
) -> None:
    sample.tag("p", "v1")
    deploy(connection, sample)
    sample.rework(
        "p:a",
        "v1",
        deploy="ALTER TABLE a RENAME id TO key;",
        revert="ALTER TABLE a RENAME key TO id;",
        verify="SELECT key FROM a;",
    )
    older = sample.path("deploy", "p:a").with_name("a@v1.sql")
    with older.open("a") as file:
        file.write("-- Said better.\n")

    # While only the first is deployed, the bare name means that.
    assert len(of(ChangeVerified, bless(connection, sample, "p:a"))) == 1
    deploy(connection, sample)
    with pytest.raises(PlanError, match="ambiguous"):
        bless(connection, sample, "p:a")
    with older.open("a") as file:
        file.write("-- And better.\n")
    verify = sample.path("verify", "p:a").with_name("a@v1.sql")
    verify.write_text(verify.read_text().replace("TABLE a;", "SELECT id FROM a;"))
    events = bless(connection, sample, "p:a@v1")

    # What the first instance asks for, the second has replaced.
    assert of(ChangeVerified, events) == []
    assert of(ChangeBlessed, events)[0].scripts == ("deploy", "verify")
    assert engine.check(connection, sample.projects) == []


@needs_sqitch
def test_what_sqitch_deployed_is_blessed_for_both(
    database: str, connection: Connection, sample: Sample
) -> None:
    assert sample.sqitch(database, "deploy", "p").returncode == 0
    assert bless(connection, sample, "p:a") == [NothingToDo("bless")]
    assert engine.read_blessings(connection) == []
    before = hashes(sample, "a")
    edit(sample, "deploy", "p:a")
    now = hashes(sample, "a")
    assert sample.sqitch(database, "check", "p").returncode != 0

    events = bless(connection, sample, "p:a")

    assert of(ChangeBlessed, events)[0].scripts == KINDS
    assert {
        (one.script, one.old_hash, one.new_hash) for one in engine.read_blessings(connection)
    } == {
        ("deploy", before["deploy"], now["deploy"]),
        ("revert", None, now["revert"]),
        ("verify", None, now["verify"]),
    }
    change_id = sample.projects.plan("p").find("a").change_id
    assert connection.execute("SELECT * FROM muniment.change_detail").fetchall() == [
        (change_id, now["revert"], now["verify"], None, None)
    ]
    assert engine.check(connection, sample.projects) == []
    for command in ("check", "verify", "status"):
        done = sample.sqitch(database, command, "p")
        assert done.returncode == 0, done.stdout + done.stderr
    # What was not known before is known now.
    edit(sample, "revert", "p:a")
    (drift,) = engine.check(connection, sample.projects)
    assert drift.kind == "revert"


@needs_sqitch
def test_sqitch_agrees_with_a_blessing_of_what_muniment_deployed(
    database: str, connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:b")
    assert sample.sqitch(database, "check", "p").returncode != 0

    bless(connection, sample, "p:b")

    done = sample.sqitch(database, "check", "p")
    assert "Check successful" in done.stdout, done.stdout + done.stderr
    assert len(rows(database)["events"]) == 2
    assert sample.sqitch(database, "revert", "-y", "p").returncode == 0


def test_a_blessing_outlives_its_change(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:b")
    bless(connection, sample, "p:b", "The first.")
    edit(sample, "deploy", "p:b")
    bless(connection, sample, "p:b", "The second.")

    list(engine.revert(connection, sample.projects, ["p"], keep=None, settings=SETTINGS))

    reasons = [one.reason for one in engine.read_blessings(connection)]
    assert reasons == ["The second.", "The first."]
    assert [one.reason for one in engine.read_blessings(connection, limit=1)] == ["The second."]


def test_who_may_not_read_blessings_is_told_of_none(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")
    bless(connection, sample, "p:a")
    assert len(engine.read_blessings(connection)) == 1

    connection.execute("SET ROLE pg_monitor")
    assert engine.read_blessings(connection) == []
    connection.execute("RESET ROLE")
    connection.execute("GRANT SELECT ON muniment.blessing TO pg_monitor")
    connection.execute("SET ROLE pg_monitor")
    assert engine.read_blessings(connection) == []
    connection.execute("RESET ROLE")
    connection.execute("GRANT USAGE ON SCHEMA muniment TO pg_monitor")
    connection.execute("SET ROLE pg_monitor")
    assert len(engine.read_blessings(connection)) == 1


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


def test_the_command_shows_what_differs(
    database: str, connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample)
    before = hashes(sample, "a")["revert"]
    edit(sample, "revert", "p:a")
    now = hashes(sample, "a")["revert"]

    dry = muniment(sample, database, "bless", "p:a", "--reason", "A comment.", "--dry-run")
    done = muniment(sample, database, "bless", "p:a", "--reason", "A comment.")
    again = muniment(sample, database, "bless", "p:a", "--reason", "A comment.", "--json")
    sample.write("verify", "p:a", "SELECT colour FROM a;")
    refused = muniment(sample, database, "bless", "p:a", "--reason", "A comment.", "--json")
    without = muniment(sample, database, "bless", "p:a")
    vague = muniment(sample, database, "bless", "p", "--reason", "A comment.")

    line = f"sql/revert/p/a.sql has changed since: {before[:8]} is now {now[:8]}"
    assert (dry.returncode, dry.stdout) == (0, "would bless p:a\n")
    assert line in dry.stderr.splitlines()
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0] == line
    assert lines[1].startswith("verified p:a (")
    assert lines[2] == "blessed p:a: revert"
    assert (again.returncode, json.loads(again.stdout)["event"]) == (0, "nothing_to_do")
    assert refused.returncode == 3
    events = [json.loads(found)["event"] for found in refused.stdout.splitlines()]
    assert events == [
        "run_planned",
        "script_differs",
        "change_started",
        "change_failed",
        "run_failed",
    ]
    assert (without.returncode, vague.returncode) == (2, 2)


def test_the_page_is_true(server: Cluster, ledger: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    with (tmp_path / "sql/deploy/agents/chat_turn.sql").open("a") as file:
        file.write("-- Said better.\n")
    commands = shell_commands("docs/how-to/accept-an-edit.md")
    codes = []

    for line in commands:
        done = run_line(
            line,
            ledger,
            directory=tmp_path,
            programs=server.programs.directory,
            MUNIMENT_SQL_DIR="sql",
        )
        codes.append(done.returncode)
        assert done.returncode in {0, 3}, f"{line}\n{done.stdout}{done.stderr}"

    assert codes == [3, 0, 0, 0]
    assert [line.split()[1] for line in commands] == ["check", "bless", "bless", "check"]
    assert "no drift" in done.stderr


def test_the_query_of_the_page_is_true(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample)
    edit(sample, "deploy", "p:a")
    bless(connection, sample, "p:a", "Because.")
    page = (ROOT / "docs/how-to/accept-an-edit.md").read_text()
    query = page.partition("```sql\n")[2].partition("```")[0]

    (row,) = connection.execute(query.encode()).fetchall()

    assert row[1:] == ("p", "a", "deploy", "Because.", "Bea Blesser")

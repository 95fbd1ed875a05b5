from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from tests.fix_postgres import Cluster
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import (
    AccessDenied,
    ConnectFailed,
    DeployFailed,
    LockTimedOut,
    MigrationError,
    MunimentError,
    PlanError,
    RevertFailed,
    RevertRefused,
    ScriptError,
    StoreError,
    VerifyFailed,
)
from muniment.migrate import engine
from muniment.migrate.change import apply_change, begin_change, record_change
from muniment.migrate.engine import Settings, Target
from muniment.migrate.events import (
    ChangeDeployed,
    ChangeFailed,
    ChangeRetrying,
    ChangeReverted,
    ChangesPending,
    ChangeStarted,
    ChangeVerified,
    Event,
    LockWaiting,
    NothingToDo,
    Notice,
    RegistryCreated,
    RunFinished,
    RunPlanned,
    TagRecorded,
)
from muniment.migrate.locks import LOCK_KEY
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import read_log
from muniment.migrate.script import Kind

E = TypeVar("E", bound=Event)

IMPATIENT = Settings(SETTINGS.committer, SETTINGS.tool, lock_wait=0.0, lock_timeout=0.1, attempts=2)


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


def deploy(
    connection: Connection,
    sample: Sample,
    *targets: str,
    settings: Settings = SETTINGS,
    **options: Any,
) -> list[Event]:
    return list(
        engine.deploy(
            connection, sample.projects, sample.targets(*targets), settings=settings, **options
        )
    )


def revert(
    connection: Connection, sample: Sample, *names: str, keep: str | None, **options: Any
) -> list[Event]:
    kept = Target.parse(keep) if keep else None
    options = {"settings": SETTINGS, **options}
    return list(engine.revert(connection, sample.projects, names, keep=kept, **options))


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


def scalar(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def deployed(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT project || ':' || change FROM sqitch.changes ORDER BY committed_at"
    ).fetchall()
    return [name for (name,) in rows]


def history(connection: Connection) -> list[tuple[str, str]]:
    return [(entry.event, f"{entry.project}:{entry.name}") for entry in read_log(connection)]


def tables(connection: Connection) -> set[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    return {name for (name,) in rows}


def lock_holders(connection: Connection) -> int:
    return connection.execute(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (LOCK_KEY,),
    ).rowcount


# What a deploy does -----------------------------------------------------------------------------


def test_changes_are_deployed_in_order_and_told_as_events(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", requires=["a"])
    sample.tag("p", "v1")

    events = deploy(connection, sample, "p")

    assert [type(event) for event in events] == [
        RegistryCreated,
        RunPlanned,
        ChangeStarted,
        ChangeDeployed,
        ChangeStarted,
        ChangeDeployed,
        RunFinished,
    ]
    assert of(RunPlanned, events) == [RunPlanned("deploy", ("p:a", "p:b"), dry_run=False)]
    started, last = of(ChangeStarted, events)[1], of(ChangeDeployed, events)[1]
    assert (started.change, started.number, started.total) == ("p:b", 2, 2)
    assert (last.change, last.tags, last.verified) == ("p:b", ("@v1",), True)
    assert deployed(other) == ["p:a", "p:b"]
    assert tables(other) == {"a", "b"}
    assert lock_holders(other) == 0


def test_a_second_deploy_has_nothing_to_do(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    deploy(connection, sample, "p")

    assert deploy(connection, sample, "p") == [NothingToDo("deploy")]
    assert history(connection) == [("deploy", "p:a")]


def test_what_sqitch_does_not_record_is_recorded_beside_it(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="SELECT pg_sleep(0.05); CREATE TABLE a (id integer);")
    deploy(connection, sample, "p")

    row = connection.execute(
        "SELECT revert_hash, verify_hash, duration_ms, deployed_with FROM muniment.change_detail"
    ).fetchone()

    assert row is not None
    revert_hash, verify_hash, duration_ms, deployed_with = row
    for kind, recorded in (("revert", revert_hash), ("verify", verify_hash)):
        data = sample.path(kind, "p:a").read_bytes()
        assert recorded == sha1(data, usedforsecurity=False).hexdigest()
    assert 50 <= duration_ms < 5000
    assert deployed_with == "tests 1.0"


def test_text_that_looks_like_parameters_is_left_alone(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a", deploy="CREATE TABLE a AS SELECT '%s %(x)s {} :x'::text || 100 % 7 AS id, 'é' AS e;"
    )
    deploy(connection, sample, "p")

    assert scalar(connection, "SELECT id || e FROM a") == "%s %(x)s {} :x2é"


def test_a_large_script_goes_through(connection: Connection, sample: Sample) -> None:
    statement = "INSERT INTO a VALUES (1); --" + "x" * 1000 + "\n"
    sample.add("p:a", deploy=f"CREATE TABLE a (id integer);\n{statement * 5000}")

    deploy(connection, sample, "p")

    assert scalar(connection, "SELECT count(*) FROM a") == 5000


def test_notices_of_scripts_are_told_with_their_change(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy="CREATE TABLE a (id integer);\n"
        "DO $$ BEGIN RAISE NOTICE 'look'; RAISE WARNING 'here'; RAISE DEBUG 'not'; END $$;",
    )

    assert of(Notice, deploy(connection, sample, "p")) == [
        Notice("p:a", "NOTICE", "look"),
        Notice("p:a", "WARNING", "here"),
    ]


def test_without_verify_the_verify_script_is_not_run(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", verify="SELECT 1 / 0;")

    events = deploy(connection, sample, "p", verify=False)

    assert [event.verified for event in of(ChangeDeployed, events)] == [False]


def test_it_works_on_every_supported_server(each_server: Cluster, sample: Sample) -> None:
    sample.add("p:a")
    sample.add("q:a", requires=["p:a"], deploy="CREATE TABLE qa (a int);", revert="DROP TABLE qa;")
    sample.write("verify", "q:a", "TABLE qa;")
    with each_server.database() as dsn, connect(dsn) as connection:
        deploy(connection, sample)
        assert of(ChangeVerified, list(engine.verify(connection, sample.projects)))
        revert(connection, sample, "p", "q", keep=None)
        assert deployed(connection) == []


# Failures leave nothing ---------------------------------------------------------------------------


def test_a_failing_script_leaves_nothing_and_what_was_before_it_stays(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", deploy="CREATE TABLE b (id integer);\n\nSELECT é,\n    nowhere FROM b;")
    sample.add("p:c")

    with pytest.raises(DeployFailed) as caught:
        deploy(connection, sample, "p")

    error = caught.value
    path = sample.path("deploy", "p:b")
    assert error.change == "p:b"
    assert error.sqlstate == "42703"
    assert error.message.startswith(f"deploy failed: p:b: {path}:7:8: ")
    assert error.hint is not None
    assert "Nothing of this change remains; 1 of 3 changes are deployed." in error.hint
    assert deployed(other) == ["p:a"]
    assert tables(other) == {"a"}
    assert history(other) == [("fail", "p:b"), ("deploy", "p:a")]
    assert lock_holders(other) == 0


def test_the_next_deploy_goes_on_from_where_one_failed(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", deploy="SELECT 1 / 0;")
    with pytest.raises(DeployFailed):
        deploy(connection, sample, "p")
    sample.write("deploy", "p:b", "CREATE TABLE b (id integer);")

    events = deploy(connection, sample, "p")

    assert [event.change for event in of(ChangeDeployed, events)] == ["p:b"]


def test_a_failure_without_a_position_names_the_line_of_its_statement(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy="CREATE TABLE a (id integer);\n\n-- why\n  CREATE TABLE a (id integer);\nSELECT 1;",
    )
    events, error = failing(
        engine.deploy(connection, sample.projects, settings=SETTINGS), DeployFailed
    )

    assert re.search(r"a\.sql:8:3: .* \(42P07\)", error.message)
    (failed,) = of(ChangeFailed, events)
    assert (failed.action, failed.change) == ("deploy", "p:a")
    assert (failed.line, failed.column, failed.sqlstate) == (8, 3, "42P07")
    assert failed.path == str(sample.path("deploy", "p:a"))


def test_detail_and_hint_of_the_server_are_passed_on(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy="DO $$ BEGIN RAISE 'no' USING DETAIL = 'the detail', HINT = 'Do that.'; END $$;",
    )

    with pytest.raises(DeployFailed) as caught:
        deploy(connection, sample, "p")

    assert "detail: the detail" in caught.value.message
    assert "inline_code_block line 1" in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Do that. Nothing of this change remains")


def test_a_failing_verify_takes_its_change_with_it(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a", verify="SELECT id FROM a WHERE false;\nSELECT missing FROM a;")

    with pytest.raises(VerifyFailed) as caught:
        deploy(connection, sample, "p")

    error = caught.value
    assert error.exit_code == 3
    assert f"verify failed: p:a: {sample.path('verify', 'p:a')}:6:8: " in error.message
    assert tables(other) == set()
    assert deployed(other) == []
    assert history(other) == [("fail", "p:a")]


@pytest.mark.parametrize(("kind", "raised"), [("deploy", DeployFailed), ("verify", VerifyFailed)])
def test_a_syntax_error_is_told_by_its_place_and_takes_its_change_with_it(
    connection: Connection,
    other: Connection,
    sample: Sample,
    kind: Kind,
    raised: type[MigrationError],
) -> None:
    # The server finds it before it runs any statement, so only its position tells the script.
    scripts = {"deploy": "CREATE TABLE a (id integer);", "verify": "SELECT id FROM a;"}
    scripts[kind] += "\nSELECT 'é' FRM a;\nSELECT 1;"
    sample.add("p:a", deploy=scripts["deploy"], verify=scripts["verify"])

    with pytest.raises(raised) as caught:
        deploy(connection, sample, "p")

    place = f"{sample.path(kind, 'p:a')}:6:"
    assert f"{kind} failed: p:a: {place}" in caught.value.message
    assert caught.value.sqlstate == "42601"
    assert tables(other) == set()
    assert deployed(other) == []


def test_a_verify_script_sees_what_is_not_committed_and_its_own_writes_are_undone(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        verify="INSERT INTO a VALUES (1);\nCREATE TABLE debris (id integer);\n"
        "SET LOCAL ROLE pg_monitor;",
    )

    deploy(connection, sample, "p")

    assert tables(connection) == {"a"}
    assert scalar(connection, "SELECT count(*) FROM a") == 0


def test_a_constraint_that_fails_at_commit_is_the_failure_of_its_change(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add(
        "p:a",
        deploy="CREATE TABLE a (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO a VALUES (1), (1);",
    )

    with pytest.raises(DeployFailed, match=r"deploy failed: p:a: commit: .* \(23505\)"):
        deploy(connection, sample, "p")

    assert tables(other) == set()
    assert deployed(other) == []
    assert history(other) == [("fail", "p:a")]


def test_a_script_that_cannot_be_run_is_found_before_anything_is_changed(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", deploy="SELECT 1;\nCOMMIT;")

    with pytest.raises(ScriptError, match="transaction control"):
        deploy(connection, sample, "p")

    assert not engine.status(connection, sample.projects)[0].deployed
    assert scalar(connection, "SELECT to_regnamespace('sqitch') IS NULL")


def test_a_lost_connection_is_told_and_the_next_run_goes_on(
    connection: Connection, other: Connection, sample: Sample, database: str
) -> None:
    sample.add("p:a")
    sample.add("p:b", deploy="CREATE TABLE b (id integer);\nSELECT pg_sleep(30);")
    pid = connection.info.backend_pid
    shot = threading.Timer(0.5, lambda: other.execute("SELECT pg_terminate_backend(%s)", (pid,)))
    shot.start()

    with pytest.raises(ConnectFailed, match="deploy of p:b: the connection was lost") as caught:
        deploy(connection, sample, "p")
    shot.join()

    assert caught.value.hint is not None
    assert "whole or absent" in caught.value.hint
    sample.write("deploy", "p:b", "CREATE TABLE b (id integer);")
    with connect(database) as again:
        deploy(again, sample, "p")
        assert deployed(again) == ["p:a", "p:b"]


def test_a_session_that_its_script_ends_is_a_lost_connection(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="SELECT pg_terminate_backend(pg_backend_pid());")

    with pytest.raises(ConnectFailed, match="deploy of p:a: the connection was lost"):
        deploy(connection, sample)


def test_a_run_that_is_abandoned_lets_go_of_the_lock(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    run = engine.deploy(connection, sample.projects, settings=SETTINGS)
    for event in run:
        if isinstance(event, ChangeStarted) and event.change == "p:b":
            break
    assert lock_holders(other) == 1

    run.close()

    assert lock_holders(other) == 0
    assert deployed(other) == ["p:a"]


# Nothing leaks from one script into the next ------------------------------------------------------


@pytest.mark.parametrize(
    "leak",
    [
        "SET ROLE pg_monitor;",
        "SET LOCAL ROLE pg_monitor;",
        "SET SESSION AUTHORIZATION pg_monitor;",
        "SET search_path = nowhere;",
        "SET LOCAL search_path = nowhere;",
        "SET client_encoding = 'LATIN1';",
        "SET statement_timeout = '1h';",
        "SET standard_conforming_strings = on;",
        "SET check_function_bodies = off;",
    ],
)
def test_a_role_or_setting_ends_with_its_script(
    connection: Connection, sample: Sample, leak: str
) -> None:
    clean = """\
DO $$
BEGIN
    IF (current_user, session_user, current_setting('search_path'),
        current_setting('client_encoding'), current_setting('statement_timeout'),
        current_setting('standard_conforming_strings'), current_setting('check_function_bodies'))
       IS DISTINCT FROM
       ('postgres', 'postgres', '"$user", public', 'UTF8', '0', 'on', 'on') THEN
        RAISE 'leaked: % % %', current_user, current_setting('search_path'), 'é';
    END IF;
END;
$$;"""
    sample.add("p:a", deploy=f"{leak}", verify=clean)
    sample.add("p:b", deploy=f"{clean}\nCREATE TABLE é (id integer);", revert=clean, verify=leak)
    sample.add("p:c", deploy=clean, revert=f"{clean}\n{leak}", verify="SELECT 1;")
    sample.write("revert", "p:a", clean)

    deploy(connection, sample, "p")
    revert(connection, sample, "p", keep=None)

    assert {entry.committer_name for entry in read_log(connection)} == {"Carl Committer"}


def test_temporary_and_session_objects_end_with_their_change(
    connection: Connection, sample: Sample
) -> None:
    leaks = """\
CREATE TEMPORARY TABLE leaked (id integer);
PREPARE leaked AS SELECT 1;
DECLARE leaked CURSOR WITH HOLD FOR SELECT 1;"""
    clean = """\
DO $$
BEGIN
    IF to_regclass('pg_temp.leaked') IS NOT NULL
        OR EXISTS (SELECT FROM pg_prepared_statements)
        OR EXISTS (SELECT FROM pg_cursors WHERE name = 'leaked') THEN
        RAISE 'leaked';
    END IF;
END;
$$;"""
    sample.add("p:a", deploy=leaks, verify="SELECT 1;")
    sample.add("p:b", deploy=clean, verify="SELECT 1;")

    deploy(connection, sample, "p")


def test_the_lock_timeout_holds_for_deploy_and_verify_scripts(
    connection: Connection, sample: Sample
) -> None:
    limited = """\
DO $$ BEGIN
    IF current_setting('lock_timeout') <> '5s' THEN
        RAISE 'lock_timeout is %', current_setting('lock_timeout');
    END IF;
END $$;"""
    sample.add("p:a", deploy=f"{limited}\nSET LOCAL lock_timeout = '1s';", verify=limited)

    deploy(connection, sample, "p")


# Locks --------------------------------------------------------------------------------------------


def test_a_held_lock_is_polled_for_and_its_holder_named(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    events, error = failing(
        engine.deploy(connection, sample.projects, settings=IMPATIENT), LockTimedOut
    )

    assert re.search(r"process \d+ \(second, since", error.message)
    waiting = of(LockWaiting, events)
    assert [(event.holder_pid, event.application) for event in waiting] == [
        (other.info.backend_pid, "second")
    ]
    assert waiting[0].since is not None
    assert scalar(other, "SELECT to_regnamespace('sqitch') IS NULL")


def test_waiting_for_the_lock_never_blocks_in_the_server(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
    events: list[Event] = []
    run = threading.Thread(target=lambda: events.extend(deploy(connection, sample)))
    run.start()
    seen = set()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        seen.add(scalar(other, "SELECT count(*) FROM pg_locks WHERE NOT granted"))
    other.execute(f"SELECT pg_advisory_unlock({LOCK_KEY})")
    run.join(10)

    assert seen == {0}
    assert deployed(other) == ["p:a"]


def test_two_deploys_at_once_deploy_each_change_once(
    database: str, other: Connection, sample: Sample
) -> None:
    for name in "abcdefgh":
        sample.add(f"p:{name}")
    results: list[list[Event]] = []

    def run() -> None:
        with connect(database) as connection:
            results.append(deploy(connection, sample))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(results) == 4
    assert deployed(other) == [f"p:{name}" for name in "abcdefgh"]
    assert [event for event, _ in history(other)] == ["deploy"] * 8


def test_a_change_that_waits_too_long_for_a_table_is_tried_again(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b", deploy="CREATE TABLE b (id integer);\nALTER TABLE a ADD COLUMN x integer;")
    other.execute("BEGIN; TABLE a")
    settings = Settings(SETTINGS.committer, SETTINGS.tool, lock_timeout=0.05, attempts=5)

    events = []
    for event in engine.deploy(connection, sample.projects, settings=settings):
        events.append(event)
        if isinstance(event, ChangeRetrying):
            other.execute("COMMIT")

    (retrying,) = of(ChangeRetrying, events)
    assert (retrying.change, retrying.attempt, retrying.attempts) == ("p:b", 1, 5)
    assert retrying.sqlstate == "55P03"
    assert deployed(other) == ["p:a", "p:b"]
    assert history(other)[0] == ("deploy", "p:b")


def test_after_the_last_attempt_those_in_the_way_are_named(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b", deploy="ALTER TABLE a ADD COLUMN x integer;", verify="SELECT x FROM a;")
    other.execute("BEGIN; TABLE a")

    with pytest.raises(DeployFailed) as caught:
        deploy(connection, sample, settings=IMPATIENT)
    other.execute("COMMIT")

    assert caught.value.sqlstate == "55P03"
    assert caught.value.hint is not None
    assert f"process {other.info.backend_pid} (second, idle in transaction" in caught.value.hint
    assert "): a" in caught.value.hint
    assert history(other)[0] == ("fail", "p:b")


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03"])
def test_a_change_that_lost_a_race_is_tried_again(
    connection: Connection, sample: Sample, sqlstate: str
) -> None:
    # A sequence does not go back with the transaction: only the first attempt fails.
    connection.execute("CREATE SEQUENCE attempt")
    sample.add(
        "p:a",
        deploy="CREATE TABLE a (id integer);\n"
        f"DO $$ BEGIN IF nextval('attempt') = 1 THEN RAISE 'x' USING ERRCODE = '{sqlstate}';"
        " END IF; END $$;",
    )

    events = deploy(connection, sample, settings=IMPATIENT)

    assert len(of(ChangeRetrying, events)) == 1
    assert [event.change for event in of(ChangeDeployed, events)] == ["p:a"]


def test_other_failures_are_not_tried_again(connection: Connection, sample: Sample) -> None:
    connection.execute("CREATE SEQUENCE attempt")
    sample.add("p:a", deploy="SELECT nextval('attempt');\nSELECT 1 / 0;")

    with pytest.raises(DeployFailed):
        deploy(connection, sample)

    assert scalar(connection, "SELECT last_value FROM attempt") == 1


def test_a_script_that_lets_go_of_the_deploy_lock_is_rolled_back(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="CREATE TABLE a (id integer);\nSELECT pg_advisory_unlock_all();")

    with pytest.raises(DeployFailed, match="lost the deploy lock"):
        deploy(connection, sample)

    assert tables(other) == set()
    assert deployed(other) == []


def test_what_a_sqitch_without_the_lock_does_meanwhile_is_noticed(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.add("p:c")
    change = sample.projects.plan("p").find("b")
    script = sample.projects.script(change, "deploy")
    events = []
    for event in engine.deploy(connection, sample.projects, settings=SETTINGS):
        events.append(event)
        if isinstance(event, ChangeStarted) and event.change == "p:b" and len(events) < 6:
            recorder = Recorder(other, SETTINGS.committer)
            rows = recorder.deployed(change, script_hash=script.sha1, requires=[])
            other.execute(f"BEGIN; {script.body} {'; '.join(rows)}; COMMIT")

    assert [event.changes for event in of(RunPlanned, events)] == [
        ("p:a", "p:b", "p:c"),
        ("p:c",),
    ]
    assert deployed(other) == ["p:a", "p:b", "p:c"]


# Requirements, conflicts, history -----------------------------------------------------------------


def test_a_rework_before_its_edit_is_refused_before_anything_is_changed(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="SELECT 1;", verify="SELECT 1;")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="SELECT 2;", revert="SELECT 1;", verify="SELECT 1;")
    older = sample.path("deploy", "p:a").with_name("a@v1.sql")
    older.write_bytes(sample.path("deploy", "p:a").read_bytes())
    older.write_text(older.read_text().replace("-- requires: a@v1\n", ""))
    plan = sample.plan_path("p")
    plan.write_text(plan.read_text().replace("a [a@v1] ", "a "))
    sample.path("deploy", "p:a").write_bytes(older.read_bytes())

    with pytest.raises(ScriptError, match="the very same deploy script"):
        deploy(connection, sample)
    deploy(connection, sample, "p:a@v1")
    with pytest.raises(ScriptError, match="the very same deploy script"):
        deploy(connection, sample)


def test_the_head_of_another_project_can_be_required(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.add("q:c", requires=["p:@HEAD", "p:a@HEAD", "p:@ROOT"])

    deploy(connection, sample, "q")

    first, last = sample.projects.plan("p").changes
    rows = connection.execute("SELECT dependency, dependency_id FROM sqitch.dependencies")
    assert dict(rows.fetchall()) == {
        "p:@HEAD": last.change_id,
        "p:a@HEAD": first.change_id,
        "p:@ROOT": first.change_id,
    }


def test_a_requirement_on_a_project_without_a_plan_is_looked_up_in_the_database(
    connection: Connection, sample: Sample, tmp_path: Path
) -> None:
    elsewhere = Sample(tmp_path / "elsewhere")
    elsewhere.add("lib:a")
    elsewhere.tag("lib", "v1")
    sample.add("p:b", requires=["lib:a", "lib:a@v1", "lib:@v1"])

    with pytest.raises(DeployFailed, match="p:b: requires lib:a, which is not deployed"):
        deploy(connection, sample)
    deploy(connection, elsewhere)
    deploy(connection, sample)

    lib = elsewhere.projects.plan("lib").find("a").change_id
    rows = connection.execute(
        "SELECT type, dependency, dependency_id FROM sqitch.dependencies ORDER BY dependency"
    ).fetchall()
    assert rows == [("require", name, lib) for name in ("lib:@v1", "lib:a", "lib:a@v1")]


def test_a_conflict_with_something_deployed_is_refused_before_anything_is_changed(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("q:b")
    sample.add("q:c", conflicts=["p:a"])
    deploy(connection, sample, "p")

    with pytest.raises(DeployFailed, match="q:c: conflicts with p:a, which is deployed") as caught:
        deploy(connection, sample, "q")

    assert caught.value.change == "q:c"
    assert deployed(connection) == ["p:a"]


def test_a_conflict_with_something_that_would_be_deployed_before_is_refused(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", conflicts=["a"])

    with pytest.raises(DeployFailed, match="p:b: conflicts with a, which is deployed"):
        deploy(connection, sample)
    assert scalar(connection, "SELECT to_regnamespace('sqitch') IS NULL")


def test_a_conflict_with_something_that_is_not_deployed_is_recorded(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", conflicts=["q:b"])
    deploy(connection, sample)

    assert connection.execute(
        "SELECT type, dependency, dependency_id FROM sqitch.dependencies"
    ).fetchall() == [("conflict", "q:b", None)]


def test_a_deployed_line_that_was_edited_is_told_with_its_line(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.add("p:c")
    deploy(connection, sample)
    plan = sample.plan_path("p")
    plan.write_text(plan.read_text().replace("b 2026", "b [a] 2026"))
    sample.write("deploy", "p:b", "SELECT 1;", ["-- requires: a"])

    with pytest.raises(PlanError, match=r"p\.plan:5: p:b is not what is deployed") as caught:
        deploy(connection, sample)

    assert caught.value.line == 5


def test_a_plan_that_is_older_than_the_database_is_refused(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    older = sample.plan_path("p").read_text()
    sample.add("p:b")
    deploy(connection, sample)
    sample.plan_path("p").write_text(older)

    with pytest.raises(PlanError, match=r"p\.plan:4: p:b .* is deployed and not planned"):
        deploy(connection, sample)


def test_a_target_that_is_behind_the_database_is_nothing_to_do(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    deploy(connection, sample, "p:a")
    assert deployed(connection) == ["p:a"]
    deploy(connection, sample, "p")

    assert deploy(connection, sample, "p:a") == [NothingToDo("deploy")]


def test_a_project_keeps_the_uri_that_it_is_registered_with(
    connection: Connection, sample: Sample
) -> None:
    sample.project("p", uri="https://example.org/p")
    sample.add("p:a")
    deploy(connection, sample)
    sample.project("q", uri="https://example.org/p")
    sample.add("q:b")
    with pytest.raises(PlanError, match=r"URI https://example.org/p is that of project p already"):
        deploy(connection, sample, "q")

    plan = sample.plan_path("p")
    plan.write_text(plan.read_text().replace("example.org/p", "example.org/other"))
    with pytest.raises(PlanError, match=r"project p is registered with URI https://example.org/p"):
        deploy(connection, sample, "p")


def test_tags_that_were_planned_after_the_deploy_are_recorded(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    deploy(connection, sample)
    sample.tag("p", "v2")
    plan = sample.plan_path("p")
    first, second, last = plan.read_text().splitlines()[-3:]
    tag = last.replace("@v2", "@v1")
    plan.write_text(plan.read_text().replace(f"{second}\n", "").replace(f"{last}\n", ""))
    with plan.open("a") as file:
        file.write(f"{tag}\n{second}\n{last}\n")
    assert first.startswith("a ")

    events = deploy(connection, sample)

    assert of(TagRecorded, events) == [TagRecorded("p:a", "@v1"), TagRecorded("p:b", "@v2")]
    rows = connection.execute("SELECT tag_id, tag, change_id FROM sqitch.tags ORDER BY tag")
    assert rows.fetchall() == [
        (tag.tag_id, f"@{tag.name}", change.change_id)
        for change in sample.projects.plan("p").changes
        for tag in change.tags
    ]
    assert deploy(connection, sample) == [NothingToDo("deploy")]


def test_the_order_of_deployment_holds_although_the_clock_goes_back(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    connection.execute(
        "UPDATE sqitch.changes SET committed_at = committed_at + interval '1 day';"
        "UPDATE sqitch.events SET committed_at = committed_at + interval '1 day'"
    )
    sample.add("p:b")
    sample.add("p:c")

    deploy(connection, sample)

    assert deployed(connection) == ["p:a", "p:b", "p:c"]
    assert [name for _, name in history(connection)] == ["p:c", "p:b", "p:a"]


def test_a_registry_of_another_version_is_refused(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    connection.execute("UPDATE sqitch.releases SET version = 1.0")

    with pytest.raises(StoreError, match=r"not of version 1.1: 1") as caught:
        deploy(connection, sample)
    assert caught.value.hint is not None
    assert "sqitch upgrade" in caught.value.hint

    connection.execute("DELETE FROM sqitch.releases")
    with pytest.raises(StoreError, match="no release is recorded"):
        engine.status(connection, sample.projects)


# Dry run ------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_takes_no_lock(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
    connection.execute("SET default_transaction_read_only = on")

    events = deploy(connection, sample, dry_run=True, settings=IMPATIENT)

    assert events == [RunPlanned("deploy", ("p:a", "p:b"), dry_run=True)]
    assert scalar(other, "SELECT to_regnamespace('sqitch') IS NULL")
    assert scalar(connection, "SELECT pg_current_xact_id_if_assigned() IS NULL")


def test_a_dry_run_finds_what_a_run_would_stumble_over(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", requires=["lib:a"])

    with pytest.raises(DeployFailed, match="requires lib:a"):
        deploy(connection, sample, dry_run=True)


def test_a_dry_run_of_a_revert_writes_nothing_and_takes_no_lock(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
    connection.execute("SET default_transaction_read_only = on")

    events = revert(connection, sample, "p", keep=None, dry_run=True, settings=IMPATIENT)

    assert events == [RunPlanned("revert", ("p:a",), dry_run=True)]
    assert deployed(other) == ["p:a"]


# Revert -------------------------------------------------------------------------------------------


@pytest.fixture
def three(connection: Connection, sample: Sample) -> Sample:
    """Three changes of one project, deployed; a fourth is planned."""
    for name in ("a", "b", "c"):
        sample.add(f"p:{name}")
    deploy(connection, sample)
    sample.add("p:d")
    return sample


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ("p:a", ["p:a"]),
        ("p:@HEAD^", ["p:a", "p:b"]),
        ("p:@ROOT", ["p:a"]),
        ("p:b", ["p:a", "p:b"]),
        (None, []),
    ],
)
def test_what_was_deployed_after_the_kept_change_is_reverted_newest_first(
    connection: Connection, three: Sample, keep: str | None, left: list[str]
) -> None:
    gone = [name for name in ("p:c", "p:b", "p:a") if name not in left]

    events = revert(connection, three, "p", keep=keep)

    assert [event.change for event in of(ChangeReverted, events)] == gone
    assert deployed(connection) == left
    assert [f"p:{name}" for name in sorted(tables(connection))] == left
    assert history(connection)[: len(gone)] == [("revert", name) for name in reversed(gone)]
    assert scalar(connection, "SELECT count(*) FROM muniment.change_detail") == len(left)


def test_a_revert_to_the_last_change_is_nothing_to_do(
    connection: Connection, three: Sample
) -> None:
    assert revert(connection, three, "p", keep="p:@HEAD") == [NothingToDo("revert")]


def test_only_what_is_deployed_can_be_kept(connection: Connection, three: Sample) -> None:
    with pytest.raises(PlanError, match="p:d is not deployed"):
        revert(connection, three, "p", keep="p:d")
    with pytest.raises(PlanError, match='no change "x"'):
        revert(connection, three, "p", keep="p:x")
    assert len(deployed(connection)) == 3


def test_several_projects_are_reverted_newest_first_over_all(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("q:b", requires=["p:a"])
    sample.add("p:c")
    deploy(connection, sample, "q", "p")
    assert deployed(connection) == ["p:a", "q:b", "p:c"]

    events = revert(connection, sample, "p", "q", keep="p:a")

    assert [event.change for event in of(ChangeReverted, events)] == ["p:c", "q:b"]


def test_a_change_that_another_project_requires_is_not_reverted(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.add("q:c", requires=["p:a"])
    sample.add("q:d", requires=["p:b", "p:a"])
    deploy(connection, sample)

    with pytest.raises(RevertRefused, match="p:b: required by q:d") as caught:
        revert(connection, sample, "p", keep=None)

    assert caught.value.hint is not None
    assert "name q too" in caught.value.hint
    assert len(deployed(connection)) == 4
    assert len(of(ChangeReverted, revert(connection, sample, "p", "q", keep=None))) == 4


def test_a_script_that_protects_data_refuses_its_revert(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    refusal = "RAISE 'a holds rows' USING ERRCODE = 'MU900', HINT = 'Export them.';"
    sample.add("p:a", revert=f"DROP TABLE a;\nDO $$ BEGIN {refusal} END $$;")
    sample.add("p:b")
    deploy(connection, sample)

    with pytest.raises(RevertRefused, match="a holds rows") as caught:
        revert(connection, sample, "p", keep=None)

    assert caught.value.sqlstate == "MU900"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Export them. p:a is deployed as it was; 1 of 2 changes")
    assert tables(other) == {"a"}
    assert history(other)[0] == ("revert", "p:b")


def test_a_failing_revert_leaves_its_change_as_it_was(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a", revert="DROP TABLE a;\nDROP TABLE nowhere;")
    deploy(connection, sample)

    with pytest.raises(RevertFailed, match=r"revert/p/a\.sql:6:1: .*\(42P01\)"):
        revert(connection, sample, "p", keep=None)

    assert tables(other) == {"a"}
    assert deployed(other) == ["p:a"]
    # As in sqitch, a failed revert is not an event.
    assert history(other) == [("deploy", "p:a")]


def test_an_older_instance_is_reverted_with_its_own_script(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework(
        "p:a",
        "v1",
        deploy="ALTER TABLE a ADD COLUMN x integer;",
        revert="ALTER TABLE a DROP COLUMN x;",
        verify="SELECT x FROM a;",
    )
    deploy(connection, sample)

    revert(connection, sample, "p", keep="p:a@v1")
    assert tables(connection) == {"a"}
    revert(connection, sample, "p", keep=None)
    assert tables(connection) == set()
    assert scalar(connection, "SELECT count(*) FROM sqitch.tags") == 0


# Verify, status, check, log -----------------------------------------------------------------------


def test_verify_reports_every_failure_and_what_is_pending(
    connection: Connection, other: Connection, three: Sample
) -> None:
    other.execute("DROP TABLE a; DROP TABLE c")
    events, error = failing(engine.verify(connection, three.projects, ["p"]), VerifyFailed)

    assert "verify failed: 2 of 3 changes: p:a, p:c" in error.message

    assert error.exit_code == 3
    assert [(event.change, event.sqlstate) for event in of(ChangeFailed, events)] == [
        ("p:a", "42P01"),
        ("p:c", "42P01"),
    ]
    assert [event.change for event in of(ChangeVerified, events)] == ["p:b"]
    assert of(ChangesPending, events) == [ChangesPending(("p:d",))]


def test_verify_takes_no_lock_and_leaves_nothing(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a", verify="INSERT INTO a VALUES (1);\nSET ROLE pg_monitor;")
    deploy(connection, sample)
    other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    assert of(RunFinished, engine.verify(connection, sample.projects))
    assert scalar(other, "SELECT count(*) FROM a") == 0


def test_verify_goes_on_after_a_script_that_cannot_be_read(
    connection: Connection, three: Sample
) -> None:
    three.path("verify", "p:a").unlink()
    three.path("verify", "p:b").write_text("SELECT 1;")
    events, _ = failing(engine.verify(connection, three.projects), VerifyFailed)

    assert [event.change for event in of(ChangeFailed, events)] == ["p:a", "p:b"]
    assert [event.change for event in of(ChangeVerified, events)] == ["p:c"]


def test_verify_tells_what_was_deployed_in_another_order_or_is_not_planned(
    connection: Connection, three: Sample
) -> None:
    connection.execute(
        "UPDATE sqitch.changes SET committed_at = committed_at + interval '1 day'"
        " WHERE change = 'a'"
    )
    events, _ = failing(engine.verify(connection, three.projects), VerifyFailed)

    messages = [event.message for event in of(ChangeFailed, events)]
    assert "p:a is number 1 in the plan and was deployed as number 3" in messages
    status = engine.status(connection, three.projects)[0]
    assert list(status.differences) == messages


def test_the_older_instance_of_a_reworked_change_is_not_verified(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="DROP TABLE a;", revert="SELECT 1;", verify="SELECT 'gone';")
    deploy(connection, sample)

    events = list(engine.verify(connection, sample.projects))

    assert len(of(ChangeVerified, events)) == 1


def test_nothing_deployed_is_nothing_to_verify(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")

    assert list(engine.verify(connection, sample.projects)) == [NothingToDo("verify")]


def test_status_tells_head_and_pending(connection: Connection, three: Sample) -> None:
    (status,) = engine.status(connection, three.projects)

    assert (status.project, status.planned, status.deployed) == ("p", 4, 3)
    assert status.pending == ("d",)
    assert status.head is not None
    assert (status.head.name, status.head.committer_name) == ("c", "Carl Committer")
    assert status.differences == ()


def test_status_needs_no_registry_and_shows_no_optional_project(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("citus:b")

    assert [
        (one.project, one.head, one.pending) for one in engine.status(connection, sample.projects)
    ] == [("p", None, ("a",))]
    assert engine.status(connection, sample.projects, ["citus"])[0].pending == ("b",)


def test_status_works_for_a_role_that_may_only_read(
    connection: Connection, three: Sample, database: str
) -> None:
    role = f"reader_{connection.info.dbname}"
    connection.execute(
        f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA sqitch TO {role};"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA sqitch TO {role};"
        f" ALTER ROLE {role} SET default_transaction_read_only = on"
    )
    try:
        with connect(database.replace("postgres@", f"{role}@")) as reader:
            assert reader.info.user == role
            assert engine.status(reader, three.projects)[0].deployed == 3
            assert engine.check(reader, three.projects) == []
        connection.execute(f"REVOKE SELECT ON sqitch.changes FROM {role}")  # noqa: S608
        with (
            connect(database.replace("postgres@", f"{role}@")) as reader,
            pytest.raises(AccessDenied),
        ):
            engine.status(reader, three.projects)
    finally:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_status_does_not_wait_for_a_deploy(
    connection: Connection, other: Connection, three: Sample
) -> None:
    other.execute("BEGIN; LOCK TABLE sqitch.changes IN EXCLUSIVE MODE")
    connection.execute("SET lock_timeout = 1; SET statement_timeout = 5000")

    assert engine.status(connection, three.projects)[0].deployed == 3


def test_check_finds_every_script_that_has_changed(connection: Connection, three: Sample) -> None:
    assert engine.check(connection, three.projects) == []
    for kind, change in (("deploy", "p:a"), ("revert", "p:b"), ("verify", "p:b")):
        with three.path(kind, change).open("a") as file:
            file.write("-- drift\n")
    three.path("verify", "p:c").unlink()

    drifts = engine.check(connection, three.projects)

    assert [(drift.change, drift.kind) for drift in drifts] == [
        ("p:a", "deploy"),
        ("p:b", "revert"),
        ("p:b", "verify"),
        ("p:c", "verify"),
    ]
    assert drifts[0].path == str(three.path("deploy", "p:a"))
    assert drifts[3].current_hash is None


def test_check_tells_what_is_deployed_and_not_planned(
    connection: Connection, three: Sample
) -> None:
    plan = three.plan_path("p")
    plan.write_text("\n".join(plan.read_text().splitlines()[:-2]) + "\n")

    assert [(drift.change, drift.kind) for drift in engine.check(connection, three.projects)] == [
        ("p:c", "plan")
    ]


def test_the_log_is_newest_first_and_can_be_cut(connection: Connection, three: Sample) -> None:
    revert(connection, three, "p", keep="p:b")

    entries = read_log(connection, limit=2)

    assert [(entry.event, entry.name) for entry in entries] == [("revert", "c"), ("deploy", "c")]
    assert len(read_log(connection)) == 4


def test_there_is_no_log_without_a_registry(connection: Connection) -> None:
    assert read_log(connection) == []


# Inside of somebody else's transaction ------------------------------------------------------------


def test_a_change_can_be_applied_and_recorded_in_a_transaction_of_the_caller(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    sample.add("p:b")
    projects = sample.projects
    change = projects.plan("p").find("b")
    scripts = projects.scripts(change)
    recorder = Recorder(connection, SETTINGS.committer)
    connection.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    for end in ("ROLLBACK", "COMMIT"):
        before = begin_change(connection, lock_timeout=1)
        apply_change(connection, scripts.deploy, verify=scripts.verify, lock_timeout=1)
        rows = recorder.deployed(change, script_hash=scripts.deploy.sha1, requires=[])
        after = record_change(connection, rows, commit=False)
        assert before != after
        assert deployed(other) == ["p:a"]
        connection.execute(end)

    assert deployed(other) == ["p:a", "p:b"]


def test_psycopg_is_not_confused_by_what_went_past_it(
    connection: Connection, sample: Sample
) -> None:
    for name in "abcdefghij":
        sample.add(f"p:{name}")
    deploy(connection, sample)

    for _ in range(10):
        row = connection.execute("SELECT %s::integer", (1,)).fetchone()
        assert row == (1,)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

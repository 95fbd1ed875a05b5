"""Changes that cannot run in a transaction: done once, gone on with, and never half recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry_rows import rows
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import (
    ConnectFailed,
    DeployFailed,
    DriftFound,
    PlanError,
    RevertFailed,
    RevertRefused,
    ScriptError,
    VerifyFailed,
)
from muniment.migrate import engine
from muniment.migrate.events import ChangeDeployed, ChangeReverted, Event
from muniment.migrate.registry import read_log, read_registry

INDEX = "CREATE INDEX CONCURRENTLY t_ix ON t (id);"
VERIFY_INDEX = """\
DO $$ BEGIN
    IF NOT (SELECT indisvalid FROM pg_index WHERE indexrelid = 't_ix'::regclass) THEN
        RAISE 't_ix: is invalid';
    END IF;
END $$;"""


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:t", deploy="CREATE TABLE t (id integer, note text);", verify="TABLE t;")
    return made


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application_name="first") as opened:
        yield opened


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    with connect(database, application_name="second") as opened:
        yield opened


def add_index(sample: Sample, *, before: str = "", after: str = "") -> None:
    sample.add(
        "p:t_ix",
        deploy="\n".join(part for part in (before, INDEX, after) if part),
        revert="DROP INDEX CONCURRENTLY t_ix;",
        verify=VERIFY_INDEX,
        transactional=False,
    )


def deploy(connection: Connection, sample: Sample) -> list[Event]:
    return list(engine.deploy(connection, sample.projects, settings=SETTINGS))


def revert(connection: Connection, sample: Sample, keep: str) -> list[Event]:
    return list(
        engine.revert(
            connection,
            sample.projects,
            ["p"],
            keep=engine.Target("p", keep),
            settings=SETTINGS,
        )
    )


def deployed(events: list[Event]) -> list[str]:
    return [event.change for event in events if isinstance(event, ChangeDeployed)]


def one(connection: Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def events_of(connection: Connection, change: str) -> list[str]:
    return [entry.event for entry in reversed(read_log(connection)) if entry.name == change]


def test_an_index_is_built_without_blocking_and_dropped_again(
    connection: Connection, sample: Sample
) -> None:
    add_index(sample)

    assert deployed(deploy(connection, sample)) == ["p:t", "p:t_ix"]
    assert one(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_ix'::regclass")
    assert read_registry(connection).half_done == []

    reverted = revert(connection, sample, "t")

    assert [one.change for one in reverted if isinstance(one, ChangeReverted)] == ["p:t_ix"]
    assert one(connection, "SELECT to_regclass('t_ix')") is None
    assert events_of(connection, "t_ix") == ["deploy", "revert"]


def test_the_registry_is_the_one_that_sqitch_writes(
    connection: Connection, sample: Sample, database: str
) -> None:
    add_index(sample, before="SET statement_timeout = '1h';")
    deploy(connection, sample)
    ours = rows(database)
    sample.sqitch(database, "revert", "-y", "p")
    connection.execute("DROP SCHEMA sqitch, muniment CASCADE")

    done = sample.sqitch(database, "deploy", "--verify", "p")

    assert done.returncode == 0, done.stderr
    assert rows(database) == ours


def test_a_statement_that_fails_leaves_what_was_done_and_is_gone_on_from(
    connection: Connection, sample: Sample
) -> None:
    add_index(sample, before="INSERT INTO t VALUES (1);", after="INSERT INTO missing VALUES (2);")

    with pytest.raises(DeployFailed, match=r"t_ix.sql:6:13: relation \"missing\"") as caught:
        deploy(connection, sample)

    assert caught.value.hint
    assert "what its script has done stays" in caught.value.hint
    assert events_of(connection, "t_ix") == ["fail"]
    sample.write(
        "deploy",
        "p:t_ix",
        "\n".join(["INSERT INTO t VALUES (1);", INDEX, "INSERT INTO t VALUES (2);"]),
        transactional=False,
    )
    assert deployed(deploy(connection, sample)) == ["p:t_ix"]
    assert connection.execute("SELECT id FROM t ORDER BY id").fetchall() == [(1,), (2,)]


def test_statements_that_are_done_cannot_be_edited(connection: Connection, sample: Sample) -> None:
    add_index(sample, before="INSERT INTO t VALUES (1);", after="INSERT INTO missing VALUES (2);")
    with pytest.raises(DeployFailed):
        deploy(connection, sample)
    sample.write(
        "deploy", "p:t_ix", "\n".join(["INSERT INTO t VALUES (9);", INDEX]), transactional=False
    )

    with pytest.raises(ScriptError, match="begun with other statements") as caught:
        deploy(connection, sample)

    assert caught.value.line == 4
    assert connection.execute("SELECT id FROM t").fetchall() == [(1,)]


def test_an_index_that_a_failure_left_invalid_is_dropped_first(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:t_ix",
        deploy="CREATE UNIQUE INDEX CONCURRENTLY t_ix ON t (id);",
        revert="DROP INDEX CONCURRENTLY t_ix;",
        verify=VERIFY_INDEX,
        transactional=False,
    )
    deploy_t = engine.deploy(connection, sample.projects, sample.targets("p:t"), settings=SETTINGS)
    list(deploy_t)
    connection.execute("INSERT INTO t VALUES (1), (1)")
    with pytest.raises(DeployFailed, match="could not create unique index") as caught:
        deploy(connection, sample)
    assert caught.value.sqlstate == "23505"
    assert not one(
        connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_ix'::regclass"
    )

    connection.execute("DELETE FROM t")
    deploy(connection, sample)

    assert one(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_ix'::regclass")


def test_an_index_of_that_name_that_is_valid_is_somebody_elses(
    connection: Connection, sample: Sample
) -> None:
    add_index(sample)
    list(engine.deploy(connection, sample.projects, sample.targets("p:t"), settings=SETTINGS))
    connection.execute("CREATE INDEX t_ix ON t (note)")

    for _attempt in range(2):
        with pytest.raises(DeployFailed, match="already exists"):
            deploy(connection, sample)

    assert "t_ix" not in [change.name for change in read_registry(connection).changes]


def test_a_statement_that_was_done_when_the_connection_broke_is_not_done_twice(
    connection: Connection, sample: Sample, database: str
) -> None:
    """The server built the index, and the note of it was lost with the connection."""
    add_index(sample)
    list(engine.deploy(connection, sample.projects, sample.targets("p:t"), settings=SETTINGS))
    deploy(connection, sample)
    # As it was a moment before: begun, and nobody knows.
    change_id = one(connection, "SELECT change_id FROM sqitch.changes WHERE change = 't_ix'")
    connection.execute("DELETE FROM sqitch.changes WHERE change = 't_ix'")
    connection.execute("DELETE FROM sqitch.events WHERE change = 't_ix'")
    connection.execute(
        "INSERT INTO muniment.change_progress (change_id, project, change, action, is_running,"
        " committer_name, committer_email) VALUES (%s, 'p', 't_ix', 'deploy', true, 'a', 'b')",
        (change_id,),
    )

    assert deployed(deploy(connection, sample)) == ["p:t_ix"]
    assert read_registry(connection).half_done == []


def test_a_failed_verification_leaves_the_change_unrecorded_and_is_gone_on_from(
    connection: Connection, sample: Sample
) -> None:
    add_index(sample)
    sample.write("verify", "p:t_ix", "SELECT 1/0;")
    with pytest.raises(VerifyFailed, match="division by zero"):
        deploy(connection, sample)
    assert [half.name for half in read_registry(connection).half_done] == ["t_ix"]

    with pytest.raises(RevertRefused, match="begun and is not finished"):
        revert(connection, sample, "t")

    sample.write("verify", "p:t_ix", VERIFY_INDEX)
    assert deployed(deploy(connection, sample)) == ["p:t_ix"]


def test_a_lock_timeout_does_not_hold_for_what_stands_alone(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older transaction, and must."""
    add_index(sample)
    list(engine.deploy(connection, sample.projects, sample.targets("p:t"), settings=SETTINGS))
    other.execute("BEGIN")
    other.execute("INSERT INTO t VALUES (1)")
    settings = engine.Settings(SETTINGS.committer, SETTINGS.tool, lock_timeout=0.05)
    ended = threading.Timer(1.0, lambda: other.execute("COMMIT"))
    ended.start()

    events = list(engine.deploy(connection, sample.projects, settings=settings))

    ended.join()
    assert deployed(events) == ["p:t_ix"]
    assert events_of(connection, "t_ix") == ["deploy"]


def test_a_setting_holds_for_what_follows_and_after_it_was_gone_on_with(
    connection: Connection, sample: Sample
) -> None:
    remember = "INSERT INTO t VALUES ({}, current_setting('work_mem'));"
    sample.add(
        "p:many",
        deploy="\n".join(
            [
                "SET work_mem = '7MB';",
                remember.format(1),
                "VACUUM t;",
                "INSERT INTO missing VALUES (1);",
            ]
        ),
        verify="TABLE t;",
        transactional=False,
    )
    with pytest.raises(DeployFailed):
        deploy(connection, sample)
    sample.write(
        "deploy",
        "p:many",
        "\n".join(["SET work_mem = '7MB';", remember.format(1), "VACUUM t;", remember.format(2)]),
        transactional=False,
    )

    deploy(connection, sample)

    assert connection.execute("SELECT * FROM t ORDER BY id").fetchall() == [(1, "7MB"), (2, "7MB")]


def test_a_script_may_change_its_role(connection: Connection, sample: Sample) -> None:
    """The note of what is done is written by the role that deploys, not by the script's."""
    connection.execute("DROP ROLE IF EXISTS step_owner")
    connection.execute("CREATE ROLE step_owner")
    try:
        sample.add(
            "p:many",
            deploy="ALTER TABLE t OWNER TO step_owner;\nSET ROLE step_owner;\n"
            "INSERT INTO t VALUES (1, current_user);\nVACUUM t;",
            verify="TABLE t;",
            transactional=False,
        )

        deploy(connection, sample)

        assert connection.execute("TABLE t").fetchall() == [(1, "step_owner")]
    finally:
        connection.execute("DROP TABLE IF EXISTS t")
        connection.execute("DROP ROLE step_owner")


def test_a_revert_that_broke_off_is_finished_by_the_next_deploy(
    connection: Connection, sample: Sample, database: str
) -> None:
    add_index(sample)
    sample.write(
        "revert",
        "p:t_ix",
        "INSERT INTO t VALUES (1);\nDO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()) "
        "WHERE current_setting('application_name') = 'first'; END $$;\n"
        "DROP INDEX CONCURRENTLY t_ix;",
        transactional=False,
    )
    deploy(connection, sample)
    with pytest.raises(ConnectFailed):
        revert(connection, sample, "t")

    with connect(database, application_name="second") as again:
        events = deploy(again, sample)

        assert [
            type(event).__name__
            for event in events
            if event.__class__ in (ChangeReverted, ChangeDeployed)
        ] == ["ChangeReverted", "ChangeDeployed"]
        assert events_of(again, "t_ix") == ["deploy", "revert", "deploy"]
        # The first statement of the revert was done once.
        assert one(again, "SELECT count(*) FROM t") == 1
        assert read_registry(again).half_done == []


def test_a_script_that_lets_go_of_the_deploy_lock_is_not_recorded(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "p:many",
        deploy="SELECT pg_advisory_unlock_all();\nVACUUM t;",
        verify="TABLE t;",
        transactional=False,
    )

    with pytest.raises(DeployFailed, match="lost the deploy lock"):
        deploy(connection, sample)

    assert "many" not in [change.name for change in read_registry(connection).changes]


def test_a_revert_that_failed_is_not_finished_by_a_deploy(
    connection: Connection, sample: Sample
) -> None:
    """Who reverts and is refused half-way may have thought better of it."""
    add_index(sample)
    sample.write(
        "revert",
        "p:t_ix",
        "DROP INDEX CONCURRENTLY t_ix;\nDROP TABLE missing;",
        transactional=False,
    )
    deploy(connection, sample)
    with pytest.raises(RevertFailed, match="missing"):
        revert(connection, sample, "t")

    for dry_run in (True, False):
        with pytest.raises(RevertRefused, match="p:t_ix: its revert has failed half-way") as caught:
            list(engine.deploy(connection, sample.projects, settings=SETTINGS, dry_run=dry_run))

    assert caught.value.hint
    assert "muniment revert" in caught.value.hint
    sample.write("revert", "p:t_ix", "DROP INDEX CONCURRENTLY t_ix;", transactional=False)
    revert(connection, sample, "t")
    assert deployed(deploy(connection, sample)) == ["p:t_ix"]


def test_drift_is_refused_before_an_interrupted_revert_is_finished(
    connection: Connection, sample: Sample
) -> None:
    add_index(sample)
    deploy(connection, sample)
    connection.execute(
        "INSERT INTO muniment.change_progress (change_id, project, change, action,"
        " committer_name, committer_email)"
        " SELECT change_id, project, change, 'revert', 'a', 'b' FROM sqitch.changes"
        " WHERE change = 't_ix'"
    )
    sample.write("verify", "p:t", "SELECT 1;")

    with pytest.raises(DriftFound):
        deploy(connection, sample)

    assert one(connection, "SELECT to_regclass('t_ix')") == "t_ix"


@pytest.mark.parametrize("how", ["note", "transactional"])
def test_a_change_that_is_half_done_must_stay_what_it_is(
    connection: Connection, sample: Sample, how: str
) -> None:
    add_index(sample, after="SELECT 1/0;")
    with pytest.raises(DeployFailed):
        deploy(connection, sample)
    plan = sample.plan_path("p")
    if how == "note":
        plan.write_text(plan.read_text().rstrip() + " # Another note.\n")
    else:
        sample.write("deploy", "p:t_ix", "CREATE INDEX t_ix ON t (id);")

    with pytest.raises(PlanError, match=r"p:t_ix.* is half done") as caught:
        deploy(connection, sample)

    assert caught.value.line
    assert caught.value.path


def test_a_detaching_that_broke_off_is_brought_to_its_end(
    connection: Connection, other: Connection, sample: Sample, database: str
) -> None:
    sample.add(
        "p:months",
        deploy="CREATE TABLE m (at date) PARTITION BY RANGE (at);\nCREATE TABLE m1 PARTITION OF m"
        " FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');",
        verify="TABLE m;",
    )
    sample.add(
        "p:retire",
        deploy="ALTER TABLE m DETACH PARTITION m1 CONCURRENTLY;\nDROP TABLE m1;",
        verify="TABLE m;",
        transactional=False,
    )
    list(engine.deploy(connection, sample.projects, sample.targets("p:months"), settings=SETTINGS))
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    other.execute("TABLE m")
    pid = connection.info.backend_pid
    with connect(database) as watcher:

        def end() -> None:
            pending = "SELECT FROM pg_inherits WHERE inhdetachpending"
            while not watcher.execute(pending).fetchall():
                time.sleep(0.02)
            watcher.execute("SELECT pg_terminate_backend(%s)", (pid,))

        ending = threading.Thread(target=end, daemon=True)
        ending.start()
        with pytest.raises(ConnectFailed, match="retire") as caught:
            deploy(connection, sample)
        ending.join()
    other.execute("COMMIT")
    assert caught.value.hint
    assert "may be half done" in caught.value.hint

    with connect(database) as again:
        assert deployed(deploy(again, sample)) == ["p:retire"]
        assert one(again, "SELECT to_regclass('m1')") is None

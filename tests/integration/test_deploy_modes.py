"""What remains of a run that fails, and what a run refuses to build upon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import (
    AccessDenied,
    ConnectFailed,
    DeployFailed,
    DriftFound,
    RevertRefused,
    ScriptError,
    StoreError,
    VerifyFailed,
)
from muniment.migrate import engine
from muniment.migrate.events import (
    ChangeDeployed,
    ChangeRetrying,
    ChangeReverted,
    Event,
    TagPlanned,
)
from muniment.migrate.registry import read_log, read_registry


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Two tags among four changes, of which the last fails."""
    made = Sample(tmp_path)
    made.add("p:a")
    made.tag("p", "v1")
    made.add("p:b")
    made.tag("p", "v2")
    made.add("p:c")
    made.add("p:d", deploy="CREATE TABLE d (id integer);\nSELECT 1/0;")
    return made


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


def deploy(connection: Connection, sample: Sample, *targets: str, **options: Any) -> list[Event]:
    return list(
        engine.deploy(
            connection, sample.projects, sample.targets(*targets), settings=SETTINGS, **options
        )
    )


def deployed(connection: Connection) -> list[str]:
    return [change.name for change in read_registry(connection).changes]


def history(connection: Connection) -> list[tuple[str, str]]:
    return [(entry.event, entry.name) for entry in reversed(read_log(connection))]


def tables(connection: Connection) -> set[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    return {name for (name,) in found}


# After a failure -------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "left"), [("change", ["a", "b", "c"]), ("tag", ["a", "b"]), ("all", [])]
)
def test_the_mode_says_what_remains(
    connection: Connection, sample: Sample, mode: str, left: list[str]
) -> None:
    with pytest.raises(DeployFailed, match="division by zero") as caught:
        deploy(connection, sample, mode=mode)

    assert deployed(connection) == left
    assert tables(connection) == set(left)
    assert caught.value.hint
    assert f"{len(left)} of 4 changes are deployed" in caught.value.hint


@pytest.mark.parametrize("mode", ["tag", "all"])
def test_what_an_earlier_run_deployed_stays(
    connection: Connection, sample: Sample, mode: str
) -> None:
    deploy(connection, sample, "p:c")

    with pytest.raises(DeployFailed):
        deploy(connection, sample, mode=mode)

    assert deployed(connection) == ["a", "b", "c"]


@pytest.mark.parametrize("mode", ["change", "tag", "all"])
def test_the_history_is_the_one_that_sqitch_writes_in_that_mode(
    connection: Connection, database: str, sample: Sample, mode: str
) -> None:
    with pytest.raises(DeployFailed):
        deploy(connection, sample, mode=mode)
    ours, left = history(connection), deployed(connection)
    connection.execute("DROP SCHEMA sqitch, muniment CASCADE")
    connection.execute("DROP TABLE IF EXISTS a, b, c, d")
    # Without the envelope's transaction the failing script would leave its table.
    done = sample.sqitch(database, "deploy", "--verify", "--mode", mode, "p")

    assert done.returncode != 0
    assert history(connection) == ours
    assert deployed(connection) == left


def test_a_revert_that_fails_on_the_way_back_does_not_hide_what_failed_first(
    connection: Connection, sample: Sample
) -> None:
    sample.write("revert", "p:b", "SELECT 1/0 AS way_back;")

    with pytest.raises(DeployFailed, match=r"p:d: .*d.sql:6:1") as caught:
        deploy(connection, sample, mode="all")

    assert caught.value.hint
    assert "Going back has failed too: revert failed: p:b" in caught.value.hint
    assert "2 of 4 changes are deployed" in caught.value.hint
    assert deployed(connection) == ["a", "b"]


def test_nothing_is_taken_from_under_a_change_that_is_half_done(
    connection: Connection, sample: Sample
) -> None:
    sample.add(
        "q:e",
        requires=["p:a"],
        deploy="CREATE INDEX CONCURRENTLY e_one ON a (id);\nSELECT 1/0;",
        verify="TABLE a;",
        transactional=False,
    )

    with pytest.raises(DeployFailed, match="division by zero"):
        deploy(connection, sample, "q", mode="all")

    assert deployed(connection) == ["a"]
    with pytest.raises(RevertRefused, match="q:e: its deploy was begun and is not finished"):
        list(engine.revert(connection, sample.projects, ["p"], keep=None, settings=SETTINGS))
    assert "a" in tables(connection)


# All of it or nothing --------------------------------------------------------


def test_a_failure_in_a_single_transaction_leaves_nothing(
    connection: Connection, sample: Sample
) -> None:
    with pytest.raises(DeployFailed, match=r"p:d: .*d.sql:6:1: division by zero") as caught:
        deploy(connection, sample, single_transaction=True)

    assert caught.value.hint
    assert "Nothing of this run remains" in caught.value.hint
    assert deployed(connection) == []
    assert tables(connection) == set()
    assert not read_registry(connection).exists


def test_a_failure_in_a_single_transaction_is_a_line_of_history(
    connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample, "p:a")

    with pytest.raises(DeployFailed):
        deploy(connection, sample, single_transaction=True)

    assert deployed(connection) == ["a"]
    assert history(connection) == [("deploy", "a"), ("fail", "d")]


def test_a_connection_that_is_lost_in_a_single_transaction_is_told_what_that_means(
    connection: Connection, sample: Sample
) -> None:
    sample.write("deploy", "p:d", "SELECT pg_terminate_backend(pg_backend_pid());")

    with pytest.raises(ConnectFailed, match="single transaction") as caught:
        deploy(connection, sample, single_transaction=True)

    assert caught.value.hint
    assert "All of this run is there, or nothing" in caught.value.hint


def test_a_single_transaction_records_each_change(connection: Connection, sample: Sample) -> None:
    sample.write("deploy", "p:d", "CREATE TABLE d (id integer);")

    events = deploy(connection, sample, single_transaction=True)

    assert [event.change for event in events if isinstance(event, ChangeDeployed)] == [
        "p:a",
        "p:b",
        "p:c",
        "p:d",
    ]
    assert deployed(connection) == ["a", "b", "c", "d"]
    assert history(connection) == [("deploy", name) for name in "abcd"]
    together = "SELECT count(DISTINCT xmin::text) FROM sqitch.changes"
    assert connection.execute(together).fetchone() == (1,)


def test_a_verification_that_fails_in_a_single_transaction_leaves_nothing(
    connection: Connection, sample: Sample
) -> None:
    sample.write("verify", "p:c", "SELECT 1/0;")

    with pytest.raises(VerifyFailed):
        deploy(connection, sample, single_transaction=True)

    assert deployed(connection) == []


def test_the_change_that_violates_a_deferred_constraint_is_named(
    connection: Connection, sample: Sample
) -> None:
    sample.write(
        "deploy",
        "p:b",
        "CREATE TABLE b (id integer PRIMARY KEY, up integer NOT NULL REFERENCES b"
        " DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (1, 2);",
    )

    with pytest.raises(DeployFailed, match="p:b: check of deferred constraints") as caught:
        deploy(connection, sample, single_transaction=True)

    assert caught.value.sqlstate == "23503"
    assert deployed(connection) == []


def test_a_constraint_is_deferred_again_in_the_next_change(
    connection: Connection, sample: Sample
) -> None:
    sample.write(
        "deploy",
        "p:b",
        "CREATE TABLE b (id integer PRIMARY KEY, up integer NOT NULL REFERENCES b"
        " DEFERRABLE INITIALLY DEFERRED);",
    )
    sample.write(
        "deploy",
        "p:c",
        "CREATE TABLE c ();\nINSERT INTO b VALUES (1, 2);\nINSERT INTO b VALUES (2, 1);",
    )

    deploy(connection, sample, "p:c", single_transaction=True)

    assert deployed(connection) == ["a", "b", "c"]


def test_a_lock_that_is_not_granted_begins_a_single_transaction_anew(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    connection.execute("CREATE TABLE wanted (id integer)")
    sample.write("deploy", "p:b", "CREATE TABLE b ();\nLOCK TABLE wanted;")
    other.execute("BEGIN; LOCK TABLE wanted")
    settings = engine.Settings(SETTINGS.committer, SETTINGS.tool, lock_timeout=0.1)
    run = engine.deploy(
        connection,
        sample.projects,
        sample.targets("p:c"),
        settings=settings,
        single_transaction=True,
    )
    seen: list[Event] = []
    for event in run:
        seen.append(event)
        if isinstance(event, ChangeRetrying):
            other.execute("ROLLBACK")

    assert [event.change for event in seen if isinstance(event, ChangeRetrying)] == ["p:b"]
    assert deployed(connection) == ["a", "b", "c"]


def test_what_cannot_be_in_a_transaction_is_refused_in_a_single_one(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:e", deploy="VACUUM;", verify="SELECT 1;", transactional=False)

    with pytest.raises(ScriptError, match="p:e cannot be a part of one transaction"):
        deploy(connection, sample, single_transaction=True)

    assert deployed(connection) == []


# Drift -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["deploy", "revert", "verify"])
def test_a_deploy_refuses_to_build_upon_an_edited_script(
    connection: Connection, sample: Sample, kind: str
) -> None:
    deploy(connection, sample, "p:b")
    sample.write(kind, "p:a", "SELECT 1;")

    with pytest.raises(DriftFound, match=rf"p:a: .*\n.*{kind}/p/a.sql has changed since") as caught:
        deploy(connection, sample, "p:c")

    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "muniment bless p:a" in caught.value.hint
    assert deployed(connection) == ["a", "b"]


def test_a_deploy_refuses_where_a_script_is_gone(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample, "p:b")
    sample.path("revert", "p:a").unlink()

    with pytest.raises(DriftFound, match=r"revert/p/a.sql is missing"):
        deploy(connection, sample, "p:b", dry_run=True)


def test_drift_can_be_left_open(connection: Connection, sample: Sample) -> None:
    deploy(connection, sample, "p:b")
    sample.write("deploy", "p:a", "SELECT 1;")

    deploy(connection, sample, "p:c", allow_drift=True)

    assert deployed(connection) == ["a", "b", "c"]
    assert [drift.change for drift in engine.check(connection, sample.projects)] == ["p:a"]


def test_what_sqitch_deployed_can_drift_too(
    connection: Connection, database: str, sample: Sample
) -> None:
    done = sample.sqitch(database, "deploy", "--to", "b", "p")
    assert done.returncode == 0, done.stderr
    sample.write("deploy", "p:a", "SELECT 1;")

    with pytest.raises(DriftFound):
        deploy(connection, sample, "p:c")


def test_drift_of_another_project_is_not_in_the_way(connection: Connection, sample: Sample) -> None:
    sample.add("q:x")
    deploy(connection, sample, "q")
    sample.write("deploy", "q:x", "SELECT 1;")

    events = deploy(connection, sample, "p:a")

    assert not any(isinstance(event, ChangeReverted) for event in events)
    assert deployed(connection) == ["x", "a"]


# Tags ------------------------------------------------------------------------


def test_a_dry_run_tells_of_a_tag_that_would_be_recorded(
    connection: Connection, sample: Sample
) -> None:
    deploy(connection, sample, "p:c")
    plan = sample.plan_path("p")
    lines = plan.read_text().splitlines()
    where = next(number for number, line in enumerate(lines) if line.startswith("c "))
    tag = "@v3 2026-02-01T00:00:00Z Ann Other <ann@example.org>"
    plan.write_text("\n".join([*lines[: where + 1], tag]) + "\n")

    events = deploy(connection, sample, dry_run=True)

    assert [event for event in events if isinstance(event, TagPlanned)] == [
        TagPlanned("p:c", "@v3")
    ]


# Whose registry it is --------------------------------------------------------


def test_who_cannot_see_what_is_half_done_changes_nothing(
    connection: Connection, database: str, sample: Sample
) -> None:
    deploy(connection, sample, "p:a")
    connection.execute("DROP ROLE IF EXISTS half_blind")
    connection.execute("CREATE ROLE half_blind LOGIN")
    try:
        connection.execute("GRANT USAGE ON SCHEMA sqitch TO half_blind")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA sqitch TO half_blind")
        with connect(f"{database}?user=half_blind") as blind:
            with pytest.raises(AccessDenied, match="cannot read what is half done") as caught:
                deploy(blind, sample, "p:b")
            with pytest.raises(AccessDenied, match="cannot read what is half done"):
                list(engine.revert(blind, sample.projects, ["p"], keep=None, settings=SETTINGS))
            assert [one.deployed for one in engine.status(blind, sample.projects)] == [1]
    finally:
        connection.execute("DROP OWNED BY half_blind")
        connection.execute("DROP ROLE half_blind")
    assert caught.value.hint
    assert "GRANT USAGE ON SCHEMA muniment" in caught.value.hint


@pytest.mark.parametrize("schema", ["sqitch", "muniment"])
def test_a_superuser_does_not_write_into_tables_that_somebody_has_laid_out(
    connection: Connection, sample: Sample, schema: str
) -> None:
    connection.execute("DROP ROLE IF EXISTS trapper")
    connection.execute("CREATE ROLE trapper")
    try:
        connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION trapper")

        with pytest.raises(StoreError, match=f"schema {schema} belongs to trapper"):
            deploy(connection, sample, "p:a")
    finally:
        connection.execute("DROP OWNED BY trapper")
        connection.execute("DROP ROLE trapper")
    assert tables(connection) == set()

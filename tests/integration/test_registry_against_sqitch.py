"""The registry as this package writes it and as real sqitch does: they must not be told apart."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.fix_postgres import Cluster
from tests.processes import needs_sqitch
from tests.registry_rows import assert_same, rows
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import DeployFailed
from muniment.migrate import engine
from muniment.migrate.engine import Target

pytestmark = needs_sqitch


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path)


@pytest.fixture
def theirs(server: Cluster) -> Iterator[str]:
    """A second empty database, for sqitch."""
    with server.database() as dsn:
        yield dsn


def sqitch(sample: Sample, dsn: str, *arguments: str) -> str:
    done = sample.sqitch(dsn, *arguments)
    assert done.returncode == 0, f"sqitch {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def muniment(sample: Sample, dsn: str, *targets: str) -> None:
    with connect(dsn) as connection:
        run = engine.deploy(
            connection, sample.projects, sample.targets(*targets), settings=SETTINGS
        )
        list(run)


def unmake(sample: Sample, dsn: str, project: str, keep: str | None) -> None:
    with connect(dsn) as connection:
        run = engine.revert(
            connection,
            sample.projects,
            [project],
            keep=Target(project, keep) if keep else None,
            settings=SETTINGS,
        )
        list(run)


def dump(server: Cluster, dsn: str) -> str:
    program = server.programs.directory / "pg_dump"
    done = subprocess.run(
        [program, "--schema-only", "--schema=sqitch", dsn],
        capture_output=True,
        text=True,
        check=True,
    )
    # A random key that newer versions put into each dump.
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


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
    sample.tag("p", "v2")
    sample.add("q:b", requires=["p:roles", "p:views/daily@v1", "p:@v2"], conflicts=["other:x"])
    sample.add("q:c", requires=["b"], conflicts=["p:nothing", "other:@t"])
    return sample


def test_the_registry_is_made_exactly_as_sqitch_makes_it(
    server: Cluster, database: str, theirs: str, sample: Sample
) -> None:
    sample.add("p:a")
    muniment(sample, database, "p")
    sqitch(sample, theirs, "deploy", "p")

    assert dump(server, database) == dump(server, theirs)


def test_every_row_of_a_deploy_is_as_sqitch_writes_it(
    database: str, theirs: str, varied: Sample
) -> None:
    muniment(varied, database, "p", "q")
    sqitch(varied, theirs, "deploy", "--verify", "p")
    sqitch(varied, theirs, "deploy", "--verify", "q")

    assert_same(database, theirs)


def test_every_row_of_a_revert_is_as_sqitch_writes_it(
    database: str, theirs: str, varied: Sample
) -> None:
    muniment(varied, database, "p", "q")
    sqitch(varied, theirs, "deploy", "p")
    sqitch(varied, theirs, "deploy", "q")

    unmake(varied, database, "q", None)
    unmake(varied, database, "p", "late")
    sqitch(varied, theirs, "revert", "-y", "q")
    sqitch(varied, theirs, "revert", "-y", "--to", "late", "p")

    assert_same(database, theirs)


def test_a_failed_deploy_is_the_same_line_of_history(
    database: str, theirs: str, sample: Sample
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.add("p:b", requires=["a"], conflicts=["other:x"], deploy="SELECT 1 / 0;")
    sample.tag("p", "v2")

    with pytest.raises(DeployFailed):
        muniment(sample, database, "p")
    assert sample.sqitch(theirs, "deploy", "--mode", "change", "p").returncode != 0

    assert_same(database, theirs)


def test_tags_planned_later_are_the_same_rows(database: str, theirs: str, sample: Sample) -> None:
    sample.add("p:a")
    muniment(sample, database, "p")
    sqitch(sample, theirs, "deploy", "p")
    sample.tag("p", "v1", note="Later.")

    muniment(sample, database, "p")
    sqitch(sample, theirs, "deploy", "p")

    assert_same(database, theirs)
    assert rows(database)["tags"]


def test_sqitch_agrees_with_what_was_deployed_without_it(database: str, varied: Sample) -> None:
    muniment(varied, database, "p", "q")

    for project in ("p", "q"):
        assert "Nothing to deploy (up-to-date)" in sqitch(varied, database, "status", project)
        assert "Check successful" in sqitch(varied, database, "check", project)
        assert "Verify successful" in sqitch(varied, database, "verify", project)
        assert "Nothing to deploy" in sqitch(varied, database, "deploy", project)


def test_what_sqitch_deployed_is_deployed(database: str, varied: Sample) -> None:
    sqitch(varied, database, "deploy", "p")
    sqitch(varied, database, "deploy", "--to", "b", "q")

    with connect(database) as connection:
        status = {one.project: one for one in engine.status(connection, varied.projects)}
        assert status["p"].pending == ()
        assert status["p"].head is not None
        assert status["p"].head.name == "roles"
        assert status["p"].head_tags == ("@v2",)
        assert status["q"].pending == ("c",)
        assert engine.check(connection, varied.projects) == []
        list(engine.verify(connection, varied.projects))


def test_each_goes_on_from_where_the_other_stopped(
    database: str, theirs: str, varied: Sample
) -> None:
    steps: list[tuple[Callable[..., object], tuple[str, ...]]] = [
        (muniment, ("p:views/daily",)),
        (sqitch, ("deploy", "--to", "late", "p")),
        (muniment, ("p", "q:b")),
        (sqitch, ("deploy", "q")),
        (sqitch, ("revert", "-y", "--to", "b", "q")),
        (muniment, ("q",)),
    ]
    for step, arguments in steps:
        step(varied, database, *arguments)

    unmake(varied, database, "q", None)
    sqitch(varied, database, "revert", "-y", "p")
    muniment(varied, database, "p", "q")
    sqitch(varied, theirs, "deploy", "p")
    sqitch(varied, theirs, "deploy", "q")
    ours, expected = rows(database), rows(theirs)
    for table in ("projects", "changes", "tags", "dependencies", "releases"):
        assert ours[table] == expected[table], table


def test_deploys_by_both_at_once_deploy_each_change_once(database: str, sample: Sample) -> None:
    names = [f"c{number}" for number in range(10)]
    for name in names:
        sample.add(f"p:{name}")
    with ThreadPoolExecutor() as pool:
        runs: list[Future[Any]] = [
            pool.submit(sqitch, sample, database, "deploy", "--verify", "p"),
            pool.submit(muniment, sample, database, "p"),
            pool.submit(muniment, sample, database, "p"),
        ]
        for run in runs:
            run.result()

    found = rows(database)
    assert [row[2] for row in found["changes"]] == names
    assert [row[0] for row in found["events"]] == ["deploy"] * len(names)
    assert "Check successful" in sqitch(sample, database, "check", "p")


def test_a_revert_by_sqitch_takes_the_details_with_it(database: str, sample: Sample) -> None:
    sample.add("p:a")
    sample.add("p:b")
    muniment(sample, database, "p")

    sqitch(sample, database, "revert", "-y", "--to", "a", "p")

    with connect(database) as connection:
        assert details(connection) == 1


def test_drift_is_found_by_both(database: str, sample: Sample) -> None:
    sample.add("p:a")
    muniment(sample, database, "p")
    with sample.path("deploy", "p:a").open("a") as file:
        file.write("-- drift\n")

    assert sample.sqitch(database, "check", "p").returncode != 0
    with connect(database) as connection:
        (drift,) = engine.check(connection, sample.projects)
    assert drift.kind == "deploy"


def details(connection: Connection) -> int:
    return connection.execute("SELECT FROM muniment.change_detail").rowcount

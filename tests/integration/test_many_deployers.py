"""Many deployers at once: one works, the others wait, and each change is deployed exactly once.

`make soak` repeats each race 20 times.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.processes import (
    HOLDS_LOCK,
    count,
    end,
    eventually,
    needs_sqitch,
    others,
    run,
    sqitch,
    start,
    start_sqitch,
    start_yoyo,
    write_shims,
)
from tests.registry_rows import rows
from tests.sample import Sample

from muniment._db import Connection, connect
from muniment.migrate import engine, locks

DEPLOYERS = 10
CHANGES = [f"c{number}" for number in range(8)]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A project whose changes can be deployed only once, and in one order."""
    made = Sample(tmp_path)
    for number, name in enumerate(CHANGES):
        before = CHANGES[number - 1 : number]
        made.add(
            f"p:{name}",
            requires=before,
            deploy=f"CREATE TABLE {name} (id integer);\nUPDATE counter SET n = n + 1;",
            revert=f"DROP TABLE {name};\nUPDATE counter SET n = n - 1;",
        )
    return made


@pytest.fixture
def watcher(database: str) -> Iterator[Connection]:
    with connect(database, application_name="the test") as opened:
        opened.execute("CREATE TABLE counter AS SELECT 0 AS n")
        yield opened


def assert_each_deployed_once(sample: Sample, database: str, watcher: Connection) -> None:
    found = rows(database)
    assert [name for _, _, name, *_ in found["changes"]] == CHANGES
    assert [(event, name) for event, _, name, *_ in found["events"]] == [
        ("deploy", name) for name in CHANGES
    ]
    assert_whole(sample, watcher, len(CHANGES))


def assert_whole(sample: Sample, watcher: Connection, deployed: int) -> None:
    """Check that so many changes are there, and that everybody says so."""
    assert watcher.execute("SELECT n FROM counter").fetchone() == (deployed,)
    assert count(watcher, "SELECT FROM pg_class WHERE relname ~ '^c[0-9]$'") == deployed
    list(engine.verify(watcher, sample.projects))
    assert engine.check(watcher, sample.projects) == []
    (status,) = engine.status(watcher, sample.projects)
    assert (status.deployed, status.differences) == (deployed, ())
    assert count(watcher, HOLDS_LOCK) == 0


def test_ten_that_start_together(
    round_no: int, sample: Sample, database: str, watcher: Connection
) -> None:
    processes = [start(sample, database, "deploy") for _ in range(DEPLOYERS)]
    told = [end(process)[1] for process in processes]

    assert_each_deployed_once(sample, database, watcher)
    assert sum(said.count("created the registry") for said in told) == 1
    assert sum(said.count("deployed p:") for said in told) == len(CHANGES)


def test_ten_that_wait_for_the_same_lock(
    round_no: int, sample: Sample, database: str, watcher: Connection
) -> None:
    list(locks.acquire(watcher, wait=0))
    processes = [start(sample, database, "deploy") for _ in range(DEPLOYERS)]
    # Each has been told who holds it, and sleeps until it asks again.
    told_so = (
        "SELECT FROM pg_stat_activity WHERE application_name = 'muniment'"
        " AND state = 'idle' AND query ~ 'pg_locks'"
    )
    eventually(lambda: count(watcher, told_so) == DEPLOYERS, "all of them wait")
    locks.release(watcher)
    told = [end(process)[1] for process in processes]

    assert_each_deployed_once(sample, database, watcher)
    for said in told:
        assert "waiting for another deploy to end: process" in said
    assert sum(said.count("deployed p:") for said in told) == len(CHANGES)
    assert sum(said.count("nothing to deploy") for said in told) == DEPLOYERS - 1


@needs_sqitch
def test_two_of_muniment_one_of_sqitch_and_one_of_yoyo(
    round_no: int, sample: Sample, database: str, watcher: Connection
) -> None:
    write_shims(sample)
    deployers: list[tuple[Callable[..., subprocess.Popen[str]], tuple[str, ...]]] = [
        (start, ("deploy",)),
        (start, ("deploy",)),
        (start_sqitch, ("deploy", "--verify", "p")),
        (start_yoyo, ("apply",)),
    ]
    random.Random(round_no).shuffle(deployers)  # noqa: S311
    processes = [begin(sample, database, *arguments) for begin, arguments in deployers]
    for process in processes:
        end(process)

    assert_each_deployed_once(sample, database, watcher)
    assert "Nothing to deploy (up-to-date)" in sqitch(sample, database, "status", "p")
    assert "Check successful" in sqitch(sample, database, "check", "p")
    assert count(watcher, "SELECT FROM _yoyo_migration") == len(CHANGES)


@pytest.mark.parametrize("before", ["nothing", "everything"])
def test_a_deploy_and_a_revert_at_once_end_in_one_of_the_two(
    before: str, round_no: int, sample: Sample, database: str, watcher: Connection
) -> None:
    if before == "everything":
        run(sample, database, "deploy")
    commands = [("deploy",), ("revert", "p", "--all", "--yes")]
    if round_no % 2:
        commands.reverse()
    for process in [start(sample, database, *command) for command in commands]:
        end(process)

    eventually(lambda: others(watcher) == 0, "both have gone")
    deployed = count(watcher, "SELECT FROM sqitch.changes")
    assert deployed in {0, len(CHANGES)}
    assert_whole(sample, watcher, deployed)
    for change in CHANGES:
        events = [event for event, _, name, *_ in rows(database)["events"] if name == change]
        # Each ran as if alone: no change is deployed twice without a revert between.
        assert events == ["deploy", "revert", "deploy"][: len(events)]
        assert len(events) % 2 == bool(deployed)

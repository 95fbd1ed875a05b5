"""CREATE INDEX CONCURRENTLY waits for every older transaction: a deploy must not be one of them.

Whoever waits for the deploy lock in the server has a snapshot, for which the index waits, while the
lock is held by the one that builds the index; the server sees no circle in that, and both stand
still. So every wait here has an end, and a test that would hang fails.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.processes import (
    count,
    end,
    eventually,
    needs_sqitch,
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

INDEX = "CREATE INDEX CONCURRENTLY later_ix ON a (id);"
NO_INDEX = "DROP INDEX CONCURRENTLY later_ix;"
# For the end of a writer the index waits before it is built, for that of a reader when it is. What
# begins between the two is older than the index too.
WRITE = "INSERT INTO a VALUES (1)"
WAITING_INDEX = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND query LIKE 'CREATE%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
)


def add_index(sample: Sample, deploy: str = INDEX, revert: str = NO_INDEX) -> None:
    sample.add("p:later", deploy=deploy, revert=revert, verify="TABLE a;", transactional=False)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:a")
    return made


@pytest.fixture
def watcher(database: str) -> Iterator[Connection]:
    with connect(database, application_name="the test") as opened:
        yield opened


@contextmanager
def old_transaction(database: str, statement: str) -> Iterator[Connection]:
    """Open a transaction that the building of an index has to wait for."""
    with connect(database, application_name="an old one") as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute(statement)
        yield old


def events(database: str) -> list[tuple[object, object]]:
    return [(event, name) for event, _, name, *_ in rows(database)["events"]]


def assert_index_is_there(watcher: Connection, name: str = "later_ix") -> None:
    assert count(watcher, f"SELECT FROM pg_index WHERE indexrelid = '{name}'::regclass") == 1
    assert count(watcher, "SELECT FROM pg_index WHERE NOT indisvalid") == 0
    assert count(watcher, "SELECT FROM muniment.change_progress") == 0


def test_it_is_one_of_many_statements_of_a_change(
    database: str, watcher: Connection, sample: Sample
) -> None:
    add_index(
        sample,
        f"ALTER TABLE a ADD COLUMN b integer;\n{INDEX}\n"
        "CREATE INDEX CONCURRENTLY b_ix ON a (b);\nINSERT INTO a VALUES (1, 2);",
        f"DROP INDEX CONCURRENTLY b_ix;\n{NO_INDEX}\nALTER TABLE a DROP COLUMN b;",
    )

    run(sample, database, "deploy")
    assert_index_is_there(watcher)
    assert_index_is_there(watcher, "b_ix")
    assert count(watcher, "TABLE a") == 1

    run(sample, database, "revert", "p", "--to", "a", "--yes")
    assert count(watcher, "SELECT FROM pg_class WHERE relname IN ('later_ix', 'b_ix')") == 0
    run(sample, database, "deploy")
    assert events(database) == [
        ("deploy", "a"),
        ("deploy", "later"),
        ("revert", "later"),
        ("deploy", "later"),
    ]


@needs_sqitch
def test_sqitch_runs_the_same_script(database: str, watcher: Connection, sample: Sample) -> None:
    add_index(sample)

    sqitch(sample, database, "deploy", "--verify", "p")
    run(sample, database, "revert", "p", "--to", "a", "--yes")
    run(sample, database, "deploy")
    assert_index_is_there(watcher)

    assert "Check successful" in sqitch(sample, database, "check", "p")
    sqitch(sample, database, "revert", "-y", "p")
    assert count(watcher, "SELECT FROM pg_class WHERE relname = 'later_ix'") == 0


def test_after_a_failure_the_next_deploy_builds_it_again(
    database: str, watcher: Connection, sample: Sample
) -> None:
    run(sample, database, "deploy")
    watcher.execute("INSERT INTO a VALUES (1), (1)")
    unique = INDEX.replace("INDEX", "UNIQUE INDEX", 1)
    add_index(sample, unique)

    failed = start(sample, database, "deploy")
    _, told = failed.communicate(timeout=60)

    assert failed.returncode == 1
    assert "sql/deploy/p/later.sql:4:1: could not create unique index" in told
    assert "(23505)" in told
    assert count(watcher, "SELECT FROM pg_index WHERE NOT indisvalid") == 1
    # Neither is anything made worse by trying again, nor is a human needed once the cause is gone.
    again = start(sample, database, "deploy")
    again.communicate(timeout=60)
    assert again.returncode == 1
    watcher.execute("DELETE FROM a WHERE ctid = (SELECT min(ctid) FROM a)")
    run(sample, database, "deploy")
    assert_index_is_there(watcher)
    assert events(database) == [
        ("deploy", "a"),
        ("fail", "later"),
        ("fail", "later"),
        ("deploy", "later"),
    ]


@pytest.mark.parametrize("statement", ["SELECT 1", WRITE], ids=["a reader", "a writer"])
def test_it_waits_for_an_old_transaction_longer_than_for_a_lock(
    statement: str, database: str, watcher: Connection, sample: Sample
) -> None:
    run(sample, database, "deploy")
    add_index(sample)

    with old_transaction(database, statement):
        process = start(sample, database, "deploy", "--lock-timeout", "0.1")
        eventually(lambda: count(watcher, WAITING_INDEX) == 1, "the index waits")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert count(watcher, WAITING_INDEX) == 1
    end(process)

    assert_index_is_there(watcher)


@pytest.mark.parametrize("waiter", [start, start_yoyo], ids=["muniment", "yoyo"])
def test_a_deploy_that_waits_meanwhile_does_not_keep_it_from_its_end(
    waiter: Callable[..., subprocess.Popen[str]],
    database: str,
    watcher: Connection,
    sample: Sample,
) -> None:
    run(sample, database, "deploy")
    add_index(sample)
    write_shims(sample)
    command = "deploy" if waiter is start else "apply"

    with old_transaction(database, WRITE):
        builder = start(sample, database, "deploy")
        eventually(lambda: count(watcher, WAITING_INDEX) == 1, "the index waits")
        waiting = waiter(sample, database, command)
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        assert "waiting for another deploy to end: process" in told
        assert count(watcher, WAITING_INDEX) == 1
    # From here on only the one that waits could be in its way.
    end(builder, timeout=30)
    end(waiting, timeout=30)

    assert_index_is_there(watcher)
    assert events(database) == [("deploy", "a"), ("deploy", "later")]


@needs_sqitch
@pytest.mark.parametrize("victim", ["sqitch", "muniment"])
def test_a_sqitch_that_waits_holds_it_up_until_it_gives_up_at_most(
    victim: str, database: str, watcher: Connection, sample: Sample
) -> None:
    run(sample, database, "deploy")
    add_index(sample)
    # Each looks for a deadlock once, so long after it began to wait: the one that waits later finds
    # it, and is the one that the server ends.
    timeout = {"sqitch": "2s", "muniment": "50ms"}[victim]
    name = watcher.info.dbname
    watcher.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '{timeout}'")

    with old_transaction(database, WRITE):
        builder = start(sample, database, "deploy")
        eventually(lambda: count(watcher, WAITING_INDEX) == 1, "the index waits")
        waiting = start_sqitch(sample, database, "deploy", "--lock-timeout", "10", "p")
        # It waits in the server, with a snapshot that the index then has to wait for.
        long_since = (
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND waitstart < clock_timestamp() - interval '200 ms'"
        )
        eventually(lambda: count(watcher, long_since) == 1, "sqitch waits")
    waiting.communicate(timeout=60)
    end(builder)

    assert_index_is_there(watcher)
    assert events(database) == [("deploy", "a"), ("deploy", "later")]
    assert "Nothing to deploy" in sqitch(sample, database, "deploy", "p")

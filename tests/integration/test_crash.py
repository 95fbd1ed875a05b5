"""kill -9 of a real `muniment deploy`: whatever the instant, a change is whole or absent.

The instants here are anybody's; those that are known to hurt are in test_kill_points.py.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import count, eventually, kill, others, run, start
from tests.sample import Sample

from muniment._db import Connection, connect

CHANGES = [f"c{number:02}" for number in range(12)]


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    with connect(database, application_name="the test") as opened:
        yield opened


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Changes that are made of several statements, each of which takes a moment."""
    made = Sample(tmp_path)
    for name in CHANGES:
        made.add(
            f"p:{name}",
            deploy=f"CREATE TABLE {name} (id integer);\nSELECT pg_sleep(0.003);\n"
            f"CREATE INDEX {name}_ix ON {name} (id);\nINSERT INTO {name} VALUES (1);",
            verify=f"TABLE {name};\nSELECT pg_sleep(0.003);",
        )
        made.tag("p", f"v-{name}")
    return made


def assert_whole_or_absent(connection: Connection) -> int:
    """Check what a killed deploy has left, and return how many changes that is."""
    eventually(lambda: others(connection) == 0, "the server has noticed")
    existing = {
        name
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
    }
    if count(connection, "SELECT WHERE to_regclass('sqitch.changes') IS NOT NULL") == 0:
        assert existing == set()
        return 0
    recorded = [
        name
        for (name,) in connection.execute("SELECT change FROM sqitch.changes ORDER BY committed_at")
    ]
    assert recorded == CHANGES[: len(recorded)]
    assert existing == {relation for name in recorded for relation in (name, f"{name}_ix")}
    for table in ("sqitch.events", "sqitch.tags", "muniment.change_detail"):
        assert count(connection, f"SELECT FROM {table}") == len(recorded), table
    return len(recorded)


def finish(sample: Sample, database: str, connection: Connection) -> None:
    """Deploy to the end and see that nobody could tell."""
    run(sample, database, "deploy")
    assert assert_whole_or_absent(connection) == len(CHANGES)
    run(sample, database, "check")
    run(sample, database, "verify")
    assert json.loads(run(sample, database, "status", "--json"))["projects"][0]["pending"] == []


def test_a_deploy_that_is_killed_again_and_again_ends_whole(
    database: str, other: Connection, sample: Sample
) -> None:
    seed = random.randrange(1_000_000)  # noqa: S311
    print(f"seed {seed}")  # noqa: T201
    source = random.Random(seed)  # noqa: S311
    left = [0]
    for _ in range(25):
        process = start(sample, database, "deploy", "--json")
        # Up to the first event is Python's start, which leaves nothing to find.
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(source.uniform(0, 0.03))
        kill(process)
        left.append(assert_whole_or_absent(other))
        if left[-1] == len(CHANGES):
            break

    assert left == sorted(left)
    finish(sample, database, other)


def test_a_deploy_that_is_killed_while_it_starts_leaves_nothing_in_the_way(
    database: str, other: Connection, sample: Sample
) -> None:
    for step in range(8):
        process = start(sample, database, "deploy")
        time.sleep(step * 0.04)
        kill(process)
        assert_whole_or_absent(other)

    finish(sample, database, other)


SLEEP = "SELECT pg_sleep(600) /* here */;"
AT_COMMIT = """\
CREATE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep(600) /* here */; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON c03 DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pg_temp.wait();
INSERT INTO c03 VALUES (2);"""


@pytest.mark.parametrize(
    ("kind", "body"), [("deploy", SLEEP), ("verify", SLEEP), ("deploy", AT_COMMIT)]
)
def test_a_deploy_that_is_killed_in_a_statement_is_undone_within_seconds(
    database: str, other: Connection, sample: Sample, kind: str, body: str
) -> None:
    script = sample.path(kind, "p:c03")
    whole = script.read_text()
    end = "ROLLBACK;" if kind == "verify" else "COMMIT;"
    script.write_text(whole.replace(end, f"{body}\n{end}"))
    process = start(sample, database, "deploy")
    sleeping = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event = 'PgSleep' AND now() - query_start > interval '0.1 s'"
    )
    eventually(lambda: count(other, sleeping) > 0, "the script sleeps")
    kill(process)
    started = time.monotonic()

    assert assert_whole_or_absent(other) == 3

    # The server would sleep for ten minutes with the deploy lock in its hand.
    assert time.monotonic() - started < 10
    script.write_text(whole)
    finish(sample, database, other)


def test_a_revert_that_is_killed_leaves_whole_changes(
    database: str, other: Connection, sample: Sample
) -> None:
    run(sample, database, "deploy")
    process = start(sample, database, "revert", "p", "--all", "--yes", "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "change_reverted":
            break
    kill(process)
    eventually(lambda: others(other) == 0, "the server has noticed")

    left = count(other, "SELECT FROM sqitch.changes")
    assert left < len(CHANGES)
    assert count(other, "SELECT FROM pg_class WHERE relname LIKE 'c__'") == left
    run(sample, database, "verify")
    run(sample, database, "deploy")
    run(sample, database, "check")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_deploy_that_is_interrupted_rolls_back_and_frees_the_lock(
    database: str, other: Connection, sample: Sample, stop: signal.Signals
) -> None:
    script = sample.path("deploy", "p:c03")
    whole = script.read_text()
    script.write_text(whole.replace("COMMIT;", f"{SLEEP}\nCOMMIT;"))
    process = start(sample, database, "deploy")
    assert process.stderr is not None
    for line in process.stderr:
        if "c02" in line:
            break
    time.sleep(0.2)
    process.send_signal(stop)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "interrupted" in err
    assert assert_whole_or_absent(other) == 3
    script.write_text(whole)
    finish(sample, database, other)

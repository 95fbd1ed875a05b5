"""A pooler that shares sessions is refused before anything is changed; one that lends them is not.

The deploy lock belongs to a session. In transaction mode pgbouncer hands a session on after each
transaction, and with it the lock: two deployers would both hold it, as if it were not there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fix_pooler import Pooler, Start
from tests.processes import (
    HOLDS_LOCK,
    count,
    end,
    eventually,
    failed,
    run,
    start,
    start_yoyo,
    write_shims,
)
from tests.registry_rows import rows
from tests.sample import Sample

from muniment._db import Connection, connect

FIRM = "00000000-0000-4000-8000-00000000000a"

# How transaction mode may look from outside: one session for all, the last one that was used, or
# another one for each transaction.
TRANSACTION_POOLS = {
    "one session": {"size": 1},
    "one session in turns": {"size": 1, "round_robin": True},
    "many sessions": {"size": 20},
    "many sessions in turns": {"size": 20, "round_robin": True},
}


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:a")
    made.add("p:b", requires=["a"])
    made.add("p:c")
    return made


@pytest.fixture
def watcher(database: str) -> Iterator[Connection]:
    """A session that does not go through a pooler."""
    with connect(database, application_name="the test") as opened:
        yield opened


@pytest.fixture(params=list(TRANSACTION_POOLS))
def shared(request: pytest.FixtureRequest, pooler: Start) -> Pooler:
    return pooler("transaction", **TRANSACTION_POOLS[request.param])


def assert_says_what_to_do(told: str) -> None:
    assert "pooler in transaction mode" in told
    assert "pgbouncer: pool_mode = session" in told
    assert "--dsn" in told


def assert_untouched(watcher: Connection) -> None:
    assert count(watcher, "SELECT FROM pg_namespace WHERE nspname IN ('sqitch', 'muniment')") == 0
    assert count(watcher, "SELECT FROM pg_class WHERE relname IN ('a', 'b', 'c')") == 0
    assert count(watcher, HOLDS_LOCK) == 0


@pytest.mark.parametrize(
    "command", [("deploy",), ("revert", "p", "--all", "--yes")], ids=["deploy", "revert"]
)
def test_transaction_mode_is_refused_with_what_to_do(
    command: tuple[str, ...], database: str, watcher: Connection, sample: Sample, shared: Pooler
) -> None:
    told = failed(start(sample, shared.dsn(database), *command))

    assert_says_what_to_do(told)
    assert_untouched(watcher)


def test_transaction_mode_is_refused_for_each_of_two_at_once(
    database: str, watcher: Connection, sample: Sample, shared: Pooler
) -> None:
    processes = [start(sample, shared.dsn(database), "deploy") for _ in range(2)]

    for process in processes:
        assert_says_what_to_do(failed(process))
    assert_untouched(watcher)


def test_transaction_mode_is_refused_while_the_pool_is_busy(
    database: str, watcher: Connection, sample: Sample, shared: Pooler
) -> None:
    stop = threading.Event()

    def work() -> None:
        with connect(shared.dsn(database)) as client:
            while not stop.is_set():
                client.execute("SELECT pg_sleep(3)")

    with ThreadPoolExecutor() as pool:
        busy = pool.submit(work)
        try:
            told = failed(start(sample, shared.dsn(database), "deploy"))
        finally:
            stop.set()
        busy.result()

    assert_says_what_to_do(told)
    assert_untouched(watcher)


def test_yoyo_is_refused_in_transaction_mode_too(
    database: str, watcher: Connection, sample: Sample, pooler: Start
) -> None:
    write_shims(sample)

    told = failed(start_yoyo(sample, pooler("transaction").dsn(database), "apply"))

    assert_says_what_to_do(told)
    assert_untouched(watcher)


def test_what_takes_no_lock_works_in_transaction_mode(
    database: str, sample: Sample, pooler: Start
) -> None:
    run(sample, database, "deploy")
    through = pooler("transaction").dsn(database)

    status = json.loads(run(sample, through, "status", "--json"))
    assert status["projects"][0]["pending"] == []
    run(sample, through, "check")
    run(sample, through, "log")
    assert run(sample, through, "deploy", "--dry-run") == ""


@pytest.mark.parametrize("size", [1, 20])
def test_in_session_mode_everything_works(
    size: int, database: str, watcher: Connection, sample: Sample, pooler: Start
) -> None:
    through = pooler("session", size=size).dsn(database)

    run(sample, through, "deploy")
    run(sample, through, "verify")
    run(sample, through, "revert", "p", "--to", "a", "--yes")
    run(sample, through, "deploy")
    run(sample, through, "check")

    assert [event for event, *_ in rows(database)["events"]] == [
        *["deploy"] * 3,
        *["revert"] * 2,
        *["deploy"] * 2,
    ]
    # The pooler keeps its session, and must not keep the lock with it.
    assert count(watcher, HOLDS_LOCK) == 0


def test_in_session_mode_two_deploy_each_change_once(
    database: str, sample: Sample, pooler: Start
) -> None:
    through = pooler("session").dsn(database)

    for process in [start(sample, through, "deploy") for _ in range(4)]:
        end(process)

    assert [event for event, *_ in rows(database)["events"]] == ["deploy"] * 3


def test_in_session_mode_yoyo_works(database: str, sample: Sample, pooler: Start) -> None:
    write_shims(sample)
    through = pooler("session").dsn(database)

    end(start_yoyo(sample, through, "apply"))
    end(start_yoyo(sample, through, "rollback"))

    assert [event for event, *_ in rows(database)["events"]] == [*["deploy"] * 3, "revert"]


def test_in_session_mode_a_killed_deploy_lets_go_of_the_lock(
    database: str, watcher: Connection, sample: Sample, pooler: Start
) -> None:
    through = pooler("session").dsn(database)
    script = sample.path("deploy", "p:b")
    whole = script.read_text()
    script.write_text(whole.replace("COMMIT;", "SELECT pg_sleep(600);\nCOMMIT;"))
    process = start(sample, through, "deploy")
    sleeping = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    eventually(lambda: count(watcher, sleeping) == 1, "the script sleeps")
    process.kill()
    process.communicate()
    script.write_text(whole)

    run(sample, through, "deploy")

    assert [event for event, *_ in rows(database)["events"]] == ["deploy"] * 3


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_an_import_works_in_both_modes(
    mode: str, ledger: str, sample: Sample, pooler: Start, tmp_path: Path
) -> None:
    file = tmp_path / "chat.json"
    message = {"role": "user", "content": "Good day.", "timestamp": "2026-06-10T09:00:00Z"}
    file.write_text(json.dumps([{"id": "one", "messages": [message]}]))

    through = pooler(mode).dsn(ledger)
    for _ in range(2):
        run(sample, through, "import", str(file), "--firm", FIRM)

    with connect(ledger) as connection:
        assert count(connection, "SELECT FROM agents.chat_turn") == 1

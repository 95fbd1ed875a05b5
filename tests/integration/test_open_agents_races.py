"""Many clients of open_agents at once: messages keep their order, and what happens happens once.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.errors import ForeignKeyViolation
from psycopg.types.json import Jsonb
from tests.processes import eventually

ACCOUNT = "00000000-0000-4000-8000-00000000000a"
CLIENTS = 16
MESSAGES = 12

AS_ACCOUNT = f"-c role=muniment_app -c app.tenant_id={ACCOUNT} -c lock_timeout=20s"
AS_BACKEND = "-c role=muniment_service -c lock_timeout=20s"

APPEND = "SELECT open_agents.append_message(%s, %s, 'assistant', '[]')"


@pytest.fixture
def dsn(deployed: str, round_no: int) -> str:
    """A database with one chat."""
    with psycopg.connect(deployed) as connection:
        connection.execute("INSERT INTO open_agents.accounts (id) VALUES (%s)", [ACCOUNT])
        connection.execute(
            "INSERT INTO open_agents.sessions (account_id, id) VALUES (%s, 's')", [ACCOUNT]
        )
        connection.execute(
            "INSERT INTO open_agents.chats (account_id, id, session_id) VALUES (%s, 'c', 's')",
            [ACCOUNT],
        )
    return deployed


def client(dsn: str, options: str = AS_ACCOUNT) -> psycopg.Connection:
    """Connect as somebody whose every statement is a transaction."""
    return psycopg.connect(dsn, autocommit=True, options=options)


def value(connection: psycopg.Connection, query: str, *parameters: object) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def at_once(dsn: str, work: Callable[[psycopg.Connection, int], Any], clients: int) -> list[Any]:
    """Let clients do the same work at the same time; return what each of them returns."""
    start = threading.Barrier(clients)

    def one(number: int) -> Any:
        with client(dsn) as connection:
            start.wait(timeout=30)
            return work(connection, number)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(clients)))


def state(connection: psycopg.Connection, query: str, *parameters: object) -> Any:
    """Return what a query answers, or the SQLSTATE with which it is refused."""
    try:
        return value(connection, query, *parameters)
    except psycopg.Error as error:
        return error.sqlstate


@contextmanager
def open_transaction(dsn: str, options: str = AS_ACCOUNT) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, options=options) as connection:
        yield connection
        connection.rollback()


def waits(dsn: str, connection: psycopg.Connection) -> bool:
    with psycopg.connect(dsn) as observer:
        found = observer.execute(
            "SELECT FROM pg_locks WHERE pid = %s AND NOT granted", [connection.info.backend_pid]
        )
        return found.fetchone() is not None


# Messages -------------------------------------------------------------------


def test_writers_of_a_chat_get_one_number_each_and_no_reader_sees_a_gap(dsn: str) -> None:
    done = threading.Event()
    gaps: list[tuple[int, ...]] = []

    def read() -> int:
        looks = 0
        with client(dsn) as connection:
            while not done.is_set():
                looks += 1
                row = connection.execute(
                    "SELECT count(*), coalesce(max(message_no), 0) FROM open_agents.chat_messages"
                ).fetchone()
                assert row is not None
                if row[0] != row[1]:
                    gaps.append(row)
        return looks

    def write(connection: psycopg.Connection, number: int) -> list[int]:
        numbers = []
        for turn in range(MESSAGES):
            message = f"{number}.{turn}"
            with connection.transaction(force_rollback=turn % 3 == 2):
                if turn % 2:
                    got = value(connection, APPEND, "c", message)
                else:
                    got = value(
                        connection,
                        "INSERT INTO open_agents.chat_messages (id, chat_id, role, parts)"
                        " VALUES (%s, 'c', 'user', '[]') RETURNING message_no",
                        message,
                    )
            if turn % 3 != 2:
                numbers.append(got)
        return numbers

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            by_client = at_once(dsn, write, CLIENTS)
        finally:
            done.set()
        assert reading.result() > 0

    kept = CLIENTS * MESSAGES * 2 // 3
    assert gaps == []
    assert sorted(number for numbers in by_client for number in numbers) == [*range(1, kept + 1)]
    assert all(numbers == sorted(numbers) for numbers in by_client)
    with client(dsn) as connection:
        assert value(connection, "SELECT last_message_no FROM open_agents.chats") == kept


def test_a_message_that_is_sent_many_times_at_once_is_there_once(dsn: str) -> None:
    def send(connection: psycopg.Connection, _number: int) -> list[int]:
        return [value(connection, APPEND, "c", message) for message in ("m1", "m2", "m3")]

    answers = at_once(dsn, send, CLIENTS)

    # Nobody sends m2 before m1 is there.
    assert answers == [[1, 2, 3]] * CLIENTS
    with client(dsn) as connection:
        assert value(connection, "SELECT count(*) FROM open_agents.chat_messages") == 3


def test_an_answer_that_streams_in_from_many_places_takes_one_number(dsn: str) -> None:
    def stream(connection: psycopg.Connection, number: int) -> int:
        for part in range(5):
            got = value(
                connection,
                "INSERT INTO open_agents.chat_messages (id, chat_id, role, parts)"
                " VALUES ('m1', 'c', 'assistant', %s)"
                " ON CONFLICT (account_id, id) DO UPDATE SET parts = excluded.parts"
                " RETURNING message_no",
                Jsonb([number, part]),
            )
            assert got == 1
        return int(value(connection, APPEND, "c", f"after {number}"))

    numbers = at_once(dsn, stream, CLIENTS)

    assert sorted(numbers) == [*range(2, CLIENTS + 2)]


def test_a_message_waits_for_the_one_before_and_takes_its_number_if_that_fails(dsn: str) -> None:
    with (
        open_transaction(dsn) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        assert value(first, APPEND, "c", "m1") == 1
        waiting = pool.submit(value, second, APPEND, "c", "m2")
        eventually(lambda: waits(dsn, second), "the second waits")
        first.rollback()

        assert waiting.result(timeout=20) == 1


def test_a_message_to_a_chat_that_is_removed_meanwhile_is_refused(dsn: str) -> None:
    with (
        open_transaction(dsn) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute("DELETE FROM open_agents.chats")
        waiting = pool.submit(value, second, APPEND, "c", "m1")
        eventually(lambda: waits(dsn, second), "the second waits")
        first.commit()

        with pytest.raises(ForeignKeyViolation):
            waiting.result(timeout=20)


def test_an_id_that_two_chats_want_for_a_message_goes_to_one_of_them(dsn: str) -> None:
    with (
        open_transaction(dsn) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        second.execute("INSERT INTO open_agents.chats (id, session_id) VALUES ('d', 's')")
        value(first, APPEND, "c", "m1")
        waiting = pool.submit(state, second, APPEND, "d", "m1")
        eventually(lambda: waits(dsn, second), "the second waits")
        first.commit()

        # MU400: the id is that of another message.
        assert waiting.result(timeout=20) == "MU400"
        assert value(second, APPEND, "d", "m2") == 1, "what was refused took no number"


# Markers --------------------------------------------------------------------


def test_of_many_windows_the_one_that_read_most_counts(dsn: str) -> None:
    with client(dsn) as connection:
        for number in range(1, 51):
            value(connection, APPEND, "c", f"m{number}")

    def read(connection: psycopg.Connection, number: int) -> bool:
        chosen = random.Random(number)  # noqa: S311
        before = 0
        for _ in range(10):
            read_up_to = chosen.randint(0, 49)
            marker = value(connection, "SELECT open_agents.mark_read('c', %s)", read_up_to)
            assert marker >= max(before, read_up_to)
            before = marker
        return True

    assert all(at_once(dsn, read, CLIENTS))
    with client(dsn) as connection:
        marker = value(connection, "SELECT last_read_message_no FROM open_agents.chat_reads")
        unread = value(connection, "SELECT unread_count FROM open_agents.unread_counts()")
        assert marker + unread == 50


def test_reading_does_not_wait_for_a_message_that_is_being_written(dsn: str) -> None:
    with open_transaction(dsn) as writer, client(dsn) as reader:
        value(writer, APPEND, "c", "m1")
        reader.execute("SET lock_timeout = '100ms'")

        assert value(reader, "SELECT open_agents.mark_read('c')") == 0
        writer.commit()

        assert value(reader, "SELECT unread_count FROM open_agents.unread_counts()") == 1


def test_a_marker_does_not_outlast_its_chat(dsn: str) -> None:
    with (
        psycopg.connect(dsn) as holder,
        client(dsn) as remover,
        client(dsn) as reader,
        ThreadPoolExecutor(2) as pool,
    ):
        value(remover, APPEND, "c", "m1")

        # The reader has looked up the last message, and waits for its other reference.
        holder.execute("SELECT FROM open_agents.accounts FOR UPDATE")
        reading = pool.submit(value, reader, "SELECT open_agents.mark_read('c')")
        eventually(lambda: waits(dsn, reader), "the reader waits")
        removing = pool.submit(
            remover.execute,
            "WITH gone AS (DELETE FROM open_agents.chats RETURNING id) SELECT count(*) FROM gone",
        )
        eventually(lambda: removing.done() or waits(dsn, remover), "the chat goes, or waits")
        if removing.done():
            remover.execute("INSERT INTO open_agents.chats (id, session_id) VALUES ('c', 's')")
        holder.rollback()
        reading.result(timeout=20)
        removing.result(timeout=20)
        remover.execute(
            "INSERT INTO open_agents.chats (id, session_id) VALUES ('c', 's')"
            " ON CONFLICT (account_id, id) DO NOTHING"
        )

        value(remover, APPEND, "c", "m2")
        assert value(remover, "SELECT unread_count FROM open_agents.unread_counts()") == 1


def test_who_moves_a_marker_does_not_wait_for_who_removes_the_chat(dsn: str) -> None:
    with client(dsn) as reader, open_transaction(dsn) as remover:
        value(reader, APPEND, "c", "m1")
        value(reader, "SELECT open_agents.mark_read('c')")
        remover.execute("SELECT FROM open_agents.chats FOR UPDATE")
        reader.execute("SET lock_timeout = '100ms'")

        # It has the row that goes with the chat, so each would wait for the other.
        reader.execute("UPDATE open_agents.chat_reads SET last_read_message_no = 0")
        remover.execute("DELETE FROM open_agents.chats")
        remover.commit()

        assert value(reader, "SELECT count(*) FROM open_agents.chat_reads") == 0


# Runs -----------------------------------------------------------------------


def test_a_run_that_is_begun_by_many_begins_once(dsn: str) -> None:
    def begin(connection: psycopg.Connection, _number: int) -> bool:
        return bool(value(connection, "SELECT open_agents.start_run('c', 'r')"))

    assert Counter(at_once(dsn, begin, CLIENTS)) == {True: 1, False: CLIENTS - 1}


def test_steps_that_many_workers_want_to_take_do_not_overlap_and_add_up(dsn: str) -> None:
    with client(dsn) as connection:
        value(connection, "SELECT open_agents.start_run('c', 'r')")

    def work(connection: psycopg.Connection, number: int) -> Counter[str]:
        answers: Counter[str] = Counter()
        for turn in range(20):
            step = f"{number}.{turn}"
            begun = state(connection, "SELECT open_agents.start_step('r', %s)", step)
            answers[begun if isinstance(begun, str) else "begun"] += 1
            if isinstance(begun, int):
                assert value(connection, "SELECT open_agents.finish_step(%s, 'stop')", step)
        return answers

    answers = sum(at_once(dsn, work, CLIENTS), Counter[str]())

    with client(dsn) as connection:
        assert value(connection, "SELECT open_agents.finish_run('r', 'completed')")
        steps = connection.execute(
            "SELECT step_number, started_at, finished_at, duration_ms"
            " FROM open_agents.workflow_run_steps ORDER BY step_number"
        ).fetchall()
        run = connection.execute(
            "SELECT started_at, finished_at, total_duration_ms FROM open_agents.workflow_runs"
        ).fetchone()
    assert run is not None
    # MU403: another step is open.
    assert set(answers) <= {"begun", "MU403"}
    assert [number for number, *_ in steps] == [*range(1, answers["begun"] + 1)]
    times = [time for _, started, finished, _ in steps for time in (started, finished)]
    assert [run[0], *times, run[1]] == sorted([run[0], *times, run[1]])
    assert sum(duration for *_, duration in steps) <= run[2]


def test_of_many_ends_of_a_run_one_counts(dsn: str) -> None:
    with client(dsn) as connection:
        value(connection, "SELECT open_agents.start_run('c', 'r')")
        value(connection, "SELECT open_agents.start_step('r', 't')")

    def end(connection: psycopg.Connection, number: int) -> tuple[str, Any]:
        status = ("completed", "aborted", "failed")[number % 3]
        return status, state(connection, "SELECT open_agents.finish_run('r', %s)", status)

    answers = at_once(dsn, end, CLIENTS)

    with client(dsn) as connection:
        status = value(connection, "SELECT status FROM open_agents.workflow_runs")
        reason = value(connection, "SELECT finish_reason FROM open_agents.workflow_run_steps")
    assert [answer for answer in answers if answer[1] is True] == [(status, True)]
    assert reason == status != "completed"
    # MU402: it had ended otherwise; MU403: when asked to complete it, its step was open.
    assert {answer for _, answer in answers} <= {True, False, "MU402", "MU403"}
    assert all(answer[0] == status for answer in answers if answer[1] is False)


def test_sweepers_end_each_stale_run_once_and_leave_what_is_worked_on(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at)"
            " SELECT %s, 'r' || number, 'c', '2026-06-10 12:00+00'"
            " FROM generate_series(1, 200) AS number",
            [ACCOUNT],
        )

    def sweep(_connection: psycopg.Connection, _number: int) -> list[str]:
        found: list[str] = []
        with client(dsn, AS_BACKEND) as backend:
            while rows := backend.execute(
                "SELECT workflow_run_id FROM open_agents.abort_stale_runs('2026-06-10 13:00+00', 7)"
            ).fetchall():
                found += [run for (run,) in rows]
        return found

    with open_transaction(dsn) as worker:
        value(worker, "SELECT open_agents.start_step('r100', 't')")
        ended = [run for runs in at_once(dsn, sweep, 8) for run in runs]
        worker.commit()
    late = sweep(worker, 0)

    assert sorted(ended) == sorted(f"r{number}" for number in range(1, 201) if number != 100)
    assert late == [], "a run whose worker lives goes on"


REPEATABLE_READ = " -c default_transaction_isolation=repeatable\\ read"
COMPLETE = "SELECT open_agents.finish_run('r', 'completed')"
OPEN_IN_ENDED = """
    SELECT count(*)
    FROM open_agents.workflow_runs AS r
    INNER JOIN open_agents.workflow_run_steps AS s ON s.workflow_run_id = r.id
    WHERE r.status <> 'running' AND s.finished_at IS NULL
"""


def test_who_does_not_see_a_step_begin_does_not_end_its_run(dsn: str) -> None:
    with client(dsn) as worker:
        value(worker, "SELECT open_agents.start_run('c', 'r')")
        with (
            open_transaction(dsn, AS_ACCOUNT + REPEATABLE_READ) as other,
            open_transaction(dsn, AS_BACKEND + REPEATABLE_READ) as backend,
        ):
            for connection in (other, backend):
                assert value(connection, "SELECT count(*) FROM open_agents.workflow_runs") == 1
            stale_at = value(worker, "SELECT clock_timestamp()")
            value(worker, "SELECT open_agents.start_step('r', 't')")

            assert state(other, COMPLETE) == "40001"
            assert (
                state(backend, "SELECT count(*) FROM open_agents.abort_stale_runs(%s)", stale_at)
                == "40001"
            )

        assert value(worker, "SELECT status FROM open_agents.workflow_runs") == "running"
        assert value(worker, OPEN_IN_ENDED) == 0


def test_a_step_that_is_inserted_while_its_run_ends_is_refused(dsn: str) -> None:
    with (
        open_transaction(dsn) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(second, "SELECT open_agents.start_run('c', 'r')")
        value(first, COMPLETE)
        waiting = pool.submit(
            state,
            second,
            "INSERT INTO open_agents.workflow_run_steps (id, workflow_run_id, step_number)"
            " VALUES ('t', 'r', 1) RETURNING id",
        )
        eventually(lambda: waits(dsn, second), "the second waits")
        first.commit()

        # MU402: the run has ended.
        assert waiting.result(timeout=20) == "MU402"
        assert value(second, OPEN_IN_ENDED) == 0


def test_a_step_that_ends_with_its_run_does_not_end_again(dsn: str) -> None:
    with (
        open_transaction(dsn) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(second, "SELECT open_agents.start_run('c', 'r')")
        value(second, "SELECT open_agents.start_step('r', 't')")
        value(first, "SELECT open_agents.finish_run('r', 'aborted')")
        waiting = pool.submit(state, second, "SELECT open_agents.finish_step('t', 'stop')")
        eventually(lambda: waits(dsn, second), "the second waits")
        first.commit()

        # MU404: it has ended for another reason.
        assert waiting.result(timeout=20) == "MU404"


def test_a_run_is_passed_over_while_a_step_is_inserted_into_it(dsn: str) -> None:
    with open_transaction(dsn) as writer, client(dsn, AS_BACKEND) as backend:
        value(writer, "SELECT open_agents.start_run('c', 'r')")
        writer.commit()
        writer.execute(
            "INSERT INTO open_agents.workflow_run_steps (id, workflow_run_id, step_number)"
            " VALUES ('t', 'r', 1)"
        )

        swept = "SELECT count(*) FROM open_agents.abort_stale_runs(clock_timestamp())"
        assert value(backend, swept) == 0
        writer.commit()

        assert value(backend, swept) == 1
        assert value(backend, OPEN_IN_ENDED) == 0


def test_an_id_that_two_runs_want_for_a_step_goes_to_one_of_them(dsn: str) -> None:
    with (
        open_transaction(dsn) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        for run in ("r1", "r2"):
            value(second, "SELECT open_agents.start_run('c', %s)", run)
        value(first, "SELECT open_agents.start_step('r1', 't')")
        waiting = pool.submit(state, second, "SELECT open_agents.start_step('r2', 't')")
        eventually(lambda: waits(dsn, second), "the second waits")
        first.commit()

        # MU400: the id is that of a step of another run.
        assert waiting.result(timeout=20) == "MU400"


def test_a_sweeper_leaves_a_run_of_which_a_step_began_since_it_looked(dsn: str) -> None:
    with (
        psycopg.connect(dsn) as holder,
        client(dsn) as worker,
        client(dsn, AS_BACKEND) as backend,
        ThreadPoolExecutor(1) as pool,
    ):
        # More than the sweeper fetches at a time; it looks at all when it begins.
        holder.execute(
            "INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at)"
            " SELECT %s, 'r' || number, 'c', clock_timestamp() - (500 - number) * interval '1 min'"
            " FROM generate_series(1, 200) AS number",
            [ACCOUNT],
        )
        holder.execute(
            "INSERT INTO open_agents.workflow_run_steps"
            " (tenant_id, id, workflow_run_id, step_number, started_at)"
            " SELECT tenant_id, 't', id, 1, started_at"
            " FROM open_agents.workflow_runs WHERE id = 'r1'",
        )
        stale_at = value(holder, "SELECT clock_timestamp()")
        holder.commit()

        # The sweeper gets as far as the first run, and waits for its step.
        holder.execute("SELECT FROM open_agents.workflow_run_steps WHERE id = 't' FOR UPDATE")
        sweeping = pool.submit(
            value,
            backend,
            "SELECT array_agg(workflow_run_id) FROM open_agents.abort_stale_runs(%s, 1000)",
            stale_at,
        )
        eventually(lambda: waits(dsn, backend), "the sweeper waits")
        value(worker, "SELECT open_agents.start_step('r200', 't200')")
        holder.rollback()

        ended = sweeping.result(timeout=20)
        assert sorted(ended) == sorted(f"r{number}" for number in range(1, 200))
        assert value(worker, "SELECT open_agents.finish_step('t200')") is True

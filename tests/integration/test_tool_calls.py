"""Many workers and people at one tool call: it is recorded once, decided once and run once.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row
from tests.processes import eventually

FIRM = "00000000-0000-4000-8000-00000000000a"
RUN = "00000000-0000-4000-8000-0000000000a1"
ARGS = '{"to": ["client"]}'
APPROVED = sha256(ARGS.encode()).digest()
CLIENTS = 32

# No tenant: each function is told the firm, and is a transaction of its own.
AS_APP = "-c role=muniment_app -c lock_timeout=20s"

WORKER = (FIRM, RUN, "w1", 1)

REQUEST = "SELECT * FROM agents.request_tool_call(%s, %s, %s, %s, %s, %s"
BEGIN = "SELECT * FROM agents.begin_tool_call(%s, %s, %s, %s, %s, %s, %s)"
FINISH = "SELECT agents.finish_tool_call(%s, %s, %s, %s, %s, %s, %s"
DECIDE = "SELECT agents.decide_approval(%s, %s, %s, %s, %s, %s)"


@pytest.fixture
def dsn(deployed: str, round_no: int) -> str:
    """A database with a run of the worker w1, and the months of today."""
    with psycopg.connect(deployed) as connection:
        connection.execute(
            "SELECT agents.ensure_partitions(date_trunc('month', now() - interval '1 day')::date)"
        )
        connection.execute("SET LOCAL ROLE muniment_app")
        connection.execute(
            "SELECT agents.start_run(%s, 'MatterChatAgent', p_run_id => %s, p_worker_id => 'w1')",
            [FIRM, RUN],
        )
    return deployed


def client(dsn: str) -> psycopg.Connection[Any]:
    """Connect as a runtime whose every statement is a transaction."""
    return psycopg.connect(dsn, autocommit=True, options=AS_APP, row_factory=namedtuple_row)


def row(connection: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    found = connection.execute(query.encode(), parameters).fetchone()
    assert found is not None
    return found


def state(connection: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    """Return the first value that a query answers, or the SQLSTATE with which it is refused."""
    try:
        return row(connection, query, *parameters)[0]
    except psycopg.Error as error:
        return error.sqlstate


def request(
    connection: psycopg.Connection[Any], tool: str = "get_matter", key: str | None = None
) -> Any:
    return row(connection, REQUEST + ", p_idempotency_key => %s)", *WORKER, tool, ARGS, key)


def at_once(dsn: str, work: Callable[[psycopg.Connection[Any], int], Any]) -> list[Any]:
    """Let clients do the same work at the same time; return what each of them returns."""
    start = threading.Barrier(CLIENTS)

    def one(number: int) -> Any:
        with client(dsn) as connection:
            start.wait(timeout=60)
            return work(connection, number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


def recorded(dsn: str, columns: str) -> list[Any]:
    with psycopg.connect(dsn) as connection:
        query = "SELECT {} FROM agents.tool_call ORDER BY call_no, attempt_no"
        return connection.execute(query.format(columns).encode()).fetchall()


def waits(dsn: str, connection: psycopg.Connection[Any]) -> bool:
    with psycopg.connect(dsn) as observer:
        found = observer.execute(
            "SELECT FROM pg_locks WHERE pid = %s AND NOT granted", [connection.info.backend_pid]
        )
        return found.fetchone() is not None


def take_over(connection: psycopg.Connection[Any]) -> None:
    """Give the run to the worker w2, as if the lease of w1 had lapsed."""
    connection.execute("UPDATE agents.agent_run SET lease_expires_at = started_at")
    connection.execute("SELECT agents.claim_run(%s, %s, 'w2')", [FIRM, RUN])


# Requests ---------------------------------------------------------------------


def test_what_many_request_under_one_key_is_one_call(dsn: str) -> None:
    calls = at_once(dsn, lambda connection, _: request(connection, key="k"))

    assert len(set(calls)) == 1
    assert recorded(dsn, "call_no, attempt_no, status") == [(1, 1, "requested")]


def test_what_many_try_again_under_one_key_is_one_attempt(dsn: str) -> None:
    with client(dsn) as connection:
        call = request(connection, key="k")
        row(connection, BEGIN, *WORKER, call.tool_call_id, call.requested_at, None)
        row(
            connection,
            FINISH + ", p_error_type => 'refused', p_is_error_retryable => true)",
            *WORKER,
            call.tool_call_id,
            call.requested_at,
            "failed",
        )

    again = at_once(dsn, lambda connection, _: request(connection, key="k"))

    assert len(set(again)) == 1
    assert recorded(dsn, "call_no, attempt_no, status") == [(1, 1, "failed"), (1, 2, "requested")]


def test_calls_of_many_have_one_number_each(dsn: str) -> None:
    calls = at_once(dsn, lambda connection, _: request(connection))

    assert sorted(call.call_no for call in calls) == [*range(1, CLIENTS + 1)]


def test_a_call_waits_for_the_one_before_and_takes_its_number_if_that_fails(dsn: str) -> None:
    with (
        psycopg.connect(dsn, options=AS_APP, row_factory=namedtuple_row) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        assert request(first).call_no == 1
        waiting = pool.submit(request, second)
        eventually(lambda: waits(dsn, second), "the second waits")
        first.rollback()

        assert waiting.result(timeout=20).call_no == 1


def test_numbers_are_refused_to_a_snapshot_that_would_not_see_those_before(dsn: str) -> None:
    with client(dsn) as connection:
        for level in ("REPEATABLE READ", "SERIALIZABLE"):
            with connection.transaction(force_rollback=True):
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
                assert state(connection, REQUEST + ")", *WORKER, "get_matter", ARGS) == "MU111"

    assert recorded(dsn, "call_no") == []


def test_a_call_is_one_round_trip_that_leaves_no_tenant_behind(dsn: str) -> None:
    with client(dsn) as connection:
        request(connection)

        assert state(connection, "SELECT count(*) FROM agents.tool_call") == "42501"


# Decisions --------------------------------------------------------------------


def test_of_those_who_approve_and_deny_at_once_one_wins(dsn: str) -> None:
    with client(dsn) as connection:
        call = request(connection, "send_email")

    def decide(connection: psycopg.Connection[Any], number: int) -> Any:
        decision = ("approved", "denied")[number % 2]
        return state(
            connection,
            DECIDE,
            FIRM,
            call.tool_call_id,
            call.requested_at,
            decision,
            f"U-{number}",
            APPROVED,
        )

    answers = at_once(dsn, decide)

    ((status, decision, person),) = recorded(dsn, "status, approval_status, approval_decided_by")
    winner = int(person.removeprefix("U-"))
    assert Counter(answers) == {status: 1, "MU108": CLIENTS - 1}
    assert answers[winner] == status
    assert (decision, status) == (("approved", "requested"), ("denied", "denied"))[winner % 2]


def test_a_decision_that_is_sent_many_times_at_once_is_one(dsn: str) -> None:
    with client(dsn) as connection:
        call = request(connection, "send_email")

    def approve(connection: psycopg.Connection[Any], _number: int) -> Any:
        key = (call.tool_call_id, call.requested_at)
        return state(connection, DECIDE, FIRM, *key, "approved", "U-1", APPROVED)

    assert at_once(dsn, approve) == ["requested"] * CLIENTS


def test_what_was_approved_is_what_runs(dsn: str) -> None:
    everybody = sha256(b'{"to": ["everybody"]}').digest()
    with client(dsn) as connection:
        call = request(connection, "send_email")
        key = (call.tool_call_id, call.requested_at)
        assert state(connection, BEGIN, *WORKER, *key, APPROVED) == "MU107"
        assert state(connection, DECIDE, FIRM, *key, "approved", "U-1", everybody) == "MU109"
        assert state(connection, DECIDE, FIRM, *key, "approved", "U-1", APPROVED) == "requested"
        assert state(connection, BEGIN, *WORKER, *key, everybody) == "MU109"

        # Nor does anybody put other arguments into their place.
        changed = (
            "UPDATE agents.tool_call"
            " SET args_inline = '{}', args_sha256 = sha256('{}'), args_bytes = 2"
        )
        assert state(connection, changed) == "42501"
        with psycopg.connect(dsn, autocommit=True) as superuser:
            assert state(superuser, changed) == "MU103"

        assert state(connection, BEGIN, *WORKER, *key, APPROVED) == "run"
    assert recorded(dsn, "args_inline, args_sha256 = approval_args_sha256") == [(ARGS, True)]


def test_an_approval_that_expired_is_so_for_all_who_ask_at_once(dsn: str) -> None:
    with client(dsn) as connection:
        call = row(
            connection,
            REQUEST + ", p_requested_at => now(), p_approval_expires_at => clock_timestamp())",
            *WORKER,
            "send_email",
            ARGS,
        )
    key = (call.tool_call_id, call.requested_at)

    def ask(connection: psycopg.Connection[Any], number: int) -> Any:
        if number % 2:
            return state(connection, BEGIN, *WORKER, *key, APPROVED)
        return state(connection, DECIDE, FIRM, *key, "approved", f"U-{number}", APPROVED)

    assert Counter(at_once(dsn, ask)) == {"cancelled": CLIENTS // 2, "denied": CLIENTS // 2}
    assert recorded(dsn, "status, approval_status") == [("cancelled", "expired")]


# Effects ----------------------------------------------------------------------


def test_of_many_who_begin_a_call_one_runs_it(dsn: str) -> None:
    with client(dsn) as connection:
        call = request(connection)

    def begin(connection: psycopg.Connection[Any], _number: int) -> Any:
        return state(connection, BEGIN, *WORKER, call.tool_call_id, call.requested_at, None)

    assert Counter(at_once(dsn, begin)) == {"run": 1, "unknown": CLIENTS - 1}


def test_of_many_outcomes_of_a_call_one_counts(dsn: str) -> None:
    with client(dsn) as connection:
        call = request(connection)
        key = (call.tool_call_id, call.requested_at)
        row(connection, BEGIN, *WORKER, *key, None)

    def finish(connection: psycopg.Connection[Any], number: int) -> Any:
        return state(
            connection, FINISH + ", %s)", *WORKER, *key, "succeeded", f"result {number % 2}"
        )

    answers = at_once(dsn, finish)

    ((result,),) = recorded(dsn, "result_inline")
    same = [int(result[-1]) == number % 2 for number in range(CLIENTS)]
    assert answers == ["succeeded" if is_same else "MU110" for is_same in same]


def test_a_call_ends_after_what_is_asked_for_while_its_end_waits(dsn: str) -> None:
    with client(dsn) as other, client(dsn) as worker, ThreadPoolExecutor(1) as pool:
        call = request(worker)
        key = (call.tool_call_id, call.requested_at)
        row(worker, BEGIN, *WORKER, *key, None)
        with other.transaction():
            request(other)
            ended = pool.submit(state, worker, FINISH + ")", *WORKER, *key, "succeeded")
            eventually(lambda: waits(dsn, worker), "the end waits for the run")
            asked_at = request(other).requested_at

        assert ended.result(timeout=20) == "succeeded"
    assert recorded(dsn, "ended_at")[0][0] >= asked_at


def test_a_worker_that_lost_its_lease_neither_requests_nor_begins_nor_finishes(dsn: str) -> None:
    with client(dsn) as connection:
        begun = request(connection, key="k")
        asked = request(connection)
        row(connection, BEGIN, *WORKER, begun.tool_call_id, begun.requested_at, None)
    with psycopg.connect(dsn) as successor:
        take_over(successor)

    with client(dsn) as connection:
        assert state(connection, REQUEST + ")", *WORKER, "get_matter", ARGS) == "MU102"
        assert (
            state(connection, BEGIN, *WORKER, asked.tool_call_id, asked.requested_at, None)
            == "MU102"
        )
        assert (
            state(
                connection,
                FINISH + ")",
                *WORKER,
                begun.tool_call_id,
                begun.requested_at,
                "succeeded",
            )
            == "MU102"
        )
        # The next worker makes another attempt at what had no effect, under the same key.
        successor_of = (FIRM, RUN, "w2", 2, "get_matter", ARGS, "k")
        again = row(connection, REQUEST + ", p_idempotency_key => %s)", *successor_of)
        assert (again.call_no, again.call_attempt_no) == (1, 2)
    assert recorded(dsn, "call_no, attempt_no, status") == [
        (1, 1, "failed"),
        (1, 2, "requested"),
        (2, 1, "requested"),
    ]


def test_a_worker_whose_run_is_being_taken_over_waits_and_does_not_begin(dsn: str) -> None:
    with client(dsn) as connection:
        call = request(connection)

    with (
        psycopg.connect(dsn) as successor,
        client(dsn) as worker,
        ThreadPoolExecutor(1) as pool,
    ):
        take_over(successor)
        begun = pool.submit(
            state, worker, BEGIN, *WORKER, call.tool_call_id, call.requested_at, None
        )
        eventually(lambda: waits(dsn, worker), "the worker waits")
        successor.commit()

        assert begun.result(timeout=20) == "MU102"
    assert recorded(dsn, "status") == [("requested",)]

"""Many workers at the runs and conversations of one firm: numbered, started, held and sealed once.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import IsolationLevel
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb
from tests.processes import eventually

FIRM = "00000000-0000-4000-8000-00000000000a"
OTHER_FIRM = "00000000-0000-4000-8000-00000000000b"
SESSION = "00000000-0000-4000-8000-0000000000a5"
RUN = "00000000-0000-4000-8000-0000000000a1"
CLIENTS = 32
WRITERS = 16

# No tenant: each function is told the firm, and is a transaction of its own. Who waits for ever
# fails.
AS_APP = "-c role=muniment_app -c statement_timeout=60s"
AS_SERVICE = "-c role=muniment_service -c statement_timeout=60s"

START = "SELECT * FROM agents.start_run(%s, %s, %s, p_worker_id => 'w1')"
CLAIM = "SELECT * FROM agents.claim_run(%s, %s, %s)"
BEAT = "SELECT agents.heartbeat(%s, %s, %s, %s)"
APPEND = "SELECT * FROM agents.append_turn(%s, %s, 'user', 'Hello')"
APPEND_TO_RUN = "SELECT * FROM agents.append_turn(%s, %s, 'assistant', 'Hi', %s, %s, %s)"
RECORD = "SELECT * FROM agents.record_turn(%s, %s, %s, %s)"
FINISH = "SELECT agents.finish_run(%s, %s, %s, %s, %s)"
CLOSE = "SELECT agents.close_session(%s, %s)"
REQUEST = "SELECT * FROM agents.request_tool_call(%s, %s, %s, %s, 'get_matter', '{}')"
REAP = "SELECT * FROM agents.reap_stale_runs(%s)"
RECORD_CALL = (
    "SELECT * FROM agents.record_turn(%s, %s, %s, %s,"
    """ '[{"tool_name": "get_matter", "args": "{}"}]')"""
)
REDACT_CALL = "SELECT agents.redact_tool_call(%s, %s, %s, 'args', 'U-1', 'Article 17.')"
IMPORT = """
    SELECT agents.import_runs(
        %s,
        json_build_array(json_build_object(
            'run_id', gen_random_uuid(), 'session_id', gen_random_uuid(), 'agent_name', 'clerk',
            'status', 'succeeded', 'started_at', now(), 'ended_at', now(), 'turn_count', 0,
            'metadata', json_build_object()
        )),
        '[]', '[]'
    )
"""

TWO_TURNS = Jsonb([{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}])


def exchange(**run: object) -> Jsonb:
    return Jsonb({"agent_name": "clerk", **run})


@pytest.fixture
def dsn(ledger: str, round_no: int) -> str:
    """A database with a conversation, and the months of today."""
    with psycopg.connect(ledger) as connection:
        connection.execute(
            "SELECT agents.ensure_partitions(date_trunc('month', now() - interval '1 day')::date)"
        )
        connection.execute("SELECT agents.open_session(%s, %s)", [FIRM, SESSION])
    return ledger


@pytest.fixture
def held(dsn: str) -> str:
    """The same with a run of the worker w1."""
    with client(dsn) as connection:
        connection.execute(
            "SELECT agents.start_run(%s, 'clerk', p_run_id => %s, p_worker_id => 'w1')",
            [FIRM, RUN],
        )
    return dsn


def client(dsn: str, options: str = AS_APP) -> psycopg.Connection[Any]:
    """Connect as a runtime, or the backend, whose every statement is a transaction."""
    return psycopg.connect(dsn, autocommit=True, options=options, row_factory=namedtuple_row)


def row(connection: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    found = connection.execute(query.encode(), parameters).fetchone()
    assert found is not None
    return found


def answer(connection: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    """Return the row that a query answers, or the SQLSTATE with which it is refused."""
    try:
        return row(connection, query, *parameters)
    except psycopg.Error as error:
        return error.sqlstate


def at_once(
    dsn: str, work: Callable[[psycopg.Connection[Any], int], Any], *, clients: int = CLIENTS
) -> list[Any]:
    """Let clients work at the same time; return what each of them returns."""
    start = threading.Barrier(clients)

    def one(number: int) -> Any:
        with client(dsn) as connection:
            start.wait(timeout=60)
            return work(connection, number)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(clients)))


def recorded(dsn: str, query: str) -> list[Any]:
    """Return what is there, as a superuser sees it."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def verdicts(dsn: str) -> Counter[str]:
    """Count what the seals of all runs say, and that no chain has a fault."""
    firms = recorded(dsn, "SELECT DISTINCT firm_id FROM agents.agent_run_key")
    with psycopg.connect(dsn, autocommit=True) as connection:
        return Counter(
            verdict
            for (firm,) in firms
            for (verdict,) in connection.execute(
                "SELECT verdict FROM agents.verify_chain(%s)", [firm]
            )
        )


def lapse(dsn: str) -> None:
    """Let the leases of all runs have lapsed."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE agents.agent_run SET lease_expires_at = started_at")


# Conversations ----------------------------------------------------------------


def test_a_session_that_many_open_is_one(dsn: str) -> None:
    opened = at_once(
        dsn,
        lambda connection, _: row(
            connection,
            "SELECT * FROM agents.open_session(%s, p_idempotency_key => 'k')",
            FIRM,
        ),
    )

    assert len({session.session_id for session in opened}) == 1
    assert Counter(session.is_new for session in opened) == {True: 1, False: CLIENTS - 1}


def test_turns_of_many_writers_are_numbered_without_gap_or_duplicate(dsn: str) -> None:
    def write(connection: psycopg.Connection[Any], number: int) -> list[int]:
        last = []
        for _ in range(5):
            last.append(row(connection, APPEND, FIRM, SESSION).turn_no)
            last.append(row(connection, RECORD, FIRM, SESSION, exchange(), TWO_TURNS).last_turn_no)
        return last

    told = at_once(dsn, write, clients=WRITERS)

    written = [no for (no,) in recorded(dsn, "SELECT turn_no FROM agents.chat_turn ORDER BY 1")]
    assert written == list(range(1, 15 * WRITERS + 1))
    assert recorded(dsn, "SELECT last_turn_no FROM agents.chat_session") == [(15 * WRITERS,)]
    assert len({no for numbers in told for no in numbers}) == 10 * WRITERS
    assert all(numbers == sorted(numbers) for numbers in told)
    assert verdicts(dsn) == {"holds": 5 * WRITERS}


# One request, one run ---------------------------------------------------------


def test_a_run_that_many_start_is_one(dsn: str) -> None:
    started = at_once(dsn, lambda connection, _: row(connection, START, FIRM, "clerk", "k"))

    assert len({(run.run_id, run.started_at, run.status, run.attempt_no) for run in started}) == 1
    assert Counter(run.is_new for run in started) == {True: 1, False: CLIENTS - 1}
    assert recorded(dsn, "SELECT count(*) FROM agents.agent_run") == [(1,)]


def test_of_two_requests_that_many_make_under_one_key_one_is_made(dsn: str) -> None:
    answers = at_once(
        dsn,
        lambda connection, number: answer(connection, START, FIRM, f"clerk {number % 2}", "k"),
    )

    ((agent,),) = recorded(dsn, "SELECT agent_name FROM agents.agent_run")
    for number, given in enumerate(answers):
        assert (given == "MU100") == (agent != f"clerk {number % 2}")


def test_an_exchange_that_many_record_is_one(dsn: str) -> None:
    answers = at_once(
        dsn,
        lambda connection, number: answer(
            connection,
            RECORD,
            FIRM,
            SESSION,
            exchange(idempotency_key="k", metadata={"one": number % 4 > 0}),
            TWO_TURNS,
        ),
    )

    told = {given[:4] for given in answers if given != "MU100"}
    ((one,),) = recorded(dsn, "SELECT metadata -> 'one' FROM agents.agent_run")
    assert [given == "MU100" for given in answers] == [
        one != (number % 4 > 0) for number in range(CLIENTS)
    ]
    ((run_id, started_at, seal_sha256),) = recorded(
        dsn, "SELECT run_id, run_started_at, seal_sha256 FROM agents.run_seal"
    )
    assert told == {(run_id, started_at, 2, seal_sha256)}
    assert sum(given != "MU100" and given.is_new for given in answers) == 1
    assert recorded(dsn, "SELECT turn_no FROM agents.chat_turn ORDER BY 1") == [(1,), (2,)]


# One worker at a time ---------------------------------------------------------


def test_a_run_whose_lease_lapsed_goes_to_one(held: str) -> None:
    lapse(held)

    answers = at_once(
        held, lambda connection, number: answer(connection, CLAIM, FIRM, RUN, f"claims {number}")
    )

    (claimed,) = [given for given in answers if given != "MU102"]
    assert (str(claimed.run_id), claimed.status, claimed.attempt_no) == (RUN, "running", 2)
    ((worker,),) = recorded(held, "SELECT worker_id FROM agents.agent_run")
    assert worker == f"claims {answers.index(claimed)}"


def test_a_worker_that_lost_its_lease_writes_nothing(held: str) -> None:
    with client(held) as lost, client(held) as taker:
        lapse(held)
        row(taker, CLAIM, FIRM, RUN, "w2")

        assert answer(lost, BEAT, FIRM, RUN, "w1", 1) == "MU102"
        assert answer(lost, APPEND_TO_RUN, FIRM, SESSION, RUN, "w1", 1) == "MU102"
        assert answer(lost, FINISH, FIRM, RUN, "w1", 1, "succeeded") == "MU102"
        # Nor as the one who has it now, in its own attempt, or the other way round.
        assert answer(lost, BEAT, FIRM, RUN, "w2", 1) == "MU102"
        assert answer(lost, BEAT, FIRM, RUN, "w1", 2) == "MU102"

        assert recorded(held, "SELECT status, attempt_no FROM agents.agent_run") == [("running", 2)]
        assert recorded(held, "SELECT FROM agents.chat_turn") == []
        assert answer(taker, APPEND_TO_RUN, FIRM, SESSION, RUN, "w2", 2).turn_no == 1
        row(taker, FINISH, FIRM, RUN, "w2", 2, "succeeded")
        assert answer(lost, BEAT, FIRM, RUN, "w1", 1) == "MU101"


def test_of_a_beat_and_a_claim_one_succeeds(held: str) -> None:
    lapse(held)

    beat, claim = at_once(
        held,
        lambda connection, number: (
            answer(connection, BEAT, FIRM, RUN, "w1", 1)
            if number == 0
            else answer(connection, CLAIM, FIRM, RUN, "w2")
        ),
        clients=2,
    )

    assert [beat, claim].count("MU102") == 1
    ((worker,),) = recorded(held, "SELECT worker_id FROM agents.agent_run")
    assert worker == ("w1" if claim == "MU102" else "w2")


@pytest.mark.parametrize(
    ("query", "parameters", "time"),
    [
        (BEAT, (FIRM, RUN, "w1", 1), "SELECT heartbeat_at FROM agents.agent_run"),
        (CLAIM, (FIRM, RUN, "w1"), "SELECT heartbeat_at FROM agents.agent_run"),
        (FINISH, (FIRM, RUN, "w1", 1, "succeeded"), "SELECT ended_at FROM agents.agent_run"),
        (REQUEST, (FIRM, RUN, "w1", 1), "SELECT requested_at FROM agents.tool_call"),
        (CLOSE, (FIRM, SESSION), "SELECT closed_at FROM agents.chat_session"),
    ],
    ids=["heartbeat", "claim_run", "finish_run", "request_tool_call", "close_session"],
)
def test_who_waits_acts_after_what_is_written_meanwhile(
    held: str, query: str, parameters: tuple[object, ...], time: str
) -> None:
    with client(held) as writer, client(held) as waiter, ThreadPoolExecutor(1) as pool:
        with writer.transaction():
            row(writer, APPEND_TO_RUN, FIRM, SESSION, RUN, "w1", 1)
            waiting = pool.submit(row, waiter, query, *parameters)
            eventually(lambda: waits(held, waiter.info.backend_pid), "it waits for the writer")
            row(writer, APPEND_TO_RUN, FIRM, SESSION, RUN, "w1", 1)
        waiting.result()

    ((acted_at,),) = recorded(held, time)
    ((written_at,),) = recorded(held, "SELECT max(created_at) FROM agents.chat_turn")
    assert acted_at >= written_at


# The end ----------------------------------------------------------------------


def test_a_turn_is_under_the_seal_or_is_refused(held: str) -> None:
    def work(connection: psycopg.Connection[Any], number: int) -> Any:
        if number % 8 == 0:
            return row(connection, FINISH, FIRM, RUN, "w1", 1, "succeeded")
        return answer(connection, APPEND_TO_RUN, FIRM, SESSION, RUN, "w1", 1)

    answers = at_once(held, work)

    assert recorded(held, "SELECT seal_sha256 FROM agents.run_seal") == list(set(answers[::8]))
    appended = [given for number, given in enumerate(answers) if number % 8]
    accepted = [given.turn_id for given in appended if given != "MU101"]
    assert set(recorded(held, "SELECT turn_id FROM agents.chat_turn")) == {
        (turn_id,) for turn_id in accepted
    }
    # The key, the run and its turns: the run belongs to no conversation.
    assert recorded(held, "SELECT row_count FROM agents.run_seal") == [(2 + len(accepted),)]
    assert verdicts(held) == {"holds": 1}


def test_reapers_share_the_work(dsn: str) -> None:
    with client(dsn) as connection:
        for number in range(40):
            row(connection, START, (FIRM, OTHER_FIRM)[number % 2], "clerk", f"k{number}")
    lapse(dsn)

    def reap(_: int) -> list[UUID]:
        with client(dsn, AS_SERVICE) as connection:
            found: list[UUID] = []
            while reaped := connection.execute(REAP.encode(), [5]).fetchall():
                found.extend(run.run_id for run in reaped)
            return found

    with ThreadPoolExecutor(4) as pool:
        ended = [run_id for reaped in pool.map(reap, range(4)) for run_id in reaped]

    assert Counter(ended) == Counter(
        run_id for (run_id,) in recorded(dsn, "SELECT run_id FROM agents.agent_run")
    )
    assert recorded(dsn, "SELECT DISTINCT status FROM agents.agent_run") == [("abandoned",)]
    assert verdicts(dsn) == {"holds": 40}


def test_a_run_that_its_worker_is_writing_is_not_reaped(held: str) -> None:
    lapse(held)

    with client(held) as worker, client(held, AS_SERVICE) as reaper:
        with worker.transaction():
            row(worker, BEAT, FIRM, RUN, "w1", 1)
            # It does not wait for the worker either, which is why this comes to an end.
            assert reaper.execute(REAP.encode(), [5]).fetchall() == []
        assert reaper.execute(REAP.encode(), [5]).fetchall() == []

    assert recorded(held, "SELECT status FROM agents.agent_run") == [("running",)]


def test_a_run_is_reaped_or_beats(dsn: str) -> None:
    with client(dsn) as connection:
        runs = [
            row(connection, START, FIRM, "clerk", f"k{number}").run_id
            for number in range(CLIENTS - 4)
        ]
    lapse(dsn)

    def work(connection: psycopg.Connection[Any], number: int) -> Any:
        if number < len(runs):
            return answer(connection, BEAT, FIRM, runs[number], "w1", 1)
        with client(dsn, AS_SERVICE) as reaper:
            return {run.run_id for run in reaper.execute(REAP.encode(), [100]).fetchall()}

    answers = at_once(dsn, work)

    reaped: list[UUID] = [run_id for found in answers[len(runs) :] for run_id in found]
    beats = answers[: len(runs)]
    assert sorted(reaped) == sorted(
        run_id for run_id, beat in zip(runs, beats, strict=True) if beat == "MU101"
    )
    assert verdicts(dsn) == ({"holds": len(reaped)} if reaped else {})


# Seals ------------------------------------------------------------------------


def test_writers_of_a_firm_do_not_wait_for_the_seals_of_each_other(dsn: str) -> None:
    sessions = [UUID(int=UUID(SESSION).int + 1 + number) for number in range(8)]
    with ExitStack() as stack:
        writers = [stack.enter_context(client(dsn)) for _ in sessions]
        for writer, session in zip(writers, sessions, strict=True):
            row(writer, "SELECT agents.open_session(%s, %s)", FIRM, session)

        for _ in range(2):
            for writer in writers:
                writer.execute("BEGIN")
            # All of them seal before the first of them commits: who waited would wait for ever.
            with ThreadPoolExecutor(len(writers)) as pool:
                list(
                    pool.map(
                        lambda pair: row(pair[0], RECORD, FIRM, pair[1], exchange(), TWO_TURNS),
                        zip(writers, sessions, strict=True),
                    )
                )
            assert recorded(dsn, "SELECT FROM pg_locks WHERE NOT granted") == []
            for writer in writers:
                writer.execute("COMMIT")
            # No more chains than there were writers at once, then and later.
            assert recorded(dsn, "SELECT count(*) FROM agents.seal_chain") == [(8,)]

    assert verdicts(dsn) == {"holds": 16}


def test_who_seals_several_runs_does_not_wait_in_a_circle(dsn: str) -> None:
    def work(connection: psycopg.Connection[Any], number: int) -> None:
        session = row(connection, "SELECT * FROM agents.open_session(%s)", FIRM).session_id
        with connection.transaction():
            for _ in range(4):
                row(connection, RECORD, FIRM, session, exchange(), TWO_TURNS)

    at_once(dsn, work, clients=WRITERS)

    ((chains,),) = recorded(dsn, "SELECT count(*) FROM agents.seal_chain")
    assert chains <= WRITERS
    assert verdicts(dsn) == {"holds": 4 * WRITERS}


def test_a_backend_that_is_killed_leaves_nothing_half(dsn: str) -> None:
    with client(dsn, "") as blocker, client(dsn) as victim, ThreadPoolExecutor(1) as pool:
        # It has written the key, and waits for the conversation.
        blocker.execute("BEGIN")
        blocker.execute("SELECT FROM agents.chat_session FOR UPDATE")
        recording = pool.submit(
            answer, victim, RECORD, FIRM, SESSION, exchange(idempotency_key="k"), TWO_TURNS
        )
        pid = victim.info.backend_pid
        eventually(lambda: waits(dsn, pid), "the exchange waits for the conversation")

        os.kill(pid, signal.SIGKILL)
        # Without an SQLSTATE: the connection is gone. The server ends all others and restarts.
        assert recording.result() is None
        eventually(lambda: answer(blocker, "SELECT 1") != (1,), "the server has noticed")

    eventually(lambda: accepts(dsn), "the server is back")
    for table in ("agent_run_key", "agent_run", "chat_turn", "run_seal", "seal_chain"):
        assert recorded(dsn, f"SELECT FROM agents.{table}") == []
    with client(dsn) as connection:
        again = row(connection, RECORD, FIRM, SESSION, exchange(idempotency_key="k"), TWO_TURNS)
    assert (again.last_turn_no, again.is_new) == (2, True)
    assert verdicts(dsn) == {"holds": 1}


def waits(dsn: str, pid: int) -> bool:
    return bool(recorded(dsn, f"SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted"))


def accepts(dsn: str) -> bool:
    try:
        return recorded(dsn, "SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False


# Snapshots --------------------------------------------------------------------


@pytest.fixture
def snapshot(held: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that sees what was there when it began, and no more."""
    with client(held) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction(force_rollback=True):
            connection.execute("SELECT platform.set_tenant(%s)", [FIRM])
            yield connection


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (BEAT, (FIRM, RUN, "w1", 1)),
        (APPEND_TO_RUN, (FIRM, SESSION, RUN, "w1", 1)),
        (FINISH, (FIRM, RUN, "w1", 1, "succeeded")),
        (CLAIM, (FIRM, RUN, "w1")),
    ],
    ids=["heartbeat", "append_turn", "finish_run", "claim_run"],
)
def test_below_a_lock_nothing_is_done_by_an_old_snapshot(
    snapshot: psycopg.Connection[Any], query: str, parameters: tuple[object, ...]
) -> None:
    assert answer(snapshot, query, *parameters) == "MU111"


def test_a_run_is_sealed_by_no_old_snapshot(snapshot: psycopg.Connection[Any]) -> None:
    queued = row(snapshot, "SELECT * FROM agents.start_run(%s, 'clerk')", FIRM)

    cancel = "SELECT agents.request_cancel(%s, %s)"
    assert answer(snapshot, cancel, FIRM, queued.run_id) == "MU111"


def test_nobody_is_reaped_by_an_old_snapshot(held: str) -> None:
    lapse(held)

    with client(held, AS_SERVICE) as reaper:
        reaper.isolation_level = IsolationLevel.REPEATABLE_READ
        with reaper.transaction(force_rollback=True):
            assert answer(reaper, REAP, 5) == "MU111"


@pytest.mark.parametrize("who", [AS_APP, AS_SERVICE], ids=["import_runs", "redact_tool_call"])
def test_an_old_snapshot_does_not_seal_in_a_chain_that_went_on(dsn: str, who: str) -> None:
    with client(dsn) as other, client(dsn, who) as late:
        row(other, RECORD_CALL, FIRM, SESSION, exchange(), TWO_TURNS)
        ((call_id, requested_at),) = recorded(
            dsn, "SELECT tool_call_id, requested_at FROM agents.tool_call"
        )
        late.isolation_level = IsolationLevel.REPEATABLE_READ
        with late.transaction(force_rollback=True):
            late.execute("SELECT now()")
            row(other, RECORD, FIRM, SESSION, exchange(), TWO_TURNS)

            if who == AS_APP:
                assert answer(late, IMPORT, FIRM) == "40001"
            else:
                assert answer(late, REDACT_CALL, FIRM, call_id, requested_at) == "40001"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("SELECT agents.open_session(%s, p_idempotency_key => 'k')", (FIRM,)),
        (START, (FIRM, "clerk", "k")),
        (RECORD, (FIRM, SESSION, exchange(idempotency_key="k"), TWO_TURNS)),
    ],
    ids=["open_session", "start_run", "record_turn"],
)
def test_what_another_did_meanwhile_is_told_to_an_old_snapshot(
    held: str, snapshot: psycopg.Connection[Any], query: str, parameters: tuple[object, ...]
) -> None:
    with client(held) as other:
        row(other, query, *parameters)

    assert answer(snapshot, query, *parameters) == "40001"

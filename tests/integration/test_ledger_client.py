"""Programs write through muniment.Ledger, and read back what they wrote, proven."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from tests.fix_ledger import FIRM_A, FIRM_B, RecordRoom, login
from tests.fix_pooler import Start
from tests.fix_wire import Wire, wire_to
from tests.processes import PATIENCE, eventually

from muniment import AsyncLedger, Ledger, Usage
from muniment.errors import (
    AccessDenied,
    ConnectFailed,
    ConstraintViolated,
    IdempotencyConflict,
    LedgerInputError,
    MunimentError,
    NotThere,
    PartitionMissing,
    SessionClosed,
    ToolUnknown,
)
from muniment.ledger import RunInput, ToolCallInput, TurnInput, uuid7
from muniment.settings import Settings

LARGE = "exhibit " * 700_000  # 5.6 MB
ODD = "a\0b \ud83d"
USAGE = Usage(input_tokens=812, output_tokens=90, cache_read_tokens=700)

RUN: RunInput = {
    "agent_name": "MatterChatAgent",
    "subject_type": "matter",
    "subject_id": "2026-117",
    "metadata": {"grüße": ["an", {"alle": None}]},
}
TURNS: list[TurnInput] = [
    {"role": "user", "content": "What is the notice period? \U0001f600"},
    {
        "role": "assistant",
        "content": "Three months.",
        "usage": USAGE,
        "cost_usd": Decimal("0.000000001"),
        "latency_ms": 1_200,
    },
]
CALLS: list[ToolCallInput] = [
    {"tool_name": "look", "args": '{"matter": "2026-117"}', "result": "§ 573c BGB"}
]


@pytest.fixture
def ledger_a(record_room: RecordRoom) -> Ledger:
    return record_room.ledger()


@pytest.fixture
def session_id(ledger_a: Ledger) -> UUID:
    return ledger_a.open_session(subject_type="matter", subject_id="2026-117").session_id


# What goes in comes out --------------------------------------------------------------


def test_an_exchange_is_recorded_read_back_and_verified(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    recorded = ledger_a.record_turn(session_id, RUN, TURNS, CALLS)

    assert recorded.is_new
    assert recorded.last_turn_no == 2
    asked, answered = ledger_a.session_turns(session_id)
    assert (asked.turn_no, asked.role, asked.content) == (1, "user", TURNS[0]["content"])
    assert asked.usage == Usage()
    assert (answered.content, answered.usage, answered.latency_ms) == (
        "Three months.",
        USAGE,
        1_200,
    )
    assert answered.cost_usd == Decimal("0.000000001")
    assert {asked.run_id, answered.run_id} == {recorded.run_id}
    (call,) = ledger_a.tool_calls(recorded.run_id)
    assert (call.tool_name, call.status, call.args, call.result) == (
        "look",
        "succeeded",
        CALLS[0]["args"],
        CALLS[0]["result"],
    )
    run = ledger_a.get_run(recorded.run_id)
    assert (run.agent_name, run.status, run.session_id) == (
        "MatterChatAgent",
        "succeeded",
        session_id,
    )
    assert run.usage == USAGE
    assert run.metadata == RUN["metadata"]
    assert run.started_at == recorded.started_at
    assert ledger_a.seal(recorded.run_id) == recorded.seal_sha256
    assert ledger_a.verify_seal(recorded.run_id).holds
    assert [turn.turn_no for turn in ledger_a.session_turns(session_id, after=1)] == [2]
    assert [turn.turn_no for turn in ledger_a.session_turns(session_id, limit=1)] == [1]


def test_a_row_that_was_changed_is_named(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    run_id = ledger_a.record_turn(session_id, RUN, TURNS).run_id
    turn_id = ledger_a.session_turns(session_id)[1].turn_id
    record_room.do("ALTER TABLE agents.chat_turn DISABLE TRIGGER USER")
    record_room.do("UPDATE agents.chat_turn SET role = 'tool' WHERE turn_no = 2")

    check = ledger_a.verify_seal(run_id)

    assert not check.holds
    assert (check.verdict, check.table_name, check.row_id) == ("differs", "chat_turn", turn_id)


def test_large_and_odd_bodies_go_over_the_shelf_and_come_back_proven(
    record_room: RecordRoom, shelf_settings: Settings
) -> None:
    ledger = record_room.ledger(settings=shelf_settings)
    session_id = ledger.open_session().session_id
    turns: list[TurnInput] = [
        {"role": "user", "content": LARGE},
        {"role": "assistant", "content": ODD},
        {"role": "assistant", "content": ""},
        {"role": "assistant"},
    ]
    calls: list[ToolCallInput] = [{"tool_name": "look", "args": ODD, "result": LARGE}]

    run_id = ledger.record_turn(session_id, RUN, turns, calls).run_id

    found = ledger.session_turns(session_id)
    assert [turn.content for turn in found] == [LARGE, ODD, "", None]
    assert [turn.content_storage for turn in found] == ["s3", "s3", "inline", None]
    assert found[0].content_bytes == len(LARGE)
    (call,) = ledger.tool_calls(run_id)
    assert (call.args, call.result) == (ODD, LARGE)
    assert ledger.verify_seal(run_id).holds
    (first, *_) = ledger.session_turns(session_id, fetch_bodies=False)
    assert (first.content, first.content_storage) == (None, "s3")
    with pytest.raises(LedgerInputError, match="shelf"):
        record_room.ledger().session_turns(session_id)


# The same again ----------------------------------------------------------------------


def test_the_same_key_is_the_same_exchange(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    run: RunInput = {**RUN, "idempotency_key": "request-1"}
    first = ledger_a.record_turn(session_id, run, TURNS, CALLS)
    before = record_room.counts()

    again = ledger_a.record_turn(session_id, run, TURNS, CALLS)

    assert again.is_new is False
    assert (again.run_id, again.seal_sha256) == (first.run_id, first.seal_sha256)
    assert again.last_turn_no == 2
    with pytest.raises(IdempotencyConflict) as refused:
        ledger_a.record_turn(session_id, run, TURNS[:1])
    assert refused.value.sqlstate == "MU100"
    assert record_room.counts() == before


def test_the_same_key_is_the_same_exchange_over_the_shelf_too(
    record_room: RecordRoom, shelf_settings: Settings
) -> None:
    ledger = record_room.ledger(settings=shelf_settings)
    session_id = ledger.open_session().session_id
    run: RunInput = {**RUN, "idempotency_key": "request-1"}
    turns: list[TurnInput] = [{"role": "user", "content": ODD}]
    calls: list[ToolCallInput] = [{"tool_name": "look", "args": ODD, "result": ODD}]

    # The keys of the objects differ, because each attempt makes an id for its run.
    first, again = (ledger.record_turn(session_id, run, turns, calls) for _ in range(2))

    assert (again.run_id, again.is_new) == (first.run_id, False)
    assert [turn.content for turn in ledger.session_turns(session_id)] == [ODD]


def test_the_same_key_is_the_same_session_and_run(ledger_a: Ledger) -> None:
    session = ledger_a.open_session(idempotency_key="s")
    assert ledger_a.open_session(idempotency_key="s").session_id == session.session_id
    with pytest.raises(IdempotencyConflict) as refused:
        ledger_a.open_session(idempotency_key="s", channel="web")
    assert refused.value.sqlstate == "MU113"

    run = ledger_a.start_run("A", idempotency_key="r")
    again = ledger_a.start_run("A", idempotency_key="r")
    assert (again.run_id, again.is_new) == (run.run_id, False)


# Errors --------------------------------------------------------------------------------


Attempt = Callable[[Ledger, UUID], Any]


def none() -> Any:
    """What a variable holds that was to hold an id."""
    return None


REFUSED: dict[str, tuple[Attempt, type[MunimentError], str]] = {
    "unknown session": (
        lambda ledger, _: ledger.record_turn(uuid4(), RUN, TURNS),
        NotThere,
        "p_session_id",
    ),
    "unknown tool": (
        lambda ledger, session: ledger.record_turn(session, RUN, TURNS, [{"tool_name": "nope"}]),
        ToolUnknown,
        "p_tool_calls[0].tool_name: nope",
    ),
    "another firm's session": (
        lambda ledger, session: ledger.for_firm(FIRM_B).record_turn(session, RUN, TURNS),
        NotThere,
        "p_session_id",
    ),
    "another firm's session, turns": (
        lambda ledger, session: ledger.for_firm(FIRM_B).append_turns(session, TURNS),
        NotThere,
        "p_session_id",
    ),
    "unknown parent": (
        lambda ledger, session: ledger.record_turn(
            session, {**RUN, "parent_run_id": uuid4()}, TURNS
        ),
        NotThere,
        "p_run.parent_run_id",
    ),
    "failed without an error": (
        lambda ledger, session: ledger.record_turn(session, {**RUN, "status": "failed"}, TURNS),
        ConstraintViolated,
        "agent_run_failed_has_error_ck",
    ),
    "ended before it started": (
        lambda ledger, session: ledger.record_turn(
            session,
            {
                **RUN,
                "started_at": datetime.now(UTC),
                "ended_at": datetime.now(UTC) - timedelta(1),
            },
            TURNS,
        ),
        LedgerInputError,
        "run.ended_at",
    ),
    "a NUL without a shelf": (
        lambda ledger, session: ledger.record_turn(
            session, RUN, [*TURNS, {"role": "user", "content": ODD}]
        ),
        LedgerInputError,
        "turns[2].content",
    ),
    "five megabytes without a shelf": (
        lambda ledger, session: ledger.record_turn(
            session, RUN, TURNS, [{"tool_name": "look", "result": LARGE}]
        ),
        LedgerInputError,
        "tool_calls[0].result",
    ),
    "a clock ahead": (
        lambda ledger, session: ledger.record_turn(
            session, {**RUN, "started_at": datetime.now(UTC) + timedelta(minutes=6)}, TURNS
        ),
        LedgerInputError,
        "run.started_at",
    ),
    "an unknown key": (
        lambda ledger, session: ledger.append_turn(session, "user", "a", colour="red"),
        LedgerInputError,
        "turns[0].colour",
    ),
    "a time before all times": (
        lambda ledger, session: ledger.append_turn(
            session,
            "user",
            "a",
            created_at=datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        ),
        LedgerInputError,
        "turns[0].created_at",
    ),
    "a price that rounds to too much": (
        lambda ledger, session: ledger.append_turn(
            session, "user", "a", cost_usd=Decimal("999999999.9999999999")
        ),
        LedgerInputError,
        "turns[0].cost_usd",
    ),
    "turns of no session": (
        lambda ledger, _: ledger.session_turns(none()),
        LedgerInputError,
        "session_id: is needed",
    ),
    "turns after none": (
        lambda ledger, session: ledger.session_turns(session, after=none()),
        LedgerInputError,
        "after: is needed",
    ),
    "calls of no run": (
        lambda ledger, _: ledger.tool_calls(none()),
        LedgerInputError,
        "run_id: is needed",
    ),
    "the seal of no run": (
        lambda ledger, _: ledger.seal(none()),
        LedgerInputError,
        "run_id: is needed",
    ),
    "a run of no agent": (
        lambda ledger, _: ledger.start_run(none()),
        LedgerInputError,
        "agent_name: is needed",
    ),
}


@pytest.mark.parametrize(("attempt", "kind", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing_half_written(
    ledger_a: Ledger,
    session_id: UUID,
    record_room: RecordRoom,
    attempt: Attempt,
    kind: type[MunimentError],
    says: str,
) -> None:
    before = record_room.counts()

    with pytest.raises(kind) as refused:
        attempt(ledger_a, session_id)

    assert type(refused.value) is kind
    assert says in f"{refused.value} {getattr(refused.value, 'constraint', '')}"
    assert record_room.counts() == before
    # The connection is as good as before.
    assert ledger_a.record_turn(session_id, RUN, TURNS).last_turn_no == 2


def test_what_the_database_says_of_a_parameter_names_the_field(
    ledger_a: Ledger, session_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from muniment.ledger import checks

    # As a program of an older release, which knows a key that the database does not.
    monkeypatch.setitem(checks.TURN, "colour", checks.text)

    with pytest.raises(LedgerInputError) as refused:
        ledger_a.append_turn(session_id, "user", "a", colour="red")

    assert refused.value.field == "turns[0].colour"
    assert refused.value.sqlstate == "22023"


def test_a_session_that_is_closed_takes_no_turn(ledger_a: Ledger, session_id: UUID) -> None:
    closed_at = ledger_a.close_session(session_id)

    with pytest.raises(SessionClosed):
        ledger_a.append_turn(session_id, "user", "Anybody there?")
    assert ledger_a.close_session(session_id) == closed_at


def test_a_login_without_the_role_is_refused(record_room: RecordRoom) -> None:
    with (
        login(record_room.dsn, "muniment_reader") as reader,
        Ledger(reader, firm_id=FIRM_A) as ledger,
        pytest.raises(AccessDenied) as refused,
    ):
        ledger.open_session()

    assert "ALTER ROLE your_login SET role = 'muniment_app'" in (refused.value.hint or "")


def test_a_wrong_address_is_said_at_once(record_room: RecordRoom) -> None:
    with pytest.raises(ConnectFailed, match="cannot connect"):
        Ledger("host=127.0.0.1 port=1", firm_id=FIRM_A).open_session()


# Months ----------------------------------------------------------------------------------

LONG_AGO = datetime(2021, 3, 31, 23, 59, tzinfo=UTC)
OF_LONG_AGO: RunInput = {**RUN, "started_at": LONG_AGO, "ended_at": LONG_AGO}


def test_a_ledger_that_is_closed_stays_closed(record_room: RecordRoom) -> None:
    with record_room.ledger() as ledger:
        other = ledger.for_firm(FIRM_B)
        assert other.open_session().is_new
    for closed in (ledger, other):
        with pytest.raises(LedgerInputError, match="is closed"):
            closed.open_session()
    assert ledger._pool is None
    with ledger:
        assert other.open_session().is_new

    async def work() -> None:
        async with record_room.async_ledger() as ledger:
            await ledger.open_session()
        with pytest.raises(LedgerInputError, match="is closed"):
            await ledger.for_firm(FIRM_B).open_session()

    asyncio.run(work())


def test_a_month_that_is_missing_is_named_where_it_cannot_be_made(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    before = record_room.counts()

    with pytest.raises(PartitionMissing) as refused:
        ledger_a.record_turn(session_id, OF_LONG_AGO, TURNS)

    assert refused.value.sqlstate == "23514"
    assert refused.value.constraint is None
    assert refused.value.table in {"agent_run", "chat_turn"}
    assert LONG_AGO.date().replace(day=1) in refused.value.months
    assert "2021-03" in str(refused.value)
    assert "ensure_partitions('2021-03-01')" in (refused.value.hint or "")
    assert record_room.counts() == before


def test_a_month_that_is_missing_is_made_where_it_can_be(record_room: RecordRoom) -> None:
    with (
        login(record_room.dsn, "muniment_app", "muniment_maintainer") as able,
        Ledger(able, firm_id=FIRM_A) as ledger,
    ):
        session_id = ledger.open_session().session_id

        recorded = ledger.record_turn(session_id, OF_LONG_AGO, TURNS)

        assert recorded.started_at == LONG_AGO
        assert ledger.get_run(recorded.run_id).status == "succeeded"
        assert [turn.content for turn in ledger.session_turns(session_id)][1] == "Three months."


# Nothing is left behind ---------------------------------------------------------------------


def state(record_room: RecordRoom, pool: Any) -> list[tuple[Any, ...]]:
    """Return what the next one on the connection finds."""
    with pool.connection() as connection:
        found: list[tuple[Any, ...]] = connection.execute(
            "SELECT coalesce(current_setting('app.tenant_id', true), ''), current_user,"
            " current_setting('role'), txid_current_if_assigned()"
        ).fetchall()
        return found


@pytest.mark.parametrize("autocommit", [True, False])
def test_two_firms_take_turns_on_one_connection(record_room: RecordRoom, autocommit: bool) -> None:
    with record_room.pool(size=1, autocommit=autocommit) as pool:
        a = Ledger(pool, firm_id=FIRM_A)
        b = a.for_firm(FIRM_B)
        sessions = {ledger: ledger.open_session().session_id for ledger in (a, b)}
        for _ in range(7):
            for ledger, session_id in sessions.items():
                ledger.append_turn(session_id, "user", str(ledger.firm_id))
                assert state(record_room, pool) == [("", "muniment_app", "muniment_app", None)]
        for ledger, session_id in sessions.items():
            turns = ledger.session_turns(session_id)
            assert [turn.content for turn in turns] == [str(ledger.firm_id)] * 7
            assert state(record_room, pool) == [("", "muniment_app", "muniment_app", None)]
        assert a.session_turns(sessions[b]) == []
        with pytest.raises(LedgerInputError):
            a.append_turn(sessions[a], "nobody", "")
        with pytest.raises(NotThere):
            a.append_turn(sessions[b], "user", "")
        assert state(record_room, pool) == [("", "muniment_app", "muniment_app", None)]
        with pool.connection() as connection:
            assert connection.autocommit is autocommit
        a.close()
        assert not pool.closed


def test_a_refused_transaction_leaves_a_connection_as_it_was(record_room: RecordRoom) -> None:
    def append_two(ledger: Ledger) -> None:
        with ledger.pipeline() as pipe:
            pipe.append_turn(uuid4(), "user", "first")
            pipe.append_turn(uuid4(), "user", "second")

    with record_room.pool(size=1) as pool:
        ledger = Ledger(pool, firm_id=FIRM_A)
        for _ in range(2):
            with pytest.raises(NotThere):
                append_two(ledger)
            with pytest.raises(NotThere):
                ledger.verify_seal(uuid4())
        with pool.connection() as connection:
            assert not connection.autocommit
        assert pool.get_stats().get("connections_num") == 1


@pytest.mark.parametrize("autocommit", [True, False])
def test_an_interruption_is_not_taken_for_a_lost_connection(
    record_room: RecordRoom, autocommit: bool
) -> None:
    async def work() -> None:
        async with AsyncConnectionPool(
            record_room.app, kwargs={"autocommit": autocommit}, min_size=1, max_size=1, open=False
        ) as pool:
            ledger = AsyncLedger(pool, firm_id=FIRM_A)
            session_id = (await ledger.open_session()).session_id
            with psycopg.connect(record_room.dsn) as other:
                other.execute("LOCK TABLE agents.chat_turn")
                reading = asyncio.create_task(ledger.session_turns(session_id))
                await asyncio.to_thread(eventually, is_waiting, "the statement waits")
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.wait_for(reading, PATIENCE)
            assert await ledger.session_turns(session_id) == []
            async with pool.connection() as connection:
                assert connection.autocommit is autocommit

    def is_waiting() -> bool:
        return record_room.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)]

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_process_that_is_forked_has_connections_of_its_own(record_room: RecordRoom) -> None:
    """On the same one each would read the other's answers, those of another firm too."""

    def backend() -> int:
        other.open_session()
        assert ledger._pool is not None
        with ledger._pool.connection() as connection:
            return int(connection.info.backend_pid)

    ledger = record_room.ledger(pool_size=1)
    other = ledger.for_firm(FIRM_B)
    before = backend()
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(Exception):
            status = 0 if backend() != before else 2
        os._exit(status)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert backend() == before


def test_a_pooler_in_transaction_mode_will_do(record_room: RecordRoom, pooler: Start) -> None:
    user = user_of(record_room.app)
    through = pooler("transaction", size=2, round_robin=True, users=[user])
    # Before 1.21 it does not know statements that a client has prepared.
    settings = {"prepare_threshold": None}
    with ConnectionPool(
        through.dsn(record_room.app), kwargs=settings, min_size=4, max_size=4, open=True
    ) as pool:
        ledgers = [Ledger(pool, firm_id=firm) for firm in (FIRM_A, FIRM_B)]
        sessions = [ledger.open_session().session_id for ledger in ledgers]

        def write(number: int) -> None:
            ledgers[number % 2].record_turn(sessions[number % 2], RUN, TURNS, CALLS)
            ledgers[number % 2].append_turn(sessions[number % 2], "user", str(number % 2))

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(24)))

        for number, (ledger, session_id) in enumerate(zip(ledgers, sessions, strict=True)):
            turns = ledger.session_turns(session_id)
            assert [turn.turn_no for turn in turns] == list(range(1, 37))
            assert {turn.content for turn in turns if turn.run_id is None} == {str(number)}


def test_one_call_is_one_message_there_and_one_back(record_room: RecordRoom) -> None:
    """No BEGIN, no SET, no COMMIT: the statement alone."""
    said: list[bytes] = []
    with wire_to(record_room.app) as wire:
        watch(wire, said)
        ledger = record_room.ledger(database=wire.dsn(record_room.app), pool_size=1)
        session_id = ledger.open_session().session_id
        for _ in range(6):
            ledger.record_turn(session_id, RUN, TURNS, CALLS)
        said.clear()

        ledger.record_turn(session_id, RUN, TURNS, CALLS)

        # Bind, Describe, Execute, Sync: a prepared statement (PostgreSQL docs, "Message Formats").
        assert [message[:1] for message in said] == [b"B", b"D", b"E", b"S"]
        said.clear()
        ledger.session_turns(session_id)
        assert [message[:1] for message in said].count(b"S") == 1


def watch(wire: Wire, said: list[bytes]) -> None:
    """Write down every message of the client."""
    stop_at = wire.stop_at

    def noted(message: bytes) -> Any:
        said.append(message)
        return stop_at(message)

    wire.stop_at = noted  # type: ignore[method-assign]


# Lost connections and conflicts -----------------------------------------------------------


@pytest.fixture
def cut(record_room: RecordRoom) -> Iterator[tuple[Wire, Ledger, UUID]]:
    with wire_to(record_room.app) as wire:
        ledger = record_room.ledger(database=wire.dsn(record_room.app), pool_size=2)
        yield wire, ledger, ledger.open_session().session_id


def test_an_exchange_whose_answer_was_lost_is_recorded_once(
    cut: tuple[Wire, Ledger, UUID], record_room: RecordRoom
) -> None:
    wire, ledger, session_id = cut
    stop = wire.hold("record_turn", answer=True)

    with ThreadPoolExecutor(1) as threads:
        recording = threads.submit(ledger.record_turn, session_id, RUN, TURNS, CALLS)
        # It is committed, and nobody has told the client.
        stop.wait()
        assert record_room.counts()["agent_run"] == 1
        wire.cut()
        recorded = recording.result()

    assert recorded.is_new is False
    assert recorded.seal_sha256 == ledger.seal(recorded.run_id)
    assert record_room.counts()["agent_run"] == 1
    assert record_room.counts()["chat_turn"] == 2


def test_a_turn_whose_answer_was_lost_is_not_appended_twice(
    cut: tuple[Wire, Ledger, UUID], record_room: RecordRoom
) -> None:
    wire, ledger, session_id = cut
    stop = wire.hold("append_turns", answer=True)

    with ThreadPoolExecutor(1) as threads:
        appending = threads.submit(ledger.append_turn, session_id, "user", "Once.")
        stop.wait()
        wire.cut()
        with pytest.raises(ConnectFailed):
            appending.result()

    assert [turn.content for turn in ledger.session_turns(session_id)] == ["Once."]


def test_connections_that_died_while_nobody_used_them_are_not_used(
    record_room: RecordRoom, session_id: UUID
) -> None:
    """As after a restart of the server; a turn is not sent twice, so it must not be sent on one."""
    with record_room.pool(size=6) as pool:
        pool.wait()
        ledger = Ledger(pool, firm_id=FIRM_A)
        for _ in range(2):
            record_room.do(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            ledger.append_turn(session_id, "user", "Are you there?")

        assert len(ledger.session_turns(session_id)) == 2


def test_a_deadlock_is_tried_again(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    """Whoever waits last looks for a deadlock, and goes: the ledger, held back until then."""
    other_id = ledger_a.open_session().session_id
    record_room.do(f"ALTER ROLE {user_of(record_room.app)} SET deadlock_timeout = '10ms'")
    lock = "SELECT FROM agents.chat_session WHERE session_id = %s FOR UPDATE"
    waits = "SELECT FROM pg_locks WHERE NOT granted AND pid = %s"

    def write(ledger: Ledger) -> None:
        with ledger.pipeline() as pipe:
            pipe.append_turn(session_id, "user", "first")
            pipe.append_turn(other_id, "user", "second")

    with (
        wire_to(record_room.app) as wire,
        psycopg.connect(record_room.dsn) as holder,
        ThreadPoolExecutor(2) as threads,
    ):
        ledger = record_room.ledger(database=wire.dsn(record_room.app))
        ledger.open_session()
        holder.execute("SET deadlock_timeout = '1h'")
        holder.execute(lock, [other_id])
        stop = wire.hold("append_turns", occurrence=2)
        try:
            writing = threads.submit(write, ledger)
            stop.wait()
            eventually(
                lambda: not record_room.rows(f"{lock} SKIP LOCKED", session_id),
                "the ledger has the first session",
            )
            waiting = threads.submit(holder.execute, lock, [session_id])
            eventually(
                lambda: bool(record_room.rows(waits, holder.info.backend_pid)),
                "the holder waits for the ledger",
            )
        finally:
            stop.released.set()
        waiting.result()
        holder.rollback()
        writing.result()

    assert [turn.content for turn in ledger_a.session_turns(session_id)] == ["first"]
    assert [turn.content for turn in ledger_a.session_turns(other_id)] == ["second"]


def user_of(dsn: str) -> str:
    return str(urlsplit(dsn).username)


# Pipelines --------------------------------------------------------------------------------


def test_the_calls_of_an_exchange_go_in_one_transaction(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    with ledger_a.pipeline() as pipe:
        asked = pipe.append_turn(session_id, "user", "One?")
        more = pipe.append_turns(session_id, TURNS)
        closed = pipe.close_session(session_id)
        with pytest.raises(LedgerInputError, match="before the block has ended"):
            _ = asked.result
        assert record_room.counts()["chat_turn"] == 0

    assert asked.result.turn_no == 1
    assert [turn.turn_no for turn in more.result] == [2, 3]
    assert closed.result.tzinfo is not None
    assert record_room.rows("SELECT count(DISTINCT xmin::text) FROM agents.chat_turn") == [(1,)]


def test_a_pipeline_goes_in_whole_or_not_at_all(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    before = record_room.counts()

    pipe = ledger_a.pipeline().__enter__()
    pipe.append_turn(session_id, "user", "One?")
    pipe.append_turns(uuid4(), TURNS)
    pipe.close_session(session_id)
    with pytest.raises(NotThere, match=r"^appending turns: p_session_id"):
        pipe.__exit__(None)
    assert record_room.counts() == before

    with suppress(ZeroDivisionError), ledger_a.pipeline() as pipe:
        pipe.append_turn(session_id, "user", "One?")
        _ = 1 / 0
    assert record_room.counts() == before
    with ledger_a.pipeline():
        pass


def test_a_pipeline_sends_each_call_once_and_takes_none_that_it_would_not_send(
    ledger_a: Ledger, session_id: UUID
) -> None:
    pipe = ledger_a.pipeline()
    for content in ("first", "second"):
        with pipe:
            pipe.append_turn(session_id, "user", content)
    with suppress(ValueError), pipe:
        pipe.append_turn(session_id, "user", "never")
        raise ValueError
    for one in (pipe, ledger_a.pipeline()):
        with pytest.raises(LedgerInputError, match="is not open"):
            one.append_turn(session_id, "user", "never")

    turns = ledger_a.session_turns(session_id)
    assert [turn.content for turn in turns] == ["first", "second"]


# Races ------------------------------------------------------------------------------------


def test_threads_share_a_ledger(ledger_a: Ledger, session_id: UUID) -> None:
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        for _ in range(5):
            ledger_a.append_turns(session_id, [{"role": "user", "content": str(number)}] * 2)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))

    turns = ledger_a.session_turns(session_id)
    assert [turn.turn_no for turn in turns] == list(range(1, 81))
    # What was appended together stands together.
    assert all(a.content == b.content for a, b in zip(turns[::2], turns[1::2], strict=True))


def test_a_key_that_all_use_at_once_is_one_exchange(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    start = threading.Barrier(8)
    run: RunInput = {**RUN, "idempotency_key": "k"}

    def record(_: int) -> tuple[UUID, bool]:
        with Ledger(record_room.app, firm_id=FIRM_A, pool_size=1) as ledger:
            ledger.open_session()
            start.wait()
            recorded = ledger.record_turn(session_id, run, TURNS, CALLS)
            return recorded.run_id, recorded.is_new

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(record, range(8)))

    assert len({run_id for run_id, _ in found}) == 1
    assert [is_new for _, is_new in found].count(True) == 1
    assert record_room.counts()["chat_turn"] == len(TURNS)


def test_ids_of_the_client_are_as_those_of_the_database(record_room: RecordRoom) -> None:
    ((before, version),) = record_room.rows("SELECT platform.uuid_generate_v7(), 7")
    made = uuid7()
    ((after,),) = record_room.rows("SELECT platform.uuid_generate_v7()")

    assert before < made < after
    assert made.version == version
    assert json.loads(json.dumps(str(made))) == str(made)

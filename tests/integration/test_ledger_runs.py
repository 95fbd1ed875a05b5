"""The block of a run: it beats, it ends as the block ends, and its tools work once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg_pool import ConnectionPool
from tests.fix_ledger import FIRM_A, RecordRoom
from tests.fix_wire import Wire, wire_to
from tests.processes import PATIENCE, eventually

from muniment import AsyncLedger, Ledger, Usage
from muniment.errors import (
    ApprovalDenied,
    ApprovalPending,
    CallEnded,
    CallsOpen,
    ConnectFailed,
    EffectUnknown,
    IdempotencyConflict,
    LeaseLost,
    LedgerInputError,
    NotThere,
    RunEnded,
    ToolUnknown,
)
from muniment.ledger import OpenRun, steps
from muniment.settings import Settings

SHORT = timedelta(seconds=1)


@pytest.fixture
def ledger_a(record_room: RecordRoom) -> Ledger:
    return record_room.ledger()


@pytest.fixture
def session_id(ledger_a: Ledger) -> UUID:
    return ledger_a.open_session().session_id


def lapse(record_room: RecordRoom, run_id: UUID) -> None:
    """Let the lease of a run be over, as if its worker had been silent for long."""
    record_room.do(
        "UPDATE agents.agent_run SET lease_expires_at = now() - interval '1 second'"
        " WHERE run_id = %s",
        run_id,
    )


# How it ends -----------------------------------------------------------------------


def test_a_run_that_comes_to_its_end_has_succeeded(ledger_a: Ledger, session_id: UUID) -> None:
    with ledger_a.run("MatterChatAgent", session_id=session_id) as run:
        run.append_turn("user", "What is the notice period?")
        with run.tool_call("look", '{"matter": 1}') as call:
            assert not call.is_recorded
            call.finish("§ 573c BGB", external_ref="doc-1")
        run.append_turns([{"role": "assistant", "usage": Usage(input_tokens=9, output_tokens=3)}])
        assert ledger_a.get_run(run.run_id).status == "running"

    record = ledger_a.get_run(run.run_id)
    assert record.status == "succeeded"
    assert record.usage == Usage(input_tokens=9, output_tokens=3)
    assert run.seal == ledger_a.seal(run.run_id)
    assert ledger_a.verify_seal(run.run_id).holds
    (found,) = ledger_a.tool_calls(run.run_id)
    assert (found.status, found.result, found.external_ref) == ("succeeded", "§ 573c BGB", "doc-1")


ENDS: dict[str, tuple[BaseException, str, str, str]] = {
    "an error": (ValueError("no\0pe \ud83d"), "failed", "ValueError", "no\ufffdpe ?"),
    "a long error": (KeyError("é" * 3_000), "failed", "KeyError", "'" + "é" * 1_023),
    "Ctrl-C": (KeyboardInterrupt(), "cancelled", "KeyboardInterrupt", ""),
    "a cancelled task": (asyncio.CancelledError(), "cancelled", "CancelledError", ""),
    "the end of the program": (SystemExit(3), "cancelled", "SystemExit", "3"),
}


@pytest.mark.parametrize(("error", "status", "kind", "message"), ENDS.values(), ids=ENDS)
def test_a_run_ends_as_its_block_ends(
    ledger_a: Ledger, error: BaseException, status: str, kind: str, message: str
) -> None:
    with pytest.raises(type(error)) as raised, ledger_a.run("A") as run:
        raise error

    assert raised.value is error
    record = ledger_a.get_run(run.run_id)
    assert (record.status, record.error_type) == (status, kind)
    assert (record.error_message or "") == message
    assert ledger_a.verify_seal(run.run_id).holds


def test_a_run_that_says_itself_how_it_ended(ledger_a: Ledger) -> None:
    with ledger_a.run("A") as run:
        seal = run.finish("timed_out", usage=Usage(output_tokens=5), finish_reason="length")

    record = ledger_a.get_run(run.run_id)
    assert (record.status, record.usage.output_tokens) == ("timed_out", 5)
    assert run.seal == seal


def test_a_run_with_an_open_call_has_not_succeeded(ledger_a: Ledger) -> None:
    with pytest.raises(CallsOpen), ledger_a.run("A") as run:
        ledger_a.request_tool_call(run.run, "look")

    record = ledger_a.get_run(run.run_id)
    assert (record.status, record.error_type) == ("failed", "CallsOpen")


def test_an_error_is_not_hidden_by_a_ledger_that_is_gone(record_room: RecordRoom) -> None:
    def work(ledger: Ledger, wire: Wire) -> None:
        with ledger.run("A"):
            wire.close()
            raise ValueError("nope")

    with (
        wire_to(record_room.app) as wire,
        ConnectionPool(wire.dsn(record_room.app), timeout=1, min_size=1, open=True) as pool,
        pytest.raises(ValueError, match="nope") as raised,
    ):
        work(Ledger(pool, firm_id=FIRM_A), wire)

    assert any("could not be recorded" in note for note in raised.value.__notes__)


def test_an_error_that_cannot_say_what_it_is_ends_a_run_all_the_same(ledger_a: Ledger) -> None:
    class Speechless(Exception):
        def __str__(self) -> str:
            raise ValueError

    run = ledger_a.run("A")
    with pytest.raises(Speechless), run:
        raise Speechless

    record = ledger_a.get_run(run.run_id)
    assert (record.status, record.error_message) == ("failed", None)
    assert str(record.error_type).endswith("Speechless")


# Keys, claims and leases ------------------------------------------------------------------


def test_a_key_whose_run_has_ended_begins_nothing(ledger_a: Ledger) -> None:
    with ledger_a.run("A", idempotency_key="k") as run:
        pass

    again = ledger_a.run("A", idempotency_key="k")
    with pytest.raises(RunEnded):
        again.__enter__()
    with pytest.raises(IdempotencyConflict):
        ledger_a.run("B", idempotency_key="k").__enter__()
    assert ledger_a.get_run(run.run_id).attempt_no == 1


def test_a_key_whose_worker_was_lost_is_taken_over(
    ledger_a: Ledger, record_room: RecordRoom
) -> None:
    first = ledger_a.start_run("A", idempotency_key="k", worker_id="gone")
    with pytest.raises(LeaseLost):
        ledger_a.run("A", idempotency_key="k").__enter__()
    lapse(record_room, first.run_id)

    with ledger_a.run("A", idempotency_key="k") as run:
        assert (run.run_id, run.run.attempt_no) == (first.run_id, 2)


def test_a_start_whose_answer_was_lost_is_still_ones_own(record_room: RecordRoom) -> None:
    with wire_to(record_room.app) as wire, ThreadPoolExecutor(1) as threads:
        ledger = record_room.ledger(database=wire.dsn(record_room.app), pool_size=2)
        ledger.open_session()
        stop = wire.hold("start_run", answer=True)
        started = threads.submit(lambda: ledger.run("A", idempotency_key="k").__enter__())
        stop.wait()
        wire.cut()
        run = started.result()

        assert run.run.attempt_no == 1
        run.__exit__(None, None, None)
        assert ledger.get_run(run.run_id).status == "succeeded"


def test_a_claim_whose_answer_was_lost_is_ones_own_if_the_name_is(record_room: RecordRoom) -> None:
    def resume(**options: Any) -> OpenRun:
        queued = ledger.start_run("A")
        stop = wire.hold("claim_run", answer=True)
        claimed = threads.submit(ledger.resume(queued.run_id, **options).__enter__)
        stop.wait()
        wire.cut()
        return claimed.result()

    with wire_to(record_room.app) as wire, ThreadPoolExecutor(1) as threads:
        ledger = record_room.ledger(database=wire.dsn(record_room.app), pool_size=2)

        run = resume()
        assert ledger.get_run(run.run_id).worker_id == run.run.worker_id
        run.__exit__(None, None, None)
        assert ledger.get_run(run.run_id).status == "succeeded"
        # Another thread may have the same name.
        with pytest.raises(ConnectFailed):
            resume(worker_id="w1")


def test_a_queued_run_is_resumed_in_its_session(ledger_a: Ledger, session_id: UUID) -> None:
    queued = ledger_a.start_run("A", session_id=session_id)
    assert (queued.status, queued.worker_id) == ("queued", None)

    with ledger_a.resume(queued.run_id) as run:
        run.append_turn("assistant", "Here I am.")

    assert ledger_a.get_run(queued.run_id).status == "succeeded"
    assert [turn.run_id for turn in ledger_a.session_turns(session_id)] == [queued.run_id]
    with pytest.raises(RunEnded):
        ledger_a.resume(queued.run_id).__enter__()


def test_a_run_outside_of_a_session_has_no_turns(ledger_a: Ledger) -> None:
    with ledger_a.run("A") as run, pytest.raises(LedgerInputError, match="session_id"):
        run.append_turn("user", "Hello?")
    with pytest.raises(LedgerInputError, match="not open"):
        _ = ledger_a.run("A").run


def test_a_run_beats_and_keeps_its_lease(ledger_a: Ledger) -> None:
    with ledger_a.run("A", lease=SHORT) as run:
        first = ledger_a.get_run(run.run_id)
        assert first.lease_expires_at is not None
        over = first.lease_expires_at

        def has_outlived() -> bool:
            beaten = ledger_a.get_run(run.run_id).heartbeat_at
            return beaten is not None and beaten > over

        eventually(has_outlived, "the run beats on after its first lease")


def test_whoever_lost_the_lease_hears_of_it_at_the_next_call(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    others = []

    def work() -> None:
        with ledger_a.run("A", session_id=session_id) as run:
            lapse(record_room, run.run_id)
            others.append(ledger_a.claim_run(run.run_id, "another"))
            run.append_turn("assistant", "I am late.")

    with pytest.raises(LeaseLost) as lost:
        work()

    (other,) = others
    assert lost.value.sqlstate == "MU102"
    assert ledger_a.session_turns(session_id) == []
    # It is the other's now, and was not ended over its head.
    assert ledger_a.get_run(other.run_id).status == "running"
    ledger_a.finish_run(other)


def test_a_heart_that_finds_the_lease_lost_stops_the_body(
    ledger_a: Ledger, session_id: UUID, record_room: RecordRoom
) -> None:
    def work() -> None:
        with ledger_a.run("A", session_id=session_id, lease=SHORT) as run:
            record_room.do("UPDATE agents.agent_run SET attempt_no = 2, worker_id = 'another'")
            eventually(lambda: run._core.lost is not None, "the heartbeat finds out")
            # No statement is needed to know it.
            record_room.do("DROP FUNCTION agents.append_turns CASCADE")
            run.append_turn("assistant", "I am late.")

    with pytest.raises(LeaseLost):
        work()


def test_a_heart_that_is_not_heard_for_a_lease_counts_as_lost(record_room: RecordRoom) -> None:
    def work(ledger: Ledger, wire: Wire) -> None:
        with ledger.run("A", lease=SHORT) as run:
            wire.close()
            eventually(lambda: run._core.lost is not None, "the lease is over")
            _ = run.run

    with (
        wire_to(record_room.app) as wire,
        ConnectionPool(wire.dsn(record_room.app), timeout=1, min_size=1, open=True) as pool,
        pytest.raises(LeaseLost, match="lost"),
    ):
        work(Ledger(pool, firm_id=FIRM_A), wire)


def test_a_request_to_cancel_is_heard(ledger_a: Ledger) -> None:
    with ledger_a.run("A", lease=SHORT) as run:
        assert not run.is_cancel_requested
        assert ledger_a.request_cancel(run.run_id) == "running"
        eventually(lambda: run.is_cancel_requested, "the heartbeat hears of it")
        run.finish("cancelled")
    assert ledger_a.get_run(run.run_id).status == "cancelled"


def test_no_heart_goes_on_beating(ledger_a: Ledger) -> None:
    ledger_a.open_session()
    before = threading.active_count()

    for _ in range(3):
        with ledger_a.run("A"):
            assert threading.active_count() == before + 1

    assert threading.active_count() == before


def test_a_run_that_has_ended_is_not_lost(ledger_a: Ledger) -> None:
    with ledger_a.run("A", lease=SHORT) as run:
        run_id = run.run_id
        run.finish()
        run._thread.join(PATIENCE)
        assert run._core.lost is None

    assert ledger_a.get_run(run_id).status == "succeeded"
    assert run.run_id == run_id


def test_the_last_beat_does_not_keep_a_run_that_was_let_go(record_room: RecordRoom) -> None:
    def wait_for_a_person(ledger: Ledger, wire: Wire) -> None:
        stop = wire.hold("heartbeat")
        with ledger.run("A", lease=timedelta(seconds=3)) as run:
            run_ids.append(run.run_id)
            stop.wait()
            join = run._thread.join

            def join_after_beat() -> None:
                stop.released.set()
                join()

            run._thread.join = join_after_beat  # type: ignore[method-assign,assignment]
            raise ApprovalPending("sign: waits")

    run_ids: list[UUID] = []
    with wire_to(record_room.app) as wire:
        ledger = record_room.ledger(database=wire.dsn(record_room.app), pool_size=2)
        with pytest.raises(ApprovalPending):
            wait_for_a_person(ledger, wire)
        record = ledger.get_run(run_ids[0])

    assert record.lease_expires_at is not None
    assert record.heartbeat_at is not None
    assert record.lease_expires_at - record.heartbeat_at == timedelta(seconds=1)


# Tools -----------------------------------------------------------------------------------


def test_a_tool_that_has_worked_does_not_work_again(
    record_room: RecordRoom, shelf_settings: Settings
) -> None:
    ledger = record_room.ledger(settings=shelf_settings)
    for result in ("short", "long " * 10_000):
        with ledger.run("A") as run:
            with run.tool_call("send", "{}", idempotency_key="mail") as first:
                first.finish(result)
            with run.tool_call("send", "{}", idempotency_key="mail") as again:
                assert again.is_recorded
                assert again.result == result
            with (
                pytest.raises(IdempotencyConflict) as refused,
                run.tool_call("send", '{"to": "you"}', idempotency_key="mail"),
            ):
                pass
            assert refused.value.sqlstate == "MU106"
        assert len(ledger.tool_calls(run.run_id)) == 1


CALL_ENDS: dict[str, tuple[BaseException, str]] = {
    "an error": (ValueError("nope"), "failed"),
    "out of time": (TimeoutError("slow"), "timed_out"),
    "Ctrl-C": (KeyboardInterrupt(), "unknown"),
    "nobody knows": (EffectUnknown("gateway", tool_call_id=FIRM_A), "unknown"),
}


@pytest.mark.parametrize(("error", "status"), CALL_ENDS.values(), ids=CALL_ENDS)
def test_a_call_ends_as_its_block_ends(ledger_a: Ledger, error: BaseException, status: str) -> None:
    with (
        pytest.raises(type(error)),
        ledger_a.run("A") as run,
        run.tool_call("send", "{}", idempotency_key="k"),
    ):
        raise error

    (call,) = ledger_a.tool_calls(run.run_id)
    assert (call.status, call.error_type) == (status, type(error).__qualname__)


def test_what_has_worked_has_not_failed_when_its_result_has_no_place(ledger_a: Ledger) -> None:
    worked = []

    @ledger_a.tool("send")
    def send(length: int) -> Any:
        worked.append(length)
        return "x" * length if length else object()

    with ledger_a.run("A") as run:
        for length in (0, 40_000):
            with pytest.raises(LedgerInputError):
                send(length)
        with pytest.raises(LedgerInputError), run.tool_call("send", "{}") as call:
            call.finish("x" * 40_000)

    assert worked == [0, 40_000]
    calls = ledger_a.tool_calls(run.run_id)
    assert [call.status for call in calls] == ["unknown"] * 3
    assert {call.error_type for call in calls} == {"LedgerInputError"}


def test_a_call_that_failed_is_tried_again_only_where_it_said_so(ledger_a: Ledger) -> None:
    with ledger_a.run("A") as run:
        for is_retryable in (True, False):
            with run.tool_call("send", "{}", idempotency_key="k") as call:
                assert not call.is_recorded
                call.finish(status="failed", error_type="Busy", is_error_retryable=is_retryable)
        with pytest.raises(CallEnded), run.tool_call("send", "{}", idempotency_key="k"):
            pytest.fail("it was tried again")

    calls = ledger_a.tool_calls(run.run_id)
    assert [(call.call_no, call.attempt_no, call.status) for call in calls] == [
        (1, 1, "failed"),
        (1, 2, "failed"),
    ]


def test_a_request_whose_answer_was_lost_is_made_once(record_room: RecordRoom) -> None:
    with wire_to(record_room.app) as wire, ThreadPoolExecutor(1) as threads:
        ledger = record_room.ledger(database=wire.dsn(record_room.app), pool_size=2)
        held = ledger.start_run("A", worker_id="w")
        stop = wire.hold("request_tool_call", answer=True)
        asking = threads.submit(ledger.request_tool_call, held, "send", "{}")
        stop.wait()
        wire.cut()
        call = asking.result()

        assert call.status == "requested"
        (found,) = ledger.tool_calls(held.run_id)
        assert found.tool_call_id == call.tool_call_id


def test_an_effect_that_may_have_happened_is_not_repeated(
    ledger_a: Ledger, record_room: RecordRoom
) -> None:
    held = ledger_a.start_run("A", worker_id="gone")
    call = ledger_a.request_tool_call(held, "send", "{}", idempotency_key="mail")
    assert ledger_a.begin_tool_call(held, call).action == "run"
    lapse(record_room, held.run_id)

    with (
        pytest.raises(EffectUnknown) as unknown,
        ledger_a.resume(held.run_id) as run,
        run.tool_call("send", "{}", idempotency_key="mail"),
    ):
        pytest.fail("it was sent a second time")

    assert unknown.value.tool_call_id == call.tool_call_id
    assert ledger_a.get_run(held.run_id).status == "failed"


def test_a_call_waits_for_a_person_and_goes_on_in_the_next_worker(
    ledger_a: Ledger, record_room: RecordRoom
) -> None:
    signed: list[str] = []

    def sign(run: OpenRun) -> None:
        with run.tool_call("sign", '{"document": 1}', idempotency_key="sign-1") as call:
            signed.append(call.finish("signed"))

    with pytest.raises(ApprovalPending) as pending, ledger_a.run("A") as run:
        sign(run)
    assert signed == []
    assert ledger_a.get_run(run.run_id).status == "waiting_approval"
    waits = pending.value
    assert waits.tool_call_id is not None
    assert waits.requested_at is not None
    assert waits.args_sha256 is not None
    decided = ledger_a.decide_approval(
        waits.tool_call_id,
        waits.requested_at,
        "approved",
        decided_by="partner@example.org",
        args_sha256=waits.args_sha256,
        reason="Read it.",
    )
    assert decided == "requested"

    eventually(lambda: _claimed(ledger_a, run.run_id, sign), "the next worker takes the run")

    assert signed == ["succeeded"]
    assert ledger_a.get_run(run.run_id).status == "succeeded"
    (call,) = ledger_a.tool_calls(run.run_id)
    assert (call.approval_status, call.approval_decided_by) == ("approved", "partner@example.org")


def _claimed(ledger: Ledger, run_id: UUID, work: Callable[[OpenRun], None]) -> bool:
    """Go on with a run, if its worker has let go of it."""
    try:
        with ledger.resume(run_id) as run:
            work(run)
    except LeaseLost:
        return False
    return True


def test_a_tool_that_calls_one_that_waits_is_called_again(ledger_a: Ledger) -> None:
    worked: list[str] = []

    @ledger_a.tool(idempotency_key=lambda: "close")
    def note() -> str:
        signed = sign()
        worked.append("note")
        return signed

    @ledger_a.tool(idempotency_key=lambda: "deed")
    def sign() -> str:
        worked.append("sign")
        return "signed"

    with pytest.raises(ApprovalPending) as pending, ledger_a.run("A") as run:
        note()
    waits: Any = pending.value
    ledger_a.decide_approval(
        waits.tool_call_id,
        waits.requested_at,
        "approved",
        decided_by="partner@example.org",
        args_sha256=waits.args_sha256,
    )
    eventually(
        lambda: _claimed(ledger_a, run.run_id, lambda _: worked.append(note())),
        "the next worker takes the run",
    )

    assert worked == ["sign", "note", "signed"]
    assert [
        (call.tool_name, call.attempt_no, call.status) for call in ledger_a.tool_calls(run.run_id)
    ] == [("note", 1, "failed"), ("note", 2, "succeeded"), ("sign", 1, "succeeded")]


def test_tasks_that_wait_for_a_person_leave_the_run_open(record_room: RecordRoom) -> None:
    async def work() -> UUID:
        async with record_room.async_ledger() as ledger:

            @ledger.tool("sign", idempotency_key=lambda what: what)
            async def sign(what: str) -> str:
                return what

            run = ledger.run("A", idempotency_key="k")
            with pytest.raises(ExceptionGroup) as raised:
                async with run, asyncio.TaskGroup() as tasks:
                    tasks.create_task(sign("deed"))
            assert raised.group_contains(ApprovalPending)
            return run.run_id

    run_id = asyncio.run(work())

    assert record_room.ledger().get_run(run_id).status == "waiting_approval"


def test_what_was_denied_is_not_done(ledger_a: Ledger, record_room: RecordRoom) -> None:
    with ledger_a.run("A") as run:
        with (
            pytest.raises(ApprovalPending) as waits,
            run.tool_call("sign", "{}", idempotency_key="k"),
        ):
            pytest.fail("nobody approved it")
        found = waits.value
        assert found.tool_call_id is not None
        assert found.requested_at is not None
        assert found.args_sha256 is not None
        ledger_a.decide_approval(
            found.tool_call_id,
            found.requested_at,
            "denied",
            decided_by="partner@example.org",
            args_sha256=found.args_sha256,
        )
        with pytest.raises(ApprovalDenied), run.tool_call("sign", "{}", idempotency_key="k"):
            pytest.fail("it was denied")


def test_functions_are_tools(ledger_a: Ledger) -> None:
    worked: list[str] = []

    @ledger_a.tool("send", idempotency_key=lambda to, **_: f"mail:{to}")
    def send_mail(to: str, *, urgent: bool = False) -> dict[str, Any]:
        worked.append(to)
        return {"sent": to, "urgent": urgent}

    with pytest.raises(LedgerInputError, match="outside of a run"):
        send_mail("a")
    with ledger_a.run("A") as run:

        @run.tool()
        def look(what: str) -> object:
            return what if what == "here" else object()

        assert send_mail("a", urgent=True) == {"sent": "a", "urgent": True}
        assert send_mail("a", urgent=True) == {"sent": "a", "urgent": True}
        assert send_mail("b") == {"sent": "b", "urgent": False}
        assert look("here") == "here"
        with pytest.raises(LedgerInputError, match="result"):
            look("nowhere")
        with pytest.raises(LedgerInputError, match="args"):
            look(object())  # type: ignore[arg-type]

    assert worked == ["a", "b"]
    calls = ledger_a.tool_calls(run.run_id)
    assert [(call.tool_name, call.status, call.args) for call in calls] == [
        ("send", "succeeded", '{"to": "a", "urgent": true}'),
        ("send", "succeeded", '{"to": "b", "urgent": false}'),
        ("look", "succeeded", '{"what": "here"}'),
        ("look", "unknown", '{"what": "nowhere"}'),
    ]


def test_what_has_no_result_when_it_returns_is_no_tool(ledger_a: Ledger) -> None:
    async def later() -> str:
        return ""

    def several() -> Iterator[str]:
        yield ""

    async def several_later() -> AsyncIterator[str]:
        yield ""

    for function in (later, several, several_later):
        with pytest.raises(LedgerInputError, match="function: is a"):
            ledger_a.tool()(function)
    asynchronous: Any = AsyncLedger("", firm_id=FIRM_A)
    for function in (several, several_later):
        with pytest.raises(LedgerInputError, match="function: is a"):
            asynchronous.tool()(function)


def test_a_tool_that_is_not_registered_does_not_work(ledger_a: Ledger) -> None:
    with (
        ledger_a.run("A") as run,
        pytest.raises(ToolUnknown, match="nope"),
        run.tool_call("nope"),
    ):
        pytest.fail("it worked")


def test_a_whole_run_in_one_round_trip(ledger_a: Ledger, session_id: UUID) -> None:
    with ledger_a.pipeline() as pipe:
        run = pipe.start_run("A", session_id=session_id, worker_id="w").expected
        assert run is not None
        pipe.append_turn(session_id, "user", "Look it up.", run=run)
        call = pipe.request_tool_call(run, "look", "{}").expected
        assert call is not None
        pipe.begin_tool_call(run, call)
        pipe.finish_tool_call(run, call, result="§ 573c BGB")
        answered = pipe.append_turn(session_id, "assistant", "Three months.", run=run)
        seal = pipe.finish_run(run)

    assert answered.result.turn_no == 2
    assert seal.result == ledger_a.seal(run.run_id)
    assert ledger_a.verify_seal(run.run_id).holds
    (found,) = ledger_a.tool_calls(run.run_id)
    assert (found.tool_call_id, found.status) == (call.tool_call_id, "succeeded")


# Under asyncio --------------------------------------------------------------------------------


def test_the_same_under_asyncio(record_room: RecordRoom, shelf_settings: Settings) -> None:
    async def work() -> None:
        async with record_room.async_ledger(settings=shelf_settings) as ledger:
            session = await ledger.open_session()
            worked: list[str] = []

            @ledger.tool("send", idempotency_key=lambda to: to)
            async def send(to: str) -> str:
                worked.append(to)
                return f"sent to {to} " * 5_000

            async with ledger.run("A", session_id=session.session_id) as run:
                await run.append_turn("user", "a\0b")
                first = await send("you")
                assert await send("you") == first
                async with run.tool_call("look", "{}") as call:
                    await call.finish("found")
                async with ledger.pipeline() as pipe:
                    reply = pipe.append_turn(session.session_id, "assistant", "Done.", run=run.run)
            assert reply.result.turn_no == 2
            turns, calls, record, check = await asyncio.gather(
                ledger.session_turns(session.session_id),
                ledger.tool_calls(run.run_id),
                ledger.get_run(run.run_id),
                ledger.verify_seal(run.run_id),
            )
            assert worked == ["you"]
            assert [turn.content for turn in turns] == ["a\0b", "Done."]
            assert [call.tool_name for call in calls] == ["send", "look"]
            assert record.status == "succeeded"
            assert check.holds

    asyncio.run(work())


def test_a_tool_that_blocks_is_a_tool_under_asyncio(record_room: RecordRoom) -> None:
    async def work() -> None:
        async with record_room.async_ledger() as ledger:

            @ledger.tool()  # type: ignore[arg-type]
            def send() -> str:
                return "sent"

            async with ledger.run("A") as run:
                assert await send() == "sent"
            (call,) = await ledger.tool_calls(run.run_id)
            assert (call.status, call.result) == ("succeeded", '"sent"')

    asyncio.run(work())


def test_a_task_that_is_cancelled_has_a_run_that_is_cancelled(record_room: RecordRoom) -> None:
    async def work() -> None:
        async with record_room.async_ledger() as ledger:
            begun: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()

            async def agent() -> None:
                async with ledger.run("A") as run, run.tool_call("send", "{}"):
                    begun.set_result(run.run_id)
                    await asyncio.Event().wait()

            task = asyncio.create_task(agent())
            run_id = await begun
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await ledger.get_run(run_id)).status == "cancelled"
            (call,) = await ledger.tool_calls(run_id)
            assert call.status == "unknown"

    asyncio.run(work())


def test_hearts_beat_under_asyncio_and_find_the_lease_lost(record_room: RecordRoom) -> None:
    async def work() -> None:
        async with record_room.async_ledger() as ledger, ledger.run("A", lease=SHORT) as run:
            await asyncio.to_thread(
                record_room.do,
                "UPDATE agents.agent_run SET attempt_no = 2, worker_id = 'another'",
            )
            async with asyncio.timeout(PATIENCE):
                while run._core.lost is None:
                    await asyncio.sleep(0)
            async with run.tool_call("look"):
                pytest.fail("somebody else has the run")

    with pytest.raises(LeaseLost):
        asyncio.run(work())


def test_tasks_share_a_pool_of_one_connection(record_room: RecordRoom) -> None:
    async def work() -> None:
        async with record_room.async_pool(size=1) as pool:
            ledger = AsyncLedger(pool, firm_id=FIRM_A)
            other = ledger.for_firm(UUID("00000000-0000-4000-8000-00000000000b"))
            sessions = [await one.open_session() for one in (ledger, other)]

            async def agent(number: int) -> None:
                which = (ledger, other)[number % 2]
                session_id = sessions[number % 2].session_id
                async with which.run("A", session_id=session_id) as run:
                    await run.append_turn("assistant", str(number % 2))

            await asyncio.gather(*(agent(number) for number in range(10)))
            with pytest.raises(NotThere):
                await other.append_turn(sessions[0].session_id, "user", "")
            for number, which in enumerate((ledger, other)):
                turns = await which.session_turns(sessions[number].session_id)
                assert [turn.content for turn in turns] == [str(number)] * 5

    asyncio.run(work())


def test_an_async_answer_that_was_lost_is_asked_for_again(record_room: RecordRoom) -> None:
    async def work() -> None:
        with wire_to(record_room.app) as wire:
            async with AsyncLedger(wire.dsn(record_room.app), firm_id=FIRM_A) as ledger:
                session = await ledger.open_session()
                stop = wire.hold("record_turn", answer=True)
                recording = asyncio.ensure_future(
                    ledger.record_turn(session.session_id, {"agent_name": "A"}, [{"role": "user"}])
                )
                await asyncio.to_thread(stop.wait)
                wire.cut()
                assert (await recording).is_new is False

                stop = wire.hold("append_turns", answer=True)
                appending = asyncio.ensure_future(ledger.append_turn(session.session_id, "user"))
                await asyncio.to_thread(stop.wait)
                wire.cut()
                with pytest.raises(ConnectFailed):
                    await appending
                assert len(await ledger.session_turns(session.session_id)) == 2

    asyncio.run(work())


def test_steps_wait_no_longer_than_two_seconds() -> None:
    assert len(steps.PAUSES) == 3
    # Each is longer by chance by up to as much again.
    assert 2 * sum(steps.PAUSES) < 2

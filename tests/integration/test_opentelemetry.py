"""Spans of agents become rows of the ledger, by way of the SDK of OpenTelemetry."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from tests.fix_ledger import FIRM_A
from tests.fix_observed import SeenRoom

from muniment import Ledger, Usage
from muniment.integrations.opentelemetry import LedgerSpanExporter
from muniment.settings import Settings

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
LARGE = "exhibit " * 5_000  # 40 kB
TABLES = ("agent_run", "chat_turn", "tool_call")

CLERK = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Clerk"}
USED = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 64,
    "gen_ai.usage.reasoning.output_tokens": 5,
}
LOOK: dict[str, Any] = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "look",
    "gen_ai.tool.call.id": "call_1",
    "gen_ai.tool.call.arguments": '{"matter": "2026-117"}',
    "gen_ai.tool.call.result": "§ 573c BGB",
}


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


ASKED = [said("system", "You are a clerk."), said("user", "What is the notice period?")]
WANTED = [
    {
        "role": "assistant",
        "parts": [
            {"type": "tool_call", "id": "call_1", "name": "look", "arguments": {"matter": "1"}}
        ],
        "finish_reason": "tool_call",
    }
]
FOUND = [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1"}]}]


def chat(asked: Any, answered: Any, **more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "example",
        "gen_ai.request.model": "scripted",
        "gen_ai.response.model": "scripted-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(answered),
        **USED,
        **more,
    }


class Spans:
    """Spans that the SDK has made, as it exports them."""

    def __init__(self) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(self.memory))
        self.tracer = self.provider.get_tracer("tests")

    @contextmanager
    def span(self, attributes: dict[str, Any], **more: Any) -> Iterator[trace.Span]:
        name = attributes.get("gen_ai.operation.name", "GET /")
        with self.tracer.start_as_current_span(name, attributes=attributes, **more) as span:
            yield span

    def add(self, *several: dict[str, Any]) -> None:
        for attributes in several:
            with self.span(attributes):
                pass

    def take(self) -> tuple[ReadableSpan, ...]:
        self.provider.force_flush()
        found = self.memory.get_finished_spans()
        self.memory.clear()
        return found


@pytest.fixture
def spans() -> Iterator[Spans]:
    made = Spans()
    yield made
    made.provider.shutdown()


@pytest.fixture
def exporter(seen_room: SeenRoom) -> LedgerSpanExporter:
    return LedgerSpanExporter(seen_room.ledger)


def counts(room: SeenRoom) -> dict[str, int]:
    found = room.room.counts()
    return {table: found[table] for table in TABLES}


def test_an_exchange_goes_through_the_sdk_into_the_ledger(seen_room: SeenRoom) -> None:
    conversation = seen_room.ledger.open_session(subject_type="matter", subject_id="2026-117")
    # Tokens are those of the model calls, whatever the agent's span adds up.
    named = {**CLERK, **USED, "gen_ai.conversation.id": str(conversation.session_id)}
    made = Spans()
    made.provider.add_span_processor(BatchSpanProcessor(LedgerSpanExporter(seen_room.ledger)))

    with made.span({"http.route": "/ask"}), made.span(named) as agent:
        made.add(
            chat(ASKED, WANTED),
            LOOK,
            chat([*ASKED, *WANTED, *FOUND], [said("assistant", "Three months.")]),
        )
    made.provider.shutdown()

    (run,) = seen_room.runs()
    context = agent.get_span_context()
    assert (run.trace_id, run.span_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert (run.agent_name, run.status, run.session_id) == (
        "Clerk",
        "succeeded",
        conversation.session_id,
    )
    assert (run.provider_name, run.request_model, run.response_model, run.finish_reason) == (
        "example",
        "scripted",
        "scripted-1",
        "stop",
    )
    assert run.usage == Usage(
        input_tokens=200, output_tokens=40, cache_read_tokens=128, reasoning_tokens=10
    )
    system, asked, wanted, answered = seen_room.turns(run)
    assert (system.role, system.content) == ("system", "You are a clerk.")
    assert (asked.role, asked.content) == ("user", "What is the notice period?")
    assert json.loads(answered.content or "") == [said("assistant", "Three months.")]
    (call,) = seen_room.calls(run.run_id)
    assert (call.tool_name, call.tool_version, call.status) == ("look", "1", "succeeded")
    assert (call.args, call.result) == ('{"matter": "2026-117"}', "§ 573c BGB")
    assert (call.provider_call_id, call.turn_id) == ("call_1", wanted.turn_id)


def test_spans_in_any_batches_and_again_are_recorded_once(
    seen_room: SeenRoom,
    exporter: LedgerSpanExporter,
    spans: Spans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with spans.span(CLERK):
        spans.add(chat(ASKED, WANTED), LOOK)
        with spans.span({**CLERK, "gen_ai.agent.name": "Expert"}):
            spans.add(chat(ASKED, [said("assistant", "§ 573c")]))
    ended = spans.take()

    for span in ended[:-1]:
        assert exporter.export([span]) is SUCCESS
        assert counts(seen_room)["agent_run"] == 0
    assert exporter.export(ended[-1:]) is SUCCESS
    once = counts(seen_room)
    assert exporter.export(ended) is SUCCESS
    # A root without what was below it, which was seen already.
    assert exporter.export(ended[-1:]) is SUCCESS

    assert once == counts(seen_room) == {"agent_run": 2, "chat_turn": 6, "tool_call": 1}
    clerk, expert = seen_room.runs()
    assert (clerk.agent_name, expert.agent_name) == ("Clerk", "Expert")
    assert expert.parent_run_id == clerk.run_id
    assert exporter._steps == {}
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_requests_of_one_trace_in_one_process_do_not_wait_for_each_other(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    caller = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))
    remote = trace.set_span_in_context(NonRecordingSpan(caller))

    with spans.span(CLERK, context=remote):
        spans.add(chat(ASKED, [said("assistant", "one")]))
        with spans.span({**CLERK, "gen_ai.agent.name": "Other"}, context=remote):
            spans.add(chat(ASKED, [said("assistant", "other")]))
        assert exporter.export(spans.take()) is SUCCESS
        assert [run.agent_name for run in seen_room.runs()] == ["Other"]
    assert exporter.export(spans.take()) is SUCCESS

    clerk, other = seen_room.runs()
    assert (len(seen_room.turns(clerk)), len(seen_room.turns(other))) == (3, 3)


def test_a_broken_span_is_lost_alone_and_said_so(
    seen_room: SeenRoom,
    exporter: LedgerSpanExporter,
    spans: Spans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nameless = {**LOOK}
    del nameless["gen_ai.tool.name"]
    with spans.span(CLERK):
        spans.add(
            chat(ASKED, [said("assistant", "one")]),
            chat([], [], **{"gen_ai.usage.input_tokens": "many"}),
            chat([], [], **{"gen_ai.output.messages": "no {JSON"}),
            chat([], [], **{"gen_ai.response.id": "nul \0"}),
            nameless,
            {**LOOK, "gen_ai.tool.name": "no such name!"},
            LOOK,
        )
    with spans.span({**CLERK, "gen_ai.agent.version": "nul \0"}):
        pass
    with spans.span({**CLERK, "gen_ai.agent.name": "Well"}):
        pass

    assert exporter.export(spans.take()) is SUCCESS

    clerk, well = seen_room.runs()
    assert (clerk.agent_name, well.agent_name) == ("Clerk", "Well")
    assert [turn.role for turn in seen_room.turns(clerk)] == [
        "system",
        "user",
        "assistant",
        "assistant",
        "assistant",
    ]
    assert [call.tool_name for call in seen_room.calls(clerk.run_id)] == ["look"]
    assert clerk.metadata["not_recorded"] == [
        "turns[5].response_id: has a NUL in it",
        "tool_calls: tool 'no such name!' is not registered",
    ]
    for said_so in (
        "gen_ai.tool.name: is missing",
        "usage.input_tokens: 'many' is no number of tokens",
        "gen_ai.output.messages is no JSON",
        "not recorded: run.agent_version: has a NUL in it",
    ):
        assert said_so in caplog.text
    assert exporter._steps == {}


def test_what_can_never_be_recorded_is_not_tried_for_ever(
    seen_room: SeenRoom,
    exporter: LedgerSpanExporter,
    spans: Spans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with spans.span({**CLERK, "gen_ai.conversation.id": "c" * 300}):
        pass
    much = {**USED, "gen_ai.usage.input_tokens": 2**63 - 1}
    with spans.span(CLERK):
        spans.add(chat(ASKED, [], **much), chat(ASKED, [], **much))
    with spans.span({**CLERK, "gen_ai.agent.name": "Well"}):
        pass

    assert exporter.export(spans.take()) is SUCCESS

    assert [run.agent_name for run in seen_room.runs()] == ["Well"]
    assert "idempotency_key: has 305 characters" in caplog.text
    assert "out of range" in caplog.text
    assert exporter._steps == {}


def test_an_agent_whose_clock_is_behind_is_below_the_one_that_it_works_for(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    now = time.time_ns()
    with spans.span(CLERK, start_time=now):
        early = {"start_time": now - 10**9, "end_on_exit": False}
        with spans.span({**CLERK, "gen_ai.agent.name": "Runner"}, **early) as below:
            spans.add(chat(ASKED, [said("assistant", "one")]))
            below.end(now - 10**8)

    assert exporter.export(spans.take()) is SUCCESS

    clerk, runner = seen_room.runs()
    assert (runner.agent_name, runner.parent_run_id) == ("Runner", clerk.run_id)
    assert runner.started_at == clerk.started_at


def test_other_spans_are_not_recorded(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    with spans.span({"http.route": "/"}):
        spans.add({"gen_ai.operation.name": "embeddings"}, LOOK, chat(ASKED, []))

    assert exporter.export(spans.take()) is SUCCESS
    assert exporter.export([]) is SUCCESS

    assert counts(seen_room) == dict.fromkeys(TABLES, 0)
    assert exporter._steps == {}


def test_what_failed_is_on_record_as_failed(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    failed = Status(StatusCode.ERROR, "no scales")
    with spans.span({**CLERK, "error.type": "ScalesError", **USED}) as agent:
        agent.set_status(failed)
        with spans.span(LOOK) as call:
            call.set_status(failed)

    assert exporter.export(spans.take()) is SUCCESS

    (run,) = seen_room.runs()
    (call_row,) = seen_room.calls(run.run_id)
    assert (run.status, run.error_type, run.error_message) == (
        "failed",
        "ScalesError",
        "no scales",
    )
    assert (call_row.status, call_row.error_type) == ("failed", "error")
    # No call of a model was seen, so the tokens are those of the agent's span.
    assert run.usage.input_tokens == 100


def test_what_the_ledger_does_not_take_now_is_kept_for_the_next_export(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    allow = "ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}"
    (name,) = seen_room.room.rows("SELECT current_database()")[0]
    with spans.span(CLERK):
        spans.add(chat(ASKED, [said("assistant", "one")]))
    first = spans.take()
    with spans.span(CLERK):
        spans.add(chat(ASKED, [said("assistant", "two")]))

    elsewhere = re.sub(r"/[^/?]+(\?|$)", r"/postgres\1", seen_room.room.dsn)
    maintenance = type(seen_room.room)(elsewhere, elsewhere)
    maintenance.do(allow.format(name, "false"))
    try:
        assert exporter.export(first) is FAILURE
        assert not exporter.force_flush()
    finally:
        maintenance.do(allow.format(name, "true"))
    assert counts(seen_room)["agent_run"] == 0
    assert exporter.export(spans.take()) is SUCCESS

    assert [run.agent_name for run in seen_room.runs()] == ["Clerk", "Clerk"]
    assert exporter._steps == {}


def test_what_has_no_month_yet_is_kept_until_it_has_one(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    begun = time.time_ns() - 400 * 86_400 * 10**9
    old = spans.tracer.start_span("old", attributes=CLERK, start_time=begun)
    old.end(begun + 10**9)
    with spans.span({**CLERK, "gen_ai.agent.name": "New"}):
        pass

    assert exporter.export(spans.take()) is FAILURE
    assert [run.agent_name for run in seen_room.runs()] == ["New"]
    seen_room.room.do(
        "SELECT agents.ensure_partitions((to_timestamp(%s) AT TIME ZONE 'UTC')::date, 1)",
        begun / 10**9,
    )
    assert exporter.export([]) is SUCCESS

    assert [run.agent_name for run in seen_room.runs()] == ["Clerk", "New"]


def test_too_many_spans_that_wait_are_lost_the_oldest_first(
    seen_room: SeenRoom, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = LedgerSpanExporter(seen_room.ledger, spans_at_most=2)
    for name in ("Old", "New"):
        with spans.span({**CLERK, "gen_ai.agent.name": name}):
            spans.add(chat(ASKED, [said("assistant", name)]))
            # Without the agent's own, which has not ended.
            exporter.export(spans.take())
        ended = spans.take()
        if name == "New":
            exporter.export(ended)
        else:
            exporter.export([])
            with spans.span({"http.route": "/"}):
                spans.add(LOOK, LOOK)
                exporter.export(spans.take())

    assert [run.agent_name for run in seen_room.runs()] == ["New"]
    assert "too many spans wait" in caplog.text


def test_shutdown_records_what_is_there_and_takes_no_more(
    seen_room: SeenRoom, exporter: LedgerSpanExporter, spans: Spans
) -> None:
    with spans.span({"http.route": "/"}):
        with spans.span(CLERK):
            spans.add(chat(ASKED, [said("assistant", "one")]))
        assert exporter.export(spans.take()) is SUCCESS
        assert counts(seen_room)["agent_run"] == 0
        exporter.shutdown()

    assert [run.agent_name for run in seen_room.runs()] == ["Clerk"]
    assert exporter.export(spans.take()) is FAILURE


def test_a_large_body_goes_to_the_shelf(
    seen_room: SeenRoom, spans: Spans, shelf_settings: Settings
) -> None:
    ledger = seen_room.room.ledger(settings=shelf_settings)
    with spans.span(CLERK):
        spans.add({**LOOK, "gen_ai.tool.call.result": LARGE})

    assert LedgerSpanExporter(ledger).export(spans.take()) is SUCCESS

    (run,) = seen_room.runs()
    (call,) = ledger.tool_calls(run.run_id)
    assert (call.result, call.result_storage) == (LARGE, "s3")


def test_a_ledger_that_is_not_there_is_a_failure(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Ledger("host=127.0.0.1 port=1 dbname=none connect_timeout=2", firm_id=FIRM_A)
    with spans.span(CLERK):
        pass

    assert LedgerSpanExporter(nowhere).export(spans.take()) is FAILURE
    assert "not recorded yet" in caplog.text

"""The OpenAI Agents SDK remembers in the ledger, and its agents' work is on record there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from agents import (
    Agent,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    Session,
    function_tool,
    generation_span,
    set_trace_processors,
    trace,
)
from agents.items import TResponseInputItem
from agents.usage import Usage as SdkUsage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from tests.fix_ledger import FIRM_A, RecordRoom
from tests.fix_observed import SeenRoom

from muniment import Ledger, Usage
from muniment.errors import ConnectFailed, LedgerInputError, NotThere, SessionClosed, ToolUnknown
from muniment.integrations.openai_agents import LedgerSession, LedgerTracingProcessor
from muniment.ledger import AsyncLedger, uuid7
from muniment.settings import Settings

LARGE = "exhibit " * 5_000  # 40 kB


class Scripted(Model):
    """A model that answers from a list, and tells the tracing what those of the SDK tell."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.inputs: list[Any] = []

    async def get_response(
        self, system_instructions: Any, input: Any, *args: Any, tracing: Any = None, **more: Any
    ) -> ModelResponse:
        self.inputs.append(input)
        with generation_span(input=input, model="scripted-1") as span:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            span.span_data.output = [answer.model_dump()]
            span.span_data.usage = {
                "input_tokens": 100,
                "output_tokens": 20,
                "input_tokens_details": {"cached_tokens": 64},
                "output_tokens_details": {"reasoning_tokens": 5},
            }
            usage = SdkUsage(requests=1, input_tokens=100, output_tokens=20, total_tokens=120)
            return ModelResponse(output=[answer], usage=usage, response_id=None)

    def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def calls_for(tool: str, **args: Any) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        type="function_call", name=tool, arguments=json.dumps(args), call_id=f"call_{tool}"
    )


def says(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(
        id="m", type="message", role="assistant", status="completed", content=[part]
    )


@function_tool
def look(matter: str) -> str:
    """Look a matter up."""
    return f"§ 573c BGB in {matter}"


@function_tool
def weigh(matter: str) -> str:
    """Weigh a matter, which fails."""
    raise ValueError("no scales")


def user(text: str) -> TResponseInputItem:
    return {"role": "user", "content": text}


# Memory ------------------------------------------------------------------------------


@pytest.fixture
def async_ledger(record_room: RecordRoom) -> AsyncLedger:
    return record_room.async_ledger()


def remembering(ledger: AsyncLedger, use: Any) -> None:
    """Run a coroutine function with two sessions of the SDK on one new conversation."""

    async def with_session() -> None:
        async with ledger:
            opened = await ledger.open_session()
            await use(
                LedgerSession(ledger, opened.session_id), LedgerSession(ledger, opened.session_id)
            )

    asyncio.run(with_session())


def test_a_session_remembers_in_order_and_the_latest_when_limited(
    async_ledger: AsyncLedger,
) -> None:
    async def use(session: LedgerSession, other: LedgerSession) -> None:
        assert isinstance(session, Session)
        assert await session.get_items() == []
        await session.add_items([])
        await session.add_items([user("one"), user("zwei \0 \ud83d")])
        await other.add_items([user("three")])
        assert await session.get_items() == [user("one"), user("zwei \0 \ud83d"), user("three")]
        assert await session.get_items(2) == [user("zwei \0 \ud83d"), user("three")]
        assert await session.get_items(0) == []
        turns = await async_ledger.session_turns(session._id)
        assert [turn.turn_no for turn in turns] == [1, 2, 3]
        assert {turn.content_format for turn in turns} == {"parts"}

    remembering(async_ledger, use)


def test_what_is_popped_or_cleared_is_not_remembered_and_stays_in_the_ledger(
    async_ledger: AsyncLedger,
) -> None:
    async def use(session: LedgerSession, other: LedgerSession) -> None:
        await session.add_items([user("one"), user("two"), user("three")])
        assert await session.pop_item() == user("three")
        assert await other.pop_item() == user("two")
        assert await session.get_items() == [user("one")]
        await session.add_items([user("four")])
        await other.clear_session()
        assert await session.get_items() == []
        assert await session.pop_item() is None
        await session.add_items([user("five")])
        assert await session.get_items() == [user("five")]
        contents = [turn.content for turn in await async_ledger.session_turns(session._id)]
        assert [json.loads(text)["content"] for text in contents if text is not None] == [
            "one",
            "two",
            "three",
            "four",
            "five",
        ]

    remembering(async_ledger, use)


def test_those_who_pop_at_the_same_time_get_each_another_item(async_ledger: AsyncLedger) -> None:
    async def use(session: LedgerSession, other: LedgerSession) -> None:
        items = [user(str(number)) for number in range(8)]
        await session.add_items(items)
        sessions = [session, other] * 4
        popped = await asyncio.gather(*(one.pop_item() for one in sessions))
        assert sorted(str(item) for item in popped) == sorted(map(str, items))
        assert await session.get_items() == []

    remembering(async_ledger, use)


def test_other_turns_of_the_conversation_are_not_items(async_ledger: AsyncLedger) -> None:
    async def use(session: LedgerSession, _: LedgerSession) -> None:
        await async_ledger.append_turn(session._id, "user", "by somebody else")
        await async_ledger.append_turn(
            session._id, "user", "likewise", metadata={"memory": {"of": "langchain", "does": "add"}}
        )
        assert await session.get_items() == []
        assert await session.pop_item() is None

    remembering(async_ledger, use)


def test_more_than_a_page_is_remembered(
    async_ledger: AsyncLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.integrations.openai_agents.PAGE", 2)

    async def use(session: LedgerSession, _: LedgerSession) -> None:
        items = [user(str(number)) for number in range(4)]
        await session.add_items(items)
        assert await session.get_items() == items
        await session.add_items([user("odd")])
        assert await session.get_items() == [*items, user("odd")]

    remembering(async_ledger, use)


def test_a_session_raises_what_cannot_be_remembered_and_keeps_nothing_of_it(
    async_ledger: AsyncLedger,
) -> None:
    no_json: Any = {"role": "user", "content": object()}

    async def use(session: LedgerSession, _: LedgerSession) -> None:
        with pytest.raises(LedgerInputError, match=r"items\[1\]: is no JSON"):
            await session.add_items([user("one"), no_json])
        with pytest.raises(LedgerInputError, match=r"turns\[1\].content: .* needs a run"):
            await session.add_items([user("one"), user(LARGE)])
        with pytest.raises(NotThere):
            await LedgerSession(async_ledger, uuid7()).add_items([user("one")])
        assert await session.get_items() == []
        await async_ledger.close_session(session._id)
        with pytest.raises(SessionClosed):
            await session.add_items([user("one")])

    remembering(async_ledger, use)


def test_an_agent_goes_on_from_what_it_remembers_and_a_run_seals_it(
    record_room: RecordRoom, shelf_settings: Settings
) -> None:
    model = Scripted(calls_for("look", matter="2026-117"), says(LARGE), says("As I said."))
    agent = Agent(name="Clerk", model=model, tools=[look])

    async def converse() -> None:
        async with record_room.async_ledger(settings=shelf_settings) as ledger:
            opened = await ledger.open_session()
            for question in ("What is the notice period?", "Sure?"):
                async with ledger.run("Clerk", session_id=opened.session_id) as run:
                    session = LedgerSession(ledger, opened.session_id, run=run)
                    await Runner.run(agent, question, session=session)
                assert (await ledger.verify_seal(run.run_id)).verdict == "holds"
            turns = await ledger.session_turns(opened.session_id)
            assert [turn.role for turn in turns] == [
                "user",
                "assistant",
                "tool",
                "assistant",
                "user",
                "assistant",
            ]
            assert turns[3].content_storage == "s3"

    asyncio.run(converse())

    last = model.inputs[-1]
    assert [item.get("type", item.get("role")) for item in last] == [
        "user",
        "function_call",
        "function_call_output",
        "message",
        "user",
    ]
    assert last[3]["content"][0]["text"] == LARGE


# Tracing -----------------------------------------------------------------------------


@pytest.fixture
def processor(seen_room: SeenRoom) -> Iterator[LedgerTracingProcessor]:
    made = LedgerTracingProcessor(seen_room.ledger)
    set_trace_processors([made])
    yield made
    set_trace_processors([])
    made.shutdown()


def ask(agent: Agent[Any], question: str, **options: Any) -> str:
    config = RunConfig(tracing_disabled=False, **options)
    return str(asyncio.run(Runner.run(agent, question, run_config=config)).final_output)


def test_the_work_of_an_agent_is_on_record_with_its_calls_and_tokens(
    seen_room: SeenRoom, processor: LedgerTracingProcessor
) -> None:
    model = Scripted(calls_for("look", matter="2026-117"), says("Three months."))
    conversation = seen_room.ledger.open_session(subject_type="matter", subject_id="2026-117")

    ask(
        Agent(name="Clerk", model=model, tools=[look]),
        "What is the notice period?",
        group_id=str(conversation.session_id),
        trace_id="trace_0af7651916cd43dd8448eb211c80319c",
    )
    processor.force_flush()

    (run,) = seen_room.runs()
    assert (run.agent_name, run.status, run.session_id) == (
        "Clerk",
        "succeeded",
        conversation.session_id,
    )
    assert (run.response_model, run.trace_id) == ("scripted-1", "0af7651916cd43dd8448eb211c80319c")
    assert run.metadata["span_id"].startswith(f"span_{run.span_id}")
    assert run.usage == Usage(
        input_tokens=200, output_tokens=40, cache_read_tokens=128, reasoning_tokens=10
    )
    asked, wanted, answered = seen_room.turns(run)
    assert (asked.role, asked.content) == ("user", "What is the notice period?")
    assert json.loads(answered.content or "")[0]["content"][0]["text"] == "Three months."
    (call,) = seen_room.calls(run.run_id)
    assert (call.tool_name, call.tool_version, call.status) == ("look", "1", "succeeded")
    assert (call.args, call.result) == ('{"matter": "2026-117"}', "§ 573c BGB in 2026-117")
    assert (call.turn_id, call.approval_status) == (wanted.turn_id, "not_required")
    ((span_id,),) = seen_room.room.rows("SELECT span_id FROM agents.tool_call")
    assert len(span_id) == 16


def test_an_agent_called_as_a_tool_is_a_run_below(
    seen_room: SeenRoom, processor: LedgerTracingProcessor
) -> None:
    expert = Agent(
        name="Expert",
        model=Scripted(calls_for("look", matter="2026-117"), says("§ 573c")),
        tools=[look],
    )
    clerk = Agent(
        name="Clerk",
        model=Scripted(calls_for("expert", input="Which?"), says("See § 573c.")),
        tools=[expert.as_tool("expert", "Knows the law.")],
    )

    ask(clerk, "What is the notice period?", group_id="chat-1")
    ask(Agent(name="Again", model=Scripted(says("Yes."))), "Sure?", group_id="chat-1")
    processor.force_flush()

    outer, inner, again = seen_room.runs()
    assert (outer.agent_name, inner.agent_name, again.agent_name) == ("Clerk", "Expert", "Again")
    assert (inner.parent_run_id, inner.root_run_id) == (outer.run_id, outer.run_id)
    assert outer.session_id == inner.session_id == again.session_id
    assert (outer.usage.input_tokens, inner.usage.input_tokens) == (200, 200)
    assert [call.tool_name for call in seen_room.calls(outer.run_id)] == ["expert"]
    assert [call.tool_name for call in seen_room.calls(inner.run_id)] == ["look"]
    assert seen_room.imported() == [("expert",)]


def test_what_failed_is_on_record_as_failed(
    seen_room: SeenRoom, processor: LedgerTracingProcessor
) -> None:
    ask(
        Agent(
            name="Clumsy",
            model=Scripted(calls_for("weigh", matter="1"), says("It broke.")),
            tools=[weigh],
        ),
        "How heavy?",
    )
    with pytest.raises(RuntimeError):
        ask(Agent(name="Mute", model=Scripted(RuntimeError("model is down"))), "Hello?")
    processor.force_flush()

    clumsy, mute = seen_room.runs()
    (call,) = seen_room.calls(clumsy.run_id)
    assert (call.status, call.error_type) == ("failed", "tool_error")
    assert (clumsy.status, mute.status, mute.error_type) == ("succeeded", "failed", "agent_error")
    assert "model is down" in (mute.error_message or "")


def test_a_large_body_goes_to_the_shelf_or_is_left_out_and_said_so(
    seen_room: SeenRoom,
    shelf_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for settings in (shelf_settings, None):
        made = LedgerTracingProcessor(
            seen_room.room.ledger(settings=settings) if settings else seen_room.ledger
        )
        set_trace_processors([made])
        ask(Agent(name="Clerk", model=Scripted(says(LARGE))), "All of it?")
        set_trace_processors([])
        made.shutdown()

    stored, left_out = seen_room.room.rows(BODIES)
    assert stored == ("s3", None)
    assert left_out == (
        None,
        ["turns[1].content: needs a shelf, and this ledger has none"],
    )
    assert "left out: turns[1].content" in caplog.text


BODIES = """
SELECT turn.content_storage, run.metadata -> 'not_recorded'
FROM agents.agent_run AS run
INNER JOIN agents.chat_turn AS turn ON turn.run_id = run.run_id AND turn.role = 'assistant'
ORDER BY run.started_at
"""


def test_a_login_that_cannot_register_a_tool_records_the_rest_and_says_so(
    record_room: RecordRoom, seen_room: SeenRoom, caplog: pytest.LogCaptureFixture
) -> None:
    tool = function_tool(lambda: "x", name_override="unheard_of", description_override="New.")

    for strict in (False, True):
        made = LedgerTracingProcessor(record_room.ledger(), strict=strict)
        set_trace_processors([made])
        ask(
            Agent(
                name="Clerk", model=Scripted(calls_for("unheard_of"), says("Done.")), tools=[tool]
            ),
            "Well?",
        )
        set_trace_processors([])
        if strict:
            with pytest.raises(ToolUnknown, match="'unheard_of' is not registered"):
                made.force_flush()
        else:
            made.force_flush()
        made.shutdown()

    (run,) = seen_room.runs()
    assert run.metadata["not_recorded"] == ["tool_calls: tool 'unheard_of' is not registered"]
    assert seen_room.calls(run.run_id) == []
    assert seen_room.imported() == []
    assert "'unheard_of' is not registered" in caplog.text


class Patient(Scripted):
    """A model that is asked again when it was busy."""

    async def get_response(self, *args: Any, **more: Any) -> ModelResponse:
        try:
            return await super().get_response(*args, **more)
        except TimeoutError:
            return await super().get_response(*args, **more)


def test_a_model_that_was_asked_twice_has_two_turns(
    seen_room: SeenRoom, processor: LedgerTracingProcessor
) -> None:
    model = Patient(TimeoutError("busy"), calls_for("look", matter="2026-117"), says("Yes."))

    ask(Agent(name="Clerk", model=model, tools=[look]), "Well?")
    processor.force_flush()

    (run,) = seen_room.runs()
    failed, asked, answered = (turn for turn in seen_room.turns(run) if turn.role == "assistant")
    assert [turn.content is None for turn in (failed, asked, answered)] == [True, False, False]
    assert len({failed.turn_id, asked.turn_id, answered.turn_id}) == 3
    (call,) = seen_room.calls(run.run_id)
    assert call.turn_id == asked.turn_id


def test_a_ledger_that_is_not_there_does_not_stop_an_agent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nowhere = Ledger("host=127.0.0.1 port=1 dbname=none connect_timeout=2", firm_id=FIRM_A)
    made = LedgerTracingProcessor(nowhere, strict=True)
    set_trace_processors([made])

    answer = ask(Agent(name="Clerk", model=Scripted(says("Still here."))), "Hello?")

    assert answer == "Still here."
    with pytest.raises(ConnectFailed):
        made.force_flush()
    made.force_flush()
    set_trace_processors([])
    made.shutdown()
    assert "not recorded" in caplog.text


def test_two_agents_in_one_trace_are_two_runs_and_a_late_span_is_not_kept(
    seen_room: SeenRoom, processor: LedgerTracingProcessor
) -> None:
    async def both() -> None:
        with trace("two", trace_id="trace_of_mine") as outer:
            for name in ("One", "Two"):
                await Runner.run(Agent(name=name, model=Scripted(says(name))), "Well?")
            late = generation_span(parent=outer)
            late.start()
        late.finish()

    asyncio.run(both())
    processor.force_flush()

    one, two = seen_room.runs()
    assert (one.agent_name, two.agent_name) == ("One", "Two")
    assert (one.trace_id, one.metadata["trace_id"]) == (None, "trace_of_mine")
    assert processor._spans == {}

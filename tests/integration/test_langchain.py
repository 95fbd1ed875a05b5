"""LangChain remembers in the ledger, and what its chains and agents do is on record there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import LLMResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from tests.fix_ledger import FIRM_A, RecordRoom
from tests.fix_observed import SeenRoom

from muniment import Ledger, Usage
from muniment.errors import LedgerInputError, SessionClosed, StoreError
from muniment.integrations.langchain import LedgerCallbackHandler, LedgerChatMessageHistory
from muniment.settings import Settings

LARGE = "exhibit " * 5_000  # 40 kB
COUNTS: Any = {
    "input_tokens": 100,
    "output_tokens": 20,
    "total_tokens": 120,
    "input_token_details": {"cache_read": 64},
    "output_token_details": {"reasoning": 5},
}


class Scripted(GenericFakeChatModel):
    """LangChain's own fake model, to which tools can be bound."""

    def bind_tools(self, tools: Any, **more: Any) -> Any:
        return self


def scripted(*answers: AIMessage) -> Scripted:
    return Scripted(messages=iter(answers))


def says(text: str) -> AIMessage:
    return AIMessage(
        text,
        usage_metadata=COUNTS,
        response_metadata={"model_name": "scripted-1", "finish_reason": "stop"},
    )


def calls_for(name: str, **args: Any) -> AIMessage:
    call: Any = {"name": name, "args": args, "id": f"call_{name}"}
    return AIMessage("", tool_calls=[call], usage_metadata=COUNTS)


@tool
def look(matter: str) -> str:
    """Look a matter up."""
    return f"§ 573c BGB in {matter}"


@tool
def weigh(matter: str) -> str:
    """Weigh a matter, which fails."""
    raise ValueError("no scales")


def agent(model: Any, *tools: Any, name: str = "Clerk") -> Runnable[Any, Any]:
    """Return a graph of a model and tools, as the ready-made agents are built."""
    bound = model.bind_tools(tools)
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition, {"tools": "tools", END: END})
    graph.add_edge("tools", "model")
    return graph.compile(name=name)


def asking(text: str) -> dict[str, Any]:
    return {"messages": [SystemMessage("You are a clerk."), HumanMessage(text)]}


# Memory ------------------------------------------------------------------------------


@pytest.fixture
def history(record_room: RecordRoom) -> LedgerChatMessageHistory:
    ledger = record_room.ledger()
    return LedgerChatMessageHistory(ledger, ledger.open_session().session_id)


def test_messages_come_back_as_they_were(history: LedgerChatMessageHistory) -> None:
    messages = [
        HumanMessage("Grüße \0"),
        calls_for("look", matter="2026-117"),
        ToolMessage("found", tool_call_id="call_look"),
    ]

    history.add_messages([])
    history.add_messages(messages)
    asyncio.run(history.aadd_messages([AIMessage("Done.")]))

    assert history.messages == [*messages, AIMessage("Done.")]
    turns = history._ledger.session_turns(history._id)
    assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant"]


def test_what_is_cleared_is_not_remembered_and_stays_in_the_ledger(
    history: LedgerChatMessageHistory,
) -> None:
    history.add_user_message("one")
    history.clear()
    assert history.messages == []
    history.add_user_message("two")

    assert history.messages == [HumanMessage("two")]
    assert len(history._ledger.session_turns(history._id)) == 3


def test_a_history_raises_what_cannot_be_remembered(history: LedgerChatMessageHistory) -> None:
    with pytest.raises(LedgerInputError, match="needs a run"):
        history.add_messages([HumanMessage("one"), HumanMessage(LARGE)])
    odd = HumanMessage("two", additional_kwargs={"at": {(1, 2): "p"}})
    with pytest.raises(LedgerInputError, match=r"^messages\[1\]: is no JSON"):
        history.add_messages([HumanMessage("one"), odd])
    assert history.messages == []
    history._ledger.close_session(history._id)
    with pytest.raises(SessionClosed):
        history.add_user_message("two")


def test_a_large_message_of_a_run_is_on_the_shelf(
    record_room: RecordRoom, shelf_settings: Settings
) -> None:
    ledger = record_room.ledger(settings=shelf_settings)
    session_id = ledger.open_session().session_id

    with ledger.run("Clerk", session_id=session_id) as run:
        history = LedgerChatMessageHistory(ledger, session_id, run=run)
        history.add_user_message(LARGE)

    assert history.messages == [HumanMessage(LARGE)]
    assert ledger.session_turns(session_id)[0].content_storage == "s3"
    assert ledger.verify_seal(run.run_id).verdict == "holds"


# Callbacks ---------------------------------------------------------------------------


@pytest.fixture
def handler(seen_room: SeenRoom) -> Iterator[LedgerCallbackHandler]:
    made = LedgerCallbackHandler(seen_room.ledger)
    yield made
    assert made._trees == {}


def config(handler: BaseCallbackHandler, **configurable: Any) -> Any:
    return {"callbacks": [handler], "configurable": configurable}


@pytest.mark.parametrize("is_async", [False, True])
def test_the_work_of_an_agent_is_on_record_with_its_calls_and_tokens(
    seen_room: SeenRoom, handler: LedgerCallbackHandler, is_async: bool
) -> None:
    clerk = agent(scripted(calls_for("look", matter="2026-117"), says("Three months.")), look)
    conversation = seen_room.ledger.open_session(subject_type="matter", subject_id="2026-117")
    where = config(handler, thread_id=str(conversation.session_id))

    if is_async:
        asyncio.run(clerk.ainvoke(asking("What is the notice period?"), where))
    else:
        clerk.invoke(asking("What is the notice period?"), where)

    (run,) = seen_room.runs()
    assert (run.agent_name, run.status, run.operation) == ("Clerk", "succeeded", "invoke_agent")
    assert run.session_id == conversation.session_id
    assert (run.response_model, run.finish_reason) == ("scripted-1", "stop")
    assert run.usage == Usage(
        input_tokens=200, output_tokens=40, cache_read_tokens=128, reasoning_tokens=10
    )
    system, asked, wanted, answered = seen_room.turns(run)
    assert (system.role, system.content) == ("system", "You are a clerk.")
    assert (asked.role, asked.content) == ("user", "What is the notice period?")
    assert json.loads(wanted.content or "")["data"]["tool_calls"][0]["name"] == "look"
    assert (answered.content, answered.content_format) == ("Three months.", "text")
    (call,) = seen_room.calls(run.run_id)
    assert (call.tool_name, call.tool_version, call.status) == ("look", "1", "succeeded")
    assert (call.args, call.result) == ('{"matter": "2026-117"}', "§ 573c BGB in 2026-117")
    assert (call.provider_call_id, call.turn_id) == ("call_look", wanted.turn_id)


def test_an_agent_called_as_a_tool_is_a_run_below(
    seen_room: SeenRoom, handler: LedgerCallbackHandler
) -> None:
    expert = agent(scripted(says("§ 573c")), look, name="Expert")

    @tool
    def ask_expert(question: str) -> str:
        """Ask who knows the law."""
        return str(expert.invoke(asking(question))["messages"][-1].content)

    clerk = agent(scripted(calls_for("ask_expert", question="Which?"), says("Done.")), ask_expert)
    for _ in range(2):
        clerk.invoke(asking("What is the notice period?"), config(handler, thread_id="chat-1"))
        clerk = agent(scripted(says("Yes.")), look, name="Again")

    outer, inner, again = seen_room.runs()
    assert (outer.agent_name, inner.agent_name, again.agent_name) == ("Clerk", "Expert", "Again")
    assert inner.parent_run_id == outer.run_id
    assert outer.session_id == inner.session_id == again.session_id
    assert (outer.usage.input_tokens, inner.usage.input_tokens) == (200, 100)
    assert [call.tool_name for call in seen_room.calls(outer.run_id)] == ["ask_expert"]
    assert seen_room.imported() == [("ask_expert",)]


def test_what_failed_is_on_record_as_failed(
    seen_room: SeenRoom, handler: LedgerCallbackHandler
) -> None:
    with pytest.raises(ValueError, match="no scales"):
        agent(scripted(calls_for("weigh", matter="1")), weigh).invoke(
            asking("How heavy?"), config(handler)
        )
    slow: RunnableLambda[Any, Any] = RunnableLambda(_time_out, name="slow")
    with pytest.raises(TimeoutError):
        slow.invoke("Well?", config(handler))

    weighed, waited = seen_room.runs()
    (call,) = seen_room.calls(weighed.run_id)
    assert (call.status, call.error_type, call.error_message) == (
        "failed",
        "ValueError",
        "no scales",
    )
    assert (weighed.status, weighed.error_type) == ("failed", "ValueError")
    assert (waited.status, waited.error_type) == ("timed_out", "TimeoutError")
    (asked,) = seen_room.turns(waited)
    assert (asked.role, asked.content) == ("user", "Well?")


def _time_out(_: Any) -> Any:
    raise TimeoutError("too slow")


def test_a_model_by_itself_is_a_run_and_a_chain_is_one_with_its_parts(
    seen_room: SeenRoom, handler: LedgerCallbackHandler
) -> None:
    scripted(says("Hello.")).invoke("Hi", config(handler))
    chain = RunnableLambda(str.upper) | scripted(says("Hello again."))
    chain.with_config(run_name="shouting").invoke("hi", config(handler))

    alone, chained = seen_room.runs()
    assert (alone.agent_name, alone.operation) == ("Scripted", "chat")
    assert [turn.content for turn in seen_room.turns(alone)] == ["Hi", "Hello."]
    assert (chained.agent_name, chained.operation) == ("shouting", "invoke_agent")
    assert [turn.content for turn in seen_room.turns(chained)] == ["HI", "Hello again."]
    assert alone.usage == chained.usage
    assert alone.usage.input_tokens == 100


class Rewriting(BaseRetriever):
    """A retriever that asks a model for a better question."""

    model: Any

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        better = self.model.invoke(query, {"callbacks": run_manager.get_child()})
        return [Document(better.content)]


def test_a_model_that_a_retriever_asks_works_for_whoever_retrieves(
    seen_room: SeenRoom, handler: LedgerCallbackHandler
) -> None:
    within = RunnableLambda(lambda text: text) | Rewriting(model=scripted(says("Period?")))
    within.with_config(run_name="asking").invoke("When?", config(handler))
    Rewriting(model=scripted(says("Term?"))).invoke("How long?", config(handler))
    with pytest.raises(ValueError, match="busy"):
        Rewriting(model=RunnableLambda(_be_busy)).invoke("Now?", config(handler))

    runs = seen_room.runs()
    assert [(run.agent_name, run.operation) for run in runs] == [
        ("asking", "invoke_agent"),
        ("Scripted", "chat"),
        ("_be_busy", "invoke_agent"),
    ]
    assert [turn.content for turn in seen_room.turns(runs[0])] == ["When?", "Period?"]
    assert [turn.content for turn in seen_room.turns(runs[1])] == ["How long?", "Term?"]
    assert handler._trees == {}


def _be_busy(_: Any) -> Any:
    raise ValueError("busy")


def test_what_is_no_json_is_on_record_as_python_shows_it(
    seen_room: SeenRoom, handler: LedgerCallbackHandler
) -> None:
    @tool
    def scan(matter: str) -> dict[tuple[int, int], str]:
        """Scan a matter."""
        return {(1, 2): matter}

    def work(matter: str) -> Any:
        return scan.invoke(matter)

    RunnableLambda(work, name="Clerk").invoke("2026-117", config(handler))

    (run,) = seen_room.runs()
    (call,) = seen_room.calls(run.run_id)
    assert json.loads(call.result or "") == "{(1, 2): '2026-117'}"


def test_a_model_that_answers_nothing_is_on_record(
    seen_room: SeenRoom, handler: LedgerCallbackHandler
) -> None:
    run_id = uuid4()
    handler.on_llm_start({"name": "Mute"}, ["Hello?"], run_id=run_id)
    handler.on_llm_end(LLMResult(generations=[[]]), run_id=run_id)

    (run,) = seen_room.runs()
    assert [turn.content for turn in seen_room.turns(run)] == ["Hello?", None]
    assert handler._trees == {}


def test_counts_that_contradict_are_left_out_alone(
    seen_room: SeenRoom, handler: LedgerCallbackHandler, caplog: pytest.LogCaptureFixture
) -> None:
    counts: Any = {
        "input_tokens": 1,
        "output_tokens": 1,
        "total_tokens": 2,
        "input_token_details": {"cache_read": 64},
    }

    scripted(AIMessage("Hello.", usage_metadata=counts)).invoke("Hi", config(handler))

    (run,) = seen_room.runs()
    assert run.usage == Usage()
    assert [turn.content for turn in seen_room.turns(run)] == ["Hi", "Hello."]
    assert "usage.input_tokens: 1 is less than the 64" in caplog.text


def test_a_ledger_that_is_not_there_stops_an_agent_only_if_it_is_to(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nowhere = Ledger("host=127.0.0.1 port=1 dbname=none connect_timeout=2", firm_id=FIRM_A)

    answer = scripted(says("Still here.")).invoke("Hi", config(LedgerCallbackHandler(nowhere)))
    assert answer.content == "Still here."
    assert "not recorded" in caplog.text

    with pytest.raises(StoreError):
        scripted(says("Never heard.")).invoke(
            "Hi", config(LedgerCallbackHandler(nowhere, strict=True))
        )

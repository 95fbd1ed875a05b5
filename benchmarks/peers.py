"""The stores of others, each used as its documentation says.

Packages are imported when a store is used: they take seconds, and need not be there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict

from benchmarks.exchanges import TOOL, Exchange
from benchmarks.stores import Client, Store

__all__ = [
    "AdkSessions",
    "AgentsSession",
    "AgentsSessionAsRunner",
    "GraphCheckpoints",
    "GraphCheckpointsAtExit",
    "GraphStore",
    "GraphStoreBatch",
    "fours",
]

Result = TypeVar("Result")


class _Loop:
    """An event loop that a thread enters for each call."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __call__(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.get_loop().run_until_complete(work)

    def __enter__(self) -> _Loop:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()


def _asyncpg_url(dsn: str) -> Any:
    """Return a database as SQLAlchemy names it."""
    from sqlalchemy import URL

    known: dict[str, Any] = dict(conninfo_to_dict(dsn))
    return URL.create(
        "postgresql+asyncpg",
        username=known["user"],
        password=known["password"],
        host=known["host"],
        port=int(known["port"]),
        database=known["dbname"],
    )


class _AgentsClient(Client):
    """A Session of the OpenAI Agents SDK, and how its items are put into calls."""

    def __init__(self, loop: _Loop, engine: Any, *, calls: int) -> None:
        self._loop, self._engine, self._calls = loop, engine, calls

    def open(self, session_id: UUID) -> None:
        """Name it: it is written with the first items."""
        self._session, self._number = self._of(session_id), 0

    def write(self, exchange: Exchange) -> None:
        """Add the items, in as many calls as was said."""
        self._number += 1
        call_id = f"call_{self._number}"
        question = [{"role": "user", "content": exchange.question}]
        call = [
            {
                "type": "function_call",
                "call_id": call_id,
                "name": TOOL,
                "arguments": exchange.arguments,
            },
            {"type": "function_call_output", "call_id": call_id, "output": exchange.result},
        ]
        answer = [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": exchange.answer}],
            }
        ]
        if self._calls == 1:
            self._loop(self._session.add_items([*question, *call, *answer]))
        else:
            for items in (question, call, answer):
                self._loop(self._session.add_items(items))

    def read(self, session_id: UUID) -> list[Exchange]:
        """Get the items, four an exchange."""
        items = self._loop(self._of(session_id).get_items())
        return [
            Exchange(
                question["content"],
                call["arguments"],
                output["output"],
                answer["content"][0]["text"],
            )
            for question, call, output, answer in fours(items)
        ]

    def _of(self, session_id: UUID) -> Any:
        from agents.extensions.memory import SQLAlchemySession

        return SQLAlchemySession(str(session_id), engine=self._engine)


class AgentsSession(Store):
    """SQLAlchemySession of the OpenAI Agents SDK, which the caller gives a turn at once."""

    key = "openai-agents"
    title = "OpenAI Agents `SQLAlchemySession`, one `add_items` a turn"
    part = 2
    packages = ("openai-agents", "asyncpg", "sqlalchemy")

    calls: ClassVar[int] = 1

    def prepare(self, dsn: str) -> None:
        """Let it make its tables."""
        from agents.extensions.memory import SQLAlchemySession

        with self._engine(dsn) as (loop, engine):
            session = SQLAlchemySession("none", engine=engine, create_tables=True)
            loop(session.get_items())

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Make an engine."""
        with self._engine(dsn) as (loop, engine):
            yield _AgentsClient(loop, engine, calls=self.calls)

    @contextmanager
    def _engine(self, dsn: str) -> Iterator[tuple[_Loop, Any]]:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(_asyncpg_url(dsn))
        with _Loop() as loop:
            yield loop, engine
            loop(engine.dispose())


class AgentsSessionAsRunner(AgentsSession):
    """The same, as its Runner does: the question, the call with its result, the answer."""

    key = "openai-agents-runner"
    title = "OpenAI Agents `SQLAlchemySession`, three `add_items` as its Runner does"
    part = 4

    calls = 3


class _GraphClient(Client):
    """A graph of three nodes that say what they are told to."""

    def __init__(self, saver: Any, durability: str) -> None:
        from langchain_core.messages import AIMessage, ToolMessage
        from langgraph.graph import END, START, MessagesState, StateGraph

        def ask(_: Any) -> Any:
            call = {"id": "call", "name": TOOL, "args": json.loads(self._exchange.arguments)}
            return {"messages": [AIMessage("", tool_calls=[call])]}

        def act(_: Any) -> Any:
            return {"messages": [ToolMessage(self._exchange.result, tool_call_id="call")]}

        def say(_: Any) -> Any:
            return {"messages": [AIMessage(self._exchange.answer)]}

        graph: Any = StateGraph(MessagesState)
        for before, (name, node) in zip(
            (START, "ask", "act"), {"ask": ask, "act": act, "say": say}.items(), strict=True
        ):
            graph.add_node(name, node)
            graph.add_edge(before, name)
        graph.add_edge("say", END)
        self._graph = graph.compile(checkpointer=saver)
        self._durability = durability

    def open(self, session_id: UUID) -> None:
        """Name the thread: it is written with the first checkpoint."""
        self._config = self._of(session_id)

    def write(self, exchange: Exchange) -> None:
        """Run the graph once."""
        from langchain_core.messages import HumanMessage

        self._exchange = exchange
        self._graph.invoke(
            {"messages": [HumanMessage(exchange.question)]},
            self._config,
            durability=self._durability,
        )

    def read(self, session_id: UUID) -> list[Exchange]:
        """Get the messages of the last checkpoint, four an exchange."""
        messages = self._graph.get_state(self._of(session_id)).values["messages"]
        return [
            Exchange(
                question.content,
                json.dumps(call.tool_calls[0]["args"]),
                result.content,
                answer.content,
            )
            for question, call, result, answer in fours(messages)
        ]

    @staticmethod
    def _of(session_id: UUID) -> dict[str, Any]:
        return {"configurable": {"thread_id": str(session_id)}}


class GraphCheckpoints(Store):
    """PostgresSaver of LangGraph under a graph, which waits for each of its checkpoints."""

    key = "langgraph-saver"
    title = "LangGraph `PostgresSaver`, `durability='sync'`"
    part = 8
    packages = ("langgraph", "langgraph-checkpoint-postgres")

    durability: ClassVar[str] = "sync"

    def prepare(self, dsn: str) -> None:
        """Let it make its tables."""
        from langgraph.checkpoint.postgres import PostgresSaver

        with PostgresSaver.from_conn_string(dsn) as saver:
            saver.setup()

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Connect, and compile a graph."""
        from langgraph.checkpoint.postgres import PostgresSaver

        with PostgresSaver.from_conn_string(dsn) as saver:
            yield _GraphClient(saver, self.durability)


class GraphCheckpointsAtExit(GraphCheckpoints):
    """The same, which keeps the last checkpoint of a turn only."""

    key = "langgraph-saver-exit"
    title = "LangGraph `PostgresSaver`, `durability='exit'`"

    durability = "exit"


class _GraphStoreClient(Client):
    """Four items an exchange in a namespace of the conversation's."""

    _KINDS = ("question", "arguments", "result", "answer")

    def __init__(self, store: Any, *, is_batch: bool) -> None:
        self._store, self._is_batch = store, is_batch

    def open(self, session_id: UUID) -> None:
        """Name the namespace: it is there with the first item."""
        self._namespace, self._number = self._of(session_id), 0

    def write(self, exchange: Exchange) -> None:
        """Put the items, one by one or at once."""
        from langgraph.store.base import PutOp

        self._number += 1
        items = {
            f"{self._number:06}.{place}": {"kind": kind, "text": getattr(exchange, kind)}
            for place, kind in enumerate(self._KINDS)
        }
        if self._is_batch:
            self._store.batch([PutOp(self._namespace, *item) for item in items.items()])
        else:
            for item in items.items():
                self._store.put(self._namespace, *item)

    def read(self, session_id: UUID) -> list[Exchange]:
        """Search the namespace, and put in order what is there."""
        found = self._store.search(self._of(session_id), limit=1_000_000)
        texts = [item.value["text"] for item in sorted(found, key=lambda item: item.key)]
        return [Exchange(*four) for four in fours(texts)]

    @staticmethod
    def _of(session_id: UUID) -> tuple[str, ...]:
        return ("exchanges", str(session_id))


class GraphStore(Store):
    """PostgresStore of LangGraph, its long-term memory, an item at a time."""

    key = "langgraph-store"
    title = "LangGraph `PostgresStore`, four `put` a turn"
    part = 2
    packages = ("langgraph", "langgraph-checkpoint-postgres")

    is_batch: ClassVar[bool] = False

    def prepare(self, dsn: str) -> None:
        """Let it make its tables."""
        from langgraph.store.postgres import PostgresStore

        with PostgresStore.from_conn_string(dsn) as store:
            store.setup()

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Connect."""
        from langgraph.store.postgres import PostgresStore

        with PostgresStore.from_conn_string(dsn) as store:
            yield _GraphStoreClient(store, is_batch=self.is_batch)


class GraphStoreBatch(GraphStore):
    """The same, the items of a turn at once."""

    key = "langgraph-store-batch"
    title = "LangGraph `PostgresStore`, one `batch` a turn"

    is_batch = True


class _AdkClient(Client):
    """Four events an exchange."""

    _WHOSE: ClassVar[dict[str, str]] = {"app_name": "bench", "user_id": "bench"}

    def __init__(self, loop: _Loop, service: Any) -> None:
        self._loop, self._service, self._number = loop, service, 0

    def open(self, session_id: UUID) -> None:
        """Create the session."""
        self._session = self._loop(
            self._service.create_session(**self._WHOSE, session_id=str(session_id))
        )

    def write(self, exchange: Exchange) -> None:
        """Append the events."""
        from google.adk.events import Event
        from google.genai.types import Content, FunctionCall, FunctionResponse, Part

        self._number += 1
        call_id, invocation_id = f"call-{self._number}", f"e-{self._number}"
        call = FunctionCall(id=call_id, name=TOOL, args=json.loads(exchange.arguments))
        response = FunctionResponse(id=call_id, name=TOOL, response=json.loads(exchange.result))
        for author, part in (
            ("user", Part(text=exchange.question)),
            ("agent", Part(function_call=call)),
            ("agent", Part(function_response=response)),
            ("agent", Part(text=exchange.answer)),
        ):
            role = "model" if part.text or part.function_call else "user"
            content = Content(role="user" if author == "user" else role, parts=[part])
            event = Event(author=author, invocation_id=invocation_id, content=content)
            self._loop(self._service.append_event(self._session, event))

    def read(self, session_id: UUID) -> list[Exchange]:
        """Get the session, whose events are four an exchange."""
        session = self._loop(self._service.get_session(**self._WHOSE, session_id=str(session_id)))
        parts = [event.content.parts[0] for event in session.events] if session else []
        return [
            Exchange(
                question.text,
                json.dumps(call.function_call.args),
                json.dumps(result.function_response.response),
                answer.text,
            )
            for question, call, result, answer in fours(parts)
        ]


class AdkSessions(Store):
    """DatabaseSessionService of Google's Agent Development Kit."""

    key = "adk"
    title = "Google ADK `DatabaseSessionService`, four `append_event` a turn"
    part = 8
    packages = ("google-adk", "asyncpg", "sqlalchemy")

    def prepare(self, dsn: str) -> None:
        """Let it make its tables."""
        with self._service(dsn) as (loop, service):
            loop(service.prepare_tables())

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Make a service."""
        with self._service(dsn) as (loop, service):
            yield _AdkClient(loop, service)

    @contextmanager
    def _service(self, dsn: str) -> Iterator[tuple[_Loop, Any]]:
        from google.adk.sessions import DatabaseSessionService

        service = DatabaseSessionService(db_url=_asyncpg_url(dsn).render_as_string(False))
        with _Loop() as loop:
            yield loop, service
            loop(service.close())


def fours(found: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what belongs to an exchange.

    Raises:
        ValueError: Something is missing, or there is more.
    """
    return zip(*[iter(found)] * 4, strict=True)

"""The OpenAI Agents SDK on the ledger: its memory, and a record of what its agents do.

* :class:`LedgerSession` is a ``Session``: what an agent remembers are turns of a conversation.
* :class:`LedgerTracingProcessor` records each agent's work when its trace ends.

They need not be used together. What is remembered is the conversation as the SDK keeps it; what is
recorded are the model calls of each agent, with their tokens, and its tool calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Any, cast
from uuid import UUID

from agents import SessionABC
from agents.items import TResponseInputItem
from agents.memory.session_settings import SessionSettings, resolve_session_limit
from agents.tracing import (
    AgentSpanData,
    FunctionSpanData,
    GenerationSpanData,
    ResponseSpanData,
    Span,
    Trace,
    TracingProcessor,
)

from muniment.errors import LedgerInputError, MunimentError
from muniment.integrations._memory import PAGE, Memory, remembered
from muniment.integrations._observed import (
    LOGGER,
    Recorder,
    Step,
    error_text,
    new_turns,
    text_of,
    usage_of,
)
from muniment.ledger import AsyncLedger, AsyncOpenRun, Ledger, Turn, TurnInput, Usage, uuid7

__all__ = ["LedgerSession", "LedgerTracingProcessor"]

MEMORY = Memory("openai-agents")


class LedgerSession(SessionABC):
    """A session of the SDK that is a conversation of the ledger.

    Each item is one turn, with the item's JSON, as the model sees it, as its content; the items of
    one call are appended together or not at all. The ledger is append-only: :meth:`pop_item` and
    :meth:`clear_session` delete nothing, but append a turn that says so, and from then on
    :meth:`get_items` leaves out what they took away. Turns that others have appended to the
    conversation are not items.

    It raises what the ledger raises: an agent must not go on without its memory.

    Args:
        ledger: Where the conversation is.
        session_id: Which one, as ``ledger.open_session()`` answered it, or as text.
        run: The run that the items belong to, and whose seal will cover them. Only then can an item
            be over 32,768 bytes, because an object on the shelf belongs to a run.
        session_settings: The SDK's own: how many items it gets unless it says so.
    """

    def __init__(
        self,
        ledger: AsyncLedger,
        session_id: UUID | str,
        *,
        run: AsyncOpenRun | None = None,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id = str(session_id)
        self.session_settings = session_settings or SessionSettings()
        self._ledger = ledger
        self._id = UUID(self.session_id)
        self._run = run

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the items that are remembered, the oldest first; the latest ones if limited.

        Raises:
            StoreError: The database refused.
            ShelfError: The shelf has not got an item, or another one than was recorded.
        """
        limit = resolve_session_limit(limit, self.session_settings)
        turns, _ = remembered(await self._turns(), MEMORY)
        return [_item(turn) for turn in turns[0 if limit is None else max(len(turns) - limit, 0) :]]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Append items, all or none.

        Raises:
            LedgerInputError: An item is no JSON, or is large and belongs to no run.
            SessionClosed: The conversation is closed (MU104).
            LeaseLost: Another worker has the run (MU102).
            StoreError: The database refused.
            ShelfError: A large item could not be stored. Nothing was written.
        """
        if items:
            await self._append([_turn(place, item) for place, item in enumerate(items)])

    async def pop_item(self) -> TResponseInputItem | None:
        """Forget the latest item, and return it; None if nothing is remembered.

        Two that pop at the same time get two items: each gets what its own turn took away.

        Raises:
            StoreError: As for :meth:`add_items`, and so are the other errors.
        """
        marker = await self._append([MEMORY.marker("pop")])
        _, popped = remembered(await self._turns(), MEMORY)
        turn = popped.get(marker)
        return None if turn is None else _item(turn)

    async def clear_session(self) -> None:
        """Forget all items.

        Raises:
            StoreError: As for :meth:`add_items`, and so are the other errors.
        """
        await self._append([MEMORY.marker("clear")])

    async def _append(self, turns: list[TurnInput]) -> int:
        run = None if self._run is None else self._run.run
        return (await self._ledger.append_turns(self._id, turns, run=run))[-1].turn_no

    async def _turns(self) -> list[Turn]:
        turns: list[Turn] = []
        while len(turns) % PAGE == 0:
            after = turns[-1].turn_no if turns else 0
            page = await self._ledger.session_turns(self._id, after=after, limit=PAGE)
            turns += page
            if not page:
                break
        return turns


def _turn(place: int, item: TResponseInputItem) -> TurnInput:
    try:
        json.dumps(item)
    except (TypeError, ValueError) as error:
        raise LedgerInputError(f"items[{place}]", f"is no JSON: {error}") from None
    return MEMORY.item(_role(cast(Mapping[str, Any], item)), text_of(item))


def _item(turn: Turn) -> TResponseInputItem:
    item: TResponseInputItem = json.loads(turn.content or "null")
    return item


def _role(item: Mapping[str, Any]) -> str:
    """Return who says an item: what a tool answered has a type that ends in ``_output``."""
    role = item.get("role")
    if role == "developer":
        return "system"
    if role in {"user", "system", "assistant"}:
        return str(role)
    return "tool" if str(item.get("type")).endswith("_output") else "assistant"


# Tracing -------------------------------------------------------------------------


class LedgerTracingProcessor(TracingProcessor):
    """Records what agents do, when their trace ends: ``add_trace_processor(...)``.

    Each agent span becomes one run: its model calls as turns, with their tokens, and its tool calls
    with arguments, results and errors. An agent that is called as a tool becomes a run below the
    one that called it. A trace with a ``group_id`` belongs to the conversation of that id; if it is
    a UUID, it is that of a session of the ledger. A ``Model`` of your own is seen if it opens a
    ``generation_span``, as those of the SDK do.

    It writes in a thread of its own, in the order of the traces, and never makes an agent wait.

    ``trace_id`` is the SDK's without its prefix; a ``span_id`` of the SDK has 24 digits, of which
    the ledger has the first 16, and a run all in its ``metadata``.

    Args:
        ledger: Where to. It must be open until :meth:`shutdown`.
        strict: Whether :meth:`force_flush` raises what could not be recorded, which is else logged.
            The SDK lets no error of a processor through: call it yourself.
    """

    def __init__(self, ledger: Ledger, *, strict: bool = False) -> None:
        self._recorder = Recorder(ledger, "openai-agents", strict=strict)
        self._strict = strict
        self._spans: dict[str, list[Span[Any]]] = {}
        self._writes: list[Future[None]] = []
        self._error: Exception | None = None
        self._lock = Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="muniment-tracing")

    def on_trace_start(self, trace: Trace) -> None:
        """Begin to collect."""
        with self._lock:
            self._spans[trace.trace_id] = []

    def on_trace_end(self, trace: Trace) -> None:
        """Have the trace recorded."""
        with self._lock:
            spans = self._spans.pop(trace.trace_id, [])
            self._writes = [write for write in self._writes if not write.done()]
            if spans:
                group = getattr(trace, "group_id", None) or trace.trace_id
                self._writes.append(self._writer.submit(self._record, str(group), spans))

    def on_span_start(self, span: Span[Any]) -> None:
        """Nothing is known of it yet."""

    def on_span_end(self, span: Span[Any]) -> None:
        """Collect the span, unless its trace is over."""
        with self._lock:
            if span.trace_id in self._spans:
                self._spans[span.trace_id].append(span)

    def force_flush(self) -> None:
        """Wait until all that has ended is recorded.

        Raises:
            MunimentError: What could not be recorded since the last call, the first of it, if
                ``strict`` is set.
        """
        with self._lock:
            writes = self._writes
        wait(writes)
        error, self._error = self._error, None
        if error is not None and self._strict:
            raise error

    def shutdown(self, timeout: float | None = None) -> None:
        """Wait until all that has ended is recorded; then nothing more is.

        Args:
            timeout: Not used: each write has its own limits of time.
        """
        self._writer.shutdown(wait=True)

    def _record(self, conversation: str, spans: list[Span[Any]]) -> None:
        try:
            self._recorder.record(conversation, _steps(spans))
        except MunimentError as error:
            LOGGER.error("openai-agents %s: not recorded: %s", spans[0].trace_id, error.message)
            self._error = self._error or error
        except Exception as error:
            LOGGER.exception("openai-agents %s: not recorded", spans[0].trace_id)
            self._error = self._error or error


def _steps(spans: list[Span[Any]]) -> list[Step]:
    steps = []
    # The model's call is over before the tools begin that it asked for, below the same span. Of
    # several calls, as where a model is tried that fails, the last one has asked.
    answers: dict[str | None, UUID] = {}
    for span in spans:
        data = span.span_data
        step = Step(
            key=f"{span.trace_id}:{span.span_id}",
            parent_key=f"{span.trace_id}:{span.parent_id}" if span.parent_id else None,
            started_at=_time(span.started_at),
            ended_at=_time(span.ended_at),
        )
        if isinstance(data, AgentSpanData):
            step.run = {
                "agent_name": data.name[:200] or "agent",
                "trace_id": _hexadecimal(span.trace_id, 32),
                "span_id": _hexadecimal(span.span_id, 16),
                "metadata": {"trace_id": span.trace_id[:200], "span_id": span.span_id[:200]},
            }
            if span.error is not None:
                step.run["status"] = "failed"
                step.run["error_type"] = "agent_error"
                step.run["error_message"] = _error(span)
        elif isinstance(data, GenerationSpanData | ResponseSpanData):
            answers[span.parent_id] = uuid7()
            _add_model_call(step, span, answers[span.parent_id])
        elif isinstance(data, FunctionSpanData):
            step.call = {
                "tool_name": data.name,
                "args": data.input,
                "result": None if data.output is None else text_of(data.output),
                "turn_id": answers.get(span.parent_id),
                "span_id": _hexadecimal(span.span_id, 16),
            }
            if span.error is not None:
                step.call["status"] = "failed"
                step.call["error_type"] = "tool_error"
                step.call["error_message"] = _error(span)
        steps.append(step)
    return steps


def _add_model_call(step: Step, span: Span[Any], turn_id: UUID) -> None:
    data = span.span_data
    asked: Any = data.input
    answered: Any
    if isinstance(data, ResponseSpanData):
        response = data.response
        answered = response.output if response is not None else None
        model = str(response.model) if response is not None else None
        response_id = response.id if response is not None else None
    else:
        answered, model, response_id = data.output, data.model, None
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    answer: TurnInput = {
        "turn_id": turn_id,
        "role": "assistant",
        "content": None if answered is None else text_of(answered),
        "content_format": "parts",
        "usage": _usage(data.usage),
        "response_id": response_id,
        "response_model": model,
        "latency_ms": int((step.ended_at - step.started_at).total_seconds() * 1000),
        "status": "complete" if span.error is None else "error",
    }
    step.turns = [*new_turns(asked or []), answer]
    step.facts = {"response_model": model}


def _usage(usage: Mapping[str, Any] | None) -> Usage | None:
    """Return the counts of a span; the names of the Responses API, or of Chat Completions."""
    usage = usage or {}
    given = usage.get("input_tokens_details") or usage.get("prompt_tokens_details") or {}
    taken = usage.get("output_tokens_details") or usage.get("completion_tokens_details") or {}
    return usage_of(
        {
            "input_tokens": usage.get("input_tokens", usage.get("prompt_tokens")),
            "output_tokens": usage.get("output_tokens", usage.get("completion_tokens")),
            "cache_read_tokens": given.get("cached_tokens"),
            "cache_write_tokens": given.get("cache_write_tokens"),
            "reasoning_tokens": taken.get("reasoning_tokens"),
        }
    )


def _error(span: Span[Any]) -> str | None:
    error = span.error or {"message": "", "data": None}
    details = (error["data"] or {}).get("error")
    return error_text(error["message"] if details is None else f"{error['message']}: {details}")


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "")


def _hexadecimal(name: str, digits: int) -> str | None:
    """Return the digits of an id such as ``trace_0af7...``, as many as W3C has."""
    found = name.rpartition("_")[2][:digits]
    with suppress(ValueError):
        int(found, 16)
        if len(found) == digits:
            return found.lower()
    return None

"""LangChain and LangGraph on the ledger: a message history, and a record of what agents do.

* :class:`LedgerChatMessageHistory` is a ``BaseChatMessageHistory``, as for
  ``RunnableWithMessageHistory``.
* :class:`LedgerCallbackHandler` goes into the ``callbacks`` of whatever is invoked.

Only ``langchain-core`` is needed; what is built on it calls the same callbacks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from threading import Lock
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.outputs import ChatGeneration, LLMResult

from muniment.errors import LedgerInputError, MunimentError
from muniment.integrations._memory import PAGE, Memory, remembered
from muniment.integrations._observed import (
    LOGGER,
    Recorder,
    Step,
    error_text,
    json_of,
    new_turns,
    text_of,
    usage_of,
)
from muniment.ledger import Ledger, OpenRun, Turn, TurnInput, uuid7

__all__ = ["LedgerCallbackHandler", "LedgerChatMessageHistory"]

MEMORY = Memory("langchain")

ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


class LedgerChatMessageHistory(BaseChatMessageHistory):
    """A message history that is a conversation of the ledger.

    Each message is one turn, with the JSON of :func:`message_to_dict` as its content; the messages
    of one call are appended together or not at all. The ledger is append-only: :meth:`clear`
    deletes nothing, but appends a turn that says so, and from then on :attr:`messages` leaves out
    what came before it. Turns that others have appended to the conversation are not messages.

    It raises what the ledger raises: an agent must not go on without its memory.

    Args:
        ledger: Where the conversation is.
        session_id: Which one, as ``ledger.open_session()`` answered it, or as text.
        run: The run that the messages belong to, and whose seal will cover them. Only then can a
            message be over 32,768 bytes, because an object on the shelf belongs to a run.
    """

    def __init__(
        self, ledger: Ledger, session_id: UUID | str, *, run: OpenRun | None = None
    ) -> None:
        self._ledger = ledger
        self._id = UUID(str(session_id))
        self._run = run

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The messages that are remembered, the oldest first.

        Raises:
            StoreError: The database refused.
            ShelfError: The shelf has not got a message, or another one than was recorded.
        """
        turns: list[Turn] = []
        while len(turns) % PAGE == 0:
            after = turns[-1].turn_no if turns else 0
            page = self._ledger.session_turns(self._id, after=after, limit=PAGE)
            turns += page
            if not page:
                break
        kept, _ = remembered(turns, MEMORY)
        return messages_from_dict([json.loads(turn.content or "null") for turn in kept])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages, all or none.

        Raises:
            LedgerInputError: A message is no JSON, or is large and belongs to no run.
            SessionClosed: The conversation is closed (MU104).
            LeaseLost: Another worker has the run (MU102).
            StoreError: The database refused.
            ShelfError: A large message could not be stored. Nothing was written.
        """
        if messages:
            self._append(
                [
                    MEMORY.item(ROLES.get(message.type, "assistant"), _json(place, message))
                    for place, message in enumerate(messages)
                ]
            )

    def clear(self) -> None:
        """Forget all messages.

        Raises:
            StoreError: As for :meth:`add_messages`, and so are the other errors.
        """
        self._append([MEMORY.marker("clear")])

    def _append(self, turns: list[TurnInput]) -> None:
        run = None if self._run is None else self._run.run
        self._ledger.append_turns(self._id, turns, run=run)


def _json(place: int, message: BaseMessage) -> str:
    try:
        return json_of(message_to_dict(message))
    except (TypeError, ValueError) as error:
        raise LedgerInputError(f"messages[{place}]", f"is no JSON: {error}") from None


# Callbacks -----------------------------------------------------------------------


@dataclass(slots=True)
class _Tree:
    """What happens within one call that nobody called.

    Attributes:
        conversation: Where it is to be recorded.
        steps: Each call by its id.
    """

    conversation: str | UUID
    steps: dict[UUID, Step] = field(default_factory=dict)


class LedgerCallbackHandler(BaseCallbackHandler):
    """Records what chains and agents do, when the outermost call is over.

    The outermost call becomes one run: the calls of models in it as turns, with the tokens of
    ``usage_metadata``, and the calls of tools with their inputs, outputs and errors. A chain or
    agent that a tool calls becomes a run below it; the chains between belong to the run that they
    are in, as do the models that a retriever asks. A model that is invoked by itself is a run too,
    whose operation is ``chat``; a tool or a retriever by itself is none.

    One handler may be used for many calls, from many threads.

    Args:
        ledger: Where to.
        session_id: The conversation, as ``ledger.open_session()`` answered it. Unless given, it is
            found by the ``thread_id`` or ``session_id`` of the configuration: that of a session of
            the ledger, or any other text. Without those each call is a conversation.
        strict: Whether what cannot be recorded is raised to who invoked it, and not just logged.
    """

    def __init__(
        self, ledger: Ledger, *, session_id: UUID | None = None, strict: bool = False
    ) -> None:
        self._recorder = Recorder(ledger, "langchain", strict=strict)
        self._session_id = session_id
        self._trees: dict[UUID, _Tree] = {}
        self._lock = Lock()
        self._strict = strict
        # Read by LangChain: whether it raises what this raises.
        self.raise_error = strict

    # Each method is documented by BaseCallbackHandler.

    def on_chain_start(  # noqa: D102
        self,
        serialized: Mapping[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **more: Any,
    ) -> None:
        step, tree = self._start(run_id, parent_run_id, more)
        called_by = tree.steps.get(parent_run_id) if parent_run_id is not None else None
        if not _is_within_run(tree, step) or (called_by is not None and called_by.call is not None):
            step.run = {"agent_name": _name(serialized, more)}
            step.turns = [{"role": "user", "content": text_of(inputs), "content_format": "parts"}]

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **more: Any) -> None:  # noqa: D102
        self._end(run_id)

    def on_chain_error(  # noqa: D102
        self, error: BaseException, *, run_id: UUID, **more: Any
    ) -> None:
        self._end(run_id, error)

    def on_chat_model_start(  # noqa: D102
        self,
        serialized: Mapping[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **more: Any,
    ) -> None:
        asked = [
            {"role": ROLES.get(message.type, message.type), "content": message.content}
            for message in messages[0]
        ]
        self._start_model(serialized, asked, run_id, parent_run_id, more)

    def on_llm_start(  # noqa: D102
        self,
        serialized: Mapping[str, Any] | None,
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **more: Any,
    ) -> None:
        asked = [{"role": "user", "content": prompt} for prompt in prompts]
        self._start_model(serialized, asked, run_id, parent_run_id, more)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **more: Any) -> None:  # noqa: D102
        step = self._found(run_id)
        if step is not None:
            _answer(step, response)
        self._end(run_id)

    def on_llm_error(  # noqa: D102
        self, error: BaseException, *, run_id: UUID, **more: Any
    ) -> None:
        step = self._found(run_id)
        if step is not None:
            step.turns.append({"role": "assistant", "status": "error"})
        self._end(run_id, error)

    def on_tool_start(  # noqa: D102
        self,
        serialized: Mapping[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        inputs: Mapping[str, Any] | None = None,
        tool_call_id: str | None = None,
        **more: Any,
    ) -> None:
        step, _ = self._start(run_id, parent_run_id, more)
        step.call = {
            "tool_name": _name(serialized, more),
            "args": input_str if inputs is None else text_of(inputs),
            "provider_call_id": tool_call_id,
        }

    def on_tool_end(self, output: Any, *, run_id: UUID, **more: Any) -> None:  # noqa: D102
        step = self._found(run_id)
        if step is not None and step.call is not None:
            if isinstance(output, ToolMessage):
                if output.status == "error":
                    step.call |= {"status": "failed", "error_type": "tool_error"}
                output = output.content
            step.call["result"] = text_of(output)
        self._end(run_id)

    def on_tool_error(  # noqa: D102
        self, error: BaseException, *, run_id: UUID, **more: Any
    ) -> None:
        self._end(run_id, error)

    def on_retriever_start(  # noqa: D102
        self,
        serialized: Mapping[str, Any] | None,
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **more: Any,
    ) -> None:
        # It has no row of its own; the models that it asks work for whoever retrieves.
        self._start(run_id, parent_run_id, more)

    def on_retriever_end(  # noqa: D102
        self, documents: Any, *, run_id: UUID, **more: Any
    ) -> None:
        self._end(run_id)

    def on_retriever_error(  # noqa: D102
        self, error: BaseException, *, run_id: UUID, **more: Any
    ) -> None:
        self._end(run_id)

    def _start(
        self, run_id: UUID, parent_run_id: UUID | None, more: Mapping[str, Any]
    ) -> tuple[Step, _Tree]:
        now = datetime.now(UTC)
        step = Step(str(run_id), str(parent_run_id) if parent_run_id else None, now, now)
        with self._lock:
            tree = self._trees.get(parent_run_id) if parent_run_id is not None else None
            if tree is None:
                known = more.get("metadata") or {}
                given = known.get("thread_id") or known.get("session_id") or run_id
                tree = _Tree(self._session_id or str(given))
            tree.steps[run_id] = step
            self._trees[run_id] = tree
        return step, tree

    def _start_model(
        self,
        serialized: Mapping[str, Any] | None,
        asked: list[dict[str, Any]],
        run_id: UUID,
        parent_run_id: UUID | None,
        more: Mapping[str, Any],
    ) -> None:
        step, tree = self._start(run_id, parent_run_id, more)
        step.turns = new_turns(asked)
        known = more.get("metadata") or {}
        facts = {
            "provider_name": known.get("ls_provider"),
            "request_model": known.get("ls_model_name"),
        }
        if not _is_within_run(tree, step):
            step.run = {"agent_name": _name(serialized, more), "operation": "chat"}
        step.facts = facts

    def _found(self, run_id: UUID) -> Step | None:
        with self._lock:
            tree = self._trees.get(run_id)
            return None if tree is None else tree.steps[run_id]

    def _end(self, run_id: UUID, error: BaseException | None = None) -> None:
        with self._lock:
            tree = self._trees.get(run_id)
            step = None if tree is None else tree.steps[run_id]
            if tree is None or step is None:
                return
            step.ended_at = datetime.now(UTC)
            is_outermost = next(iter(tree.steps)) == run_id
            if is_outermost:
                for known in tree.steps:
                    self._trees.pop(known, None)
        if error is not None:
            failed: Any = step.run if step.run is not None else step.call
            if failed is not None:
                failed |= _failure(error)
        if is_outermost:
            self._record(tree)

    def _record(self, tree: _Tree) -> None:
        try:
            self._recorder.record(tree.conversation, tree.steps.values())
        except MunimentError as error:
            if self._strict:
                raise
            LOGGER.error("langchain: not recorded: %s", error.message)


def _is_within_run(tree: _Tree, step: Step) -> bool:
    """Tell whether a step is a part of a chain's or model's work, which is a run."""
    above = step
    while above.parent_key is not None and UUID(above.parent_key) in tree.steps:
        above = tree.steps[UUID(above.parent_key)]
        if above.run is not None:
            return True
    return False


def _answer(step: Step, response: LLMResult) -> None:
    """Add what a model answered, which may be nothing."""
    generation = next(iter(chain.from_iterable(response.generations)), None)
    answer: TurnInput = {
        "turn_id": uuid7(),
        "role": "assistant",
        "content": None if generation is None else generation.text,
        "latency_ms": int((datetime.now(UTC) - step.started_at).total_seconds() * 1000),
    }
    message = generation.message if isinstance(generation, ChatGeneration) else None
    facts: dict[str, Any] = {}
    if isinstance(message, AIMessage):
        if message.tool_calls or not isinstance(message.content, str):
            answer["content"] = text_of(message_to_dict(message))
            answer["content_format"] = "parts"
        step.asked = [call["id"] or "" for call in message.tool_calls]
        about = message.response_metadata
        facts["response_model"] = about.get("model_name") or about.get("model")
        facts["finish_reason"] = about.get("finish_reason") or about.get("stop_reason")
        usage: Mapping[str, Any] = message.usage_metadata or {}
        given = usage.get("input_token_details") or {}
        taken = usage.get("output_token_details") or {}
        answer["usage"] = usage_of(
            {
                "input_tokens": usage.get("input_tokens"),
                "output_tokens": usage.get("output_tokens"),
                "cache_read_tokens": given.get("cache_read"),
                "cache_write_tokens": given.get("cache_creation"),
                "reasoning_tokens": taken.get("reasoning"),
            }
        )
        answer |= facts  # type: ignore[typeddict-item]
    step.turns.append(answer)
    step.facts = {**step.facts, **facts}


def _failure(error: BaseException) -> dict[str, Any]:
    """Return how something ended that an error has ended."""
    status = "failed"
    if isinstance(error, TimeoutError):
        status = "timed_out"
    elif isinstance(error, (asyncio.CancelledError, KeyboardInterrupt)):
        status = "cancelled"
    return {
        "status": status,
        "error_type": type(error).__qualname__,
        "error_message": error_text(error),
    }


def _name(serialized: Mapping[str, Any] | None, more: Mapping[str, Any]) -> str:
    name = more.get("name") or (serialized or {}).get("name")
    return str(name or "chain")[:200]

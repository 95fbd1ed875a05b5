"""What the ledger is given and what it answers: plain values, checked when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Required, TypedDict
from uuid import UUID

from muniment.errors import LedgerInputError

__all__ = [
    "AppendedTurn",
    "BegunCall",
    "RecordedTurn",
    "RequestedCall",
    "Run",
    "RunInput",
    "RunRecord",
    "SealCheck",
    "Session",
    "ToolCall",
    "ToolCallInput",
    "Turn",
    "TurnInput",
    "Usage",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a model counted. None is not reported, which is not 0.

    The counts are those of OpenTelemetry's semantic conventions for generative AI, in which the
    whole includes its parts: a provider that reports cached input beside the rest has to be added
    up first. Double counting is the commonest error in such accounts.

    Attributes:
        input_tokens: ``gen_ai.usage.input_tokens``, with what the cache read and wrote.
        output_tokens: ``gen_ai.usage.output_tokens``, with reasoning.
        cache_read_tokens: ``gen_ai.usage.cache_read.input_tokens``, a part of the input.
        cache_write_tokens: ``gen_ai.usage.cache_creation.input_tokens``, a part of the input.
        reasoning_tokens: ``gen_ai.usage.reasoning.output_tokens``, a part of the output.

    Raises:
        LedgerInputError: A count is no whole number from 0 on, or the parts are more than the
            whole.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse what the CHECKs of the ledger would refuse."""
        for name in USAGE:
            count = getattr(self, name)
            if count is not None and (type(count) is not int or not 0 <= count < 2**63):
                raise LedgerInputError(f"usage.{name}", f"{count!r} is no number of tokens")
        cached = (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)
        if cached > (self.input_tokens or 0):
            raise LedgerInputError(
                "usage.input_tokens",
                f"{self.input_tokens} is less than the {cached} that the cache read and wrote",
                hint="Input includes what the cache read and wrote: add them up.",
            )
        if (self.reasoning_tokens or 0) > (self.output_tokens or 0):
            raise LedgerInputError(
                "usage.output_tokens",
                f"{self.output_tokens} is less than the {self.reasoning_tokens} of reasoning",
                hint="Output includes reasoning: add it.",
            )

    def columns(self) -> dict[str, int | None]:
        """Return the columns that hold this, by name."""
        return {name: getattr(self, name) for name in USAGE}


USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


class TurnInput(TypedDict, total=False):
    """A message to record. ``role`` is required; the rest may be left out, or None.

    Keys:
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        content: The text, of any length and with any character. Over 32,768 bytes of UTF-8, or with
            a NUL or half of a surrogate pair in it, it goes to the shelf.
        content_format: ``text``, or ``parts`` for JSON of a provider's parts.
        usage: What the model call behind it used.
        cost_usd: What that cost: a Decimal in US dollars; None is not priced.
        latency_ms: How long that took, in milliseconds.
        status: ``complete``, ``partial`` (cut off) or ``error``.
        created_at: With its offset from UTC, and no more than 5 minutes ahead.
        metadata: Small facts, up to 8,192 bytes of JSON.
    """

    role: Required[str]
    content: str | None
    content_format: str
    usage: Usage | None
    cost_usd: Decimal | int | None
    latency_ms: int | None
    status: str
    turn_id: UUID
    created_at: datetime
    author_id: str | None
    response_id: str | None
    response_model: str | None
    finish_reason: str | None
    metadata: Mapping[str, Any]


class ToolCallInput(TypedDict, total=False):
    """A finished tool call to record. ``tool_name`` is required; the rest may be left out, or None.

    Keys:
        tool_name: A tool of the registry.
        tool_version: Its version; the active one if it is left out.
        args: The text of the arguments, as the model wrote it. As long as a turn's content may be.
        result: The text of the result, likewise.
        status: ``succeeded`` unless given.
        turn_id: The assistant's turn that asked for it.
        requested_at: With its offset from UTC; not before the run started.
        idempotency_key: The same key in a run is the same effect; up to 255 characters.
        external_ref: What the outside world calls the effect, such as the id of a message.
        cost_usd: A Decimal in US dollars; None is not priced.
    """

    tool_name: Required[str]
    tool_version: str | None
    args: str | None
    result: str | None
    status: str
    tool_call_id: UUID
    turn_id: UUID | None
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    provider_call_id: str | None
    idempotency_key: str | None
    error_type: str | None
    error_message: str | None
    is_error_retryable: bool | None
    child_run_id: UUID | None
    external_ref: str | None
    cost_usd: Decimal | int | None
    span_id: str | None


class RunInput(TypedDict, total=False):
    """A finished run to record. ``agent_name`` is required; the rest may be left out, or None.

    Keys:
        agent_name: ``gen_ai.agent.name``, up to 200 characters.
        idempotency_key: The same key in a firm is the same run; up to 255 characters.
        started_at: With its offset from UTC. Unless given: the earliest time that is given of
            anything in it, or now.
        ended_at: Likewise; unless given, now.
        status: ``succeeded`` unless given.
        usage: Unless given, the sums over the turns.
        cost_usd: A Decimal in US dollars; None is not priced.
        subject_type: What kind of thing it is about, as ``matter``; with ``subject_id``.
        actor_type: Who asked: ``user``, ``service``, ``schedule`` or ``agent``; with ``actor_id``.
        metadata: Small facts, up to 8,192 bytes of JSON.
    """

    agent_name: Required[str]
    run_id: UUID
    idempotency_key: str | None
    started_at: datetime
    ended_at: datetime
    status: str
    operation: str
    agent_version: str | None
    prompt_name: str | None
    prompt_version: str | None
    subject_type: str | None
    subject_id: str | None
    actor_type: str | None
    actor_id: str | None
    provider_name: str | None
    request_model: str | None
    response_model: str | None
    parent_run_id: UUID | None
    finish_reason: str | None
    error_type: str | None
    error_message: str | None
    is_error_retryable: bool | None
    usage: Usage | None
    cost_usd: Decimal | int | None
    price_ref: str | None
    first_token_ms: int | None
    trace_id: str | None
    span_id: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation, in which turns are numbered.

    Attributes:
        session_id: ``gen_ai.conversation.id``.
        last_turn_no: The number of the latest turn, 0 before the first.
        created_at: When it was opened first.
        is_new: Whether this call opened it; False: it was there.
    """

    session_id: UUID
    last_turn_no: int
    created_at: datetime
    is_new: bool


@dataclass(frozen=True, slots=True)
class Run:
    """A run, and the right of one worker to write below it.

    Attributes:
        run_id: Its id.
        started_at: When it started: its month is in the keys of its bodies.
        status: When this was answered. None: its month is archived.
        attempt_no: Which of the run's workers this is, from 1.
        worker_id: Who holds it; None while it is queued.
        is_new: Whether this call made it; False: it was there.
    """

    run_id: UUID
    started_at: datetime
    status: str | None
    attempt_no: int | None
    worker_id: str | None = None
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class AppendedTurn:
    """A turn that was appended, and its place in the conversation, from 1."""

    turn_id: UUID
    turn_no: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """An exchange that was recorded.

    Attributes:
        run_id: The run it became.
        started_at: When that started.
        last_turn_no: The number of the session's latest turn.
        seal_sha256: The seal over all of it, 32 bytes; None where there is none.
        is_new: Whether this call recorded it; False: it was there, as given.
    """

    run_id: UUID
    started_at: datetime
    last_turn_no: int
    seal_sha256: bytes | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class RequestedCall:
    """A tool call that was requested.

    Attributes:
        tool_call_id: The id of this attempt.
        requested_at: When it was requested; with the id, the key of its row.
        call_no: Its place among the calls of the run, from 1.
        attempt_no: Which attempt at this call it is, from 1.
        status: ``requested`` or ``waiting_approval``; another one when the key was known.
        approval_status: ``not_required``, ``pending``, or how it was decided.
        args_sha256: The hash of the arguments: what is approved, and what may run.
    """

    tool_call_id: UUID
    requested_at: datetime
    call_no: int
    attempt_no: int
    status: str
    approval_status: str
    args_sha256: bytes | None


@dataclass(frozen=True, slots=True)
class BegunCall:
    """What is to be done about a tool call.

    Attributes:
        action: ``run``: do it now. ``recorded``: it has ended, and this is how. ``unknown``: it
            runs, or was left running: its effect may have happened. ``denied``: nobody may do it.
        status: Of the call.
        result_storage: Where the result is, when it was recorded: ``inline``, ``s3`` or
            ``redacted``. None: it has none.
        result_inline: Its text.
        result_s3_key: The key of its object.
        result_sha256: Its hash.
        result_bytes: Its length in bytes of UTF-8.
    """

    action: str
    status: str
    result_storage: str | None = None
    result_inline: str | None = field(default=None, repr=False)
    result_s3_key: str | None = None
    result_sha256: bytes | None = None
    result_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A message, as it is in the ledger.

    Attributes:
        turn_id: Its id.
        turn_no: Its place in the conversation, from 1. Order by this, never by time.
        created_at: When it was made.
        run_id: The run that made or read it. None before any run.
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        author_id: Which one it was, as its own system names it.
        status: ``complete``, ``partial``, ``error`` or ``redacted``.
        response_model: The model that answered.
        finish_reason: Why it stopped.
        latency_ms: How long the model call took, in milliseconds.
        usage: The tokens of the model call behind it.
        cost_usd: Their price in US dollars. None when not priced.
        content_format: ``text`` or ``parts``.
        content: All of the text, proven against its hash; None when there is none, when it was
            redacted, or when it was not to be fetched from the shelf.
        content_storage: ``inline``, ``s3`` or ``redacted``; None when there is none.
        content_sha256: The hash of its bytes. It stays when the text is redacted.
        content_bytes: Its length in bytes of UTF-8.
        metadata: Small facts.
    """

    turn_id: UUID
    turn_no: int
    created_at: datetime
    run_id: UUID | None
    role: str
    author_id: str | None
    status: str
    response_model: str | None
    finish_reason: str | None
    latency_ms: int | None
    usage: Usage
    cost_usd: Decimal | None
    content_format: str
    metadata: dict[str, Any]
    content: str | None = field(repr=False)
    content_storage: str | None
    content_sha256: bytes | None
    content_bytes: int | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One attempt to call a tool, as it is in the ledger.

    Attributes:
        args: All of the text of the arguments; None as for :attr:`Turn.content`.
        result: All of the text of the result; likewise.
        cost_usd: In US dollars. None when not priced.

    The other attributes are the columns of ``agents.tool_call``: docs/schema/agents.md#tool-call.
    """

    tool_call_id: UUID
    call_no: int
    attempt_no: int
    turn_id: UUID | None
    provider_call_id: str | None
    tool_name: str
    tool_version: str
    idempotency_key: str | None
    status: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error_type: str | None
    error_message: str | None
    is_error_retryable: bool | None
    approval_status: str
    approval_expires_at: datetime | None
    approval_decided_by: str | None
    approval_decided_at: datetime | None
    approval_reason: str | None
    child_run_id: UUID | None
    external_ref: str | None
    cost_usd: Decimal | None
    args: str | None = field(repr=False)
    args_storage: str | None
    args_sha256: bytes | None
    args_bytes: int | None
    result: str | None = field(repr=False)
    result_storage: str | None
    result_sha256: bytes | None
    result_bytes: int | None


@dataclass(frozen=True, slots=True)
class SealCheck:
    """What came of comparing a run with its seal.

    Attributes:
        verdict: ``holds``; ``differs``; ``open``: the run has not ended; ``archived``: its month
            has left the database.
        table_name: Of the first row that differs.
        row_id: Its id.
        row_no: Its number: ``turn_no`` or ``call_no``, where it has one.
        reason: How it differs, or why there is nothing to compare.
    """

    verdict: str
    table_name: str | None
    row_id: UUID | None
    row_no: int | None
    reason: str | None

    @property
    def holds(self) -> bool:
        """Whether every row is as it was sealed."""
        return self.verdict == "holds"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, as it is in the ledger.

    Attributes:
        usage: The tokens of all its model calls.
        cost_usd: Their price in US dollars. None when not priced.
        first_token_ms: How long the first token took, in milliseconds.

    The other attributes are the columns of ``agents.agent_run``: docs/schema/agents.md#agent-run.
    """

    run_id: UUID
    started_at: datetime
    session_id: UUID | None
    parent_run_id: UUID | None
    root_run_id: UUID
    depth: int
    operation: str
    agent_name: str
    agent_version: str | None
    prompt_name: str | None
    prompt_version: str | None
    subject_type: str | None
    subject_id: str | None
    actor_type: str | None
    actor_id: str | None
    provider_name: str | None
    request_model: str | None
    response_model: str | None
    status: str
    attempt_no: int
    worker_id: str | None
    heartbeat_at: datetime | None
    lease_expires_at: datetime | None
    cancel_requested_at: datetime | None
    ended_at: datetime | None
    finish_reason: str | None
    error_type: str | None
    error_message: str | None
    is_error_retryable: bool | None
    usage: Usage
    cost_usd: Decimal | None
    price_ref: str | None
    first_token_ms: int | None
    trace_id: str | None
    span_id: str | None
    metadata: dict[str, Any]

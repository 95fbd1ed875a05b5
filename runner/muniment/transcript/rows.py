"""The rows that one record becomes. Pure: the same record of the same firm, the same rows.

*Identity.* All ids follow from the firm and the run's idempotency key, ``import:<digest>:<n>``, in
which n counts equal records of one file. So a repeat can add nothing, whether it comes from the
same file, from a longer version of it, or from a second importer at the same time.

*Status.* A transcript does not say how its run went. The run is ``succeeded`` when the last message
is the assistant's and every call of the record has an answer, else ``abandoned``. A call is
``succeeded`` with an answer and ``unknown`` without; no failure is guessed from a text.

*Times.* A turn has its own time, else that of the last turn before it that has one, else the start
of the run. A run lasts from the earliest to the latest time in its record; a record without any
takes the time that the caller gives. An answer that claims to be earlier than its call ends the
call at the time of the call; its turn keeps what it claims.

*Bodies.* A body that the register does not take is a row's claim check and a body for the shelf,
which is to be stored before the row is written.

*Tokens.* The counts of a run are those of its record, else the sum over the assistant's messages,
if all of them tell theirs.

What was decided stands in the ``metadata`` of the row under ``import``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID, uuid5

from muniment.errors import TranscriptError
from muniment.shelf.body import INLINE_BYTES, NewBody, StoredBody, place
from muniment.transcript.record import Message, Record, ToolCall, Usage

__all__ = ["Origin", "Row", "RunRows", "Subject", "rows_of"]

Row = dict[str, Any]

COUNTS = tuple(count.name for count in fields(Usage))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a conversation is about: ``Subject("matter", "2026-117")``."""

    subject_type: str
    subject_id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What the caller knows about the records of a file, and the records themselves do not tell.

    Attributes:
        file_name: Where they come from, for the metadata.
        agent_name: Whose runs they are.
        subject: What they are about.
        started_at: When the runs started whose records tell no time.
        provider: Who ran the model, where the record does not say.
        model: The model that was asked for, where the record does not say.
    """

    file_name: str
    agent_name: str = "imported"
    subject: Subject | None = None
    started_at: datetime | None = None
    provider: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of one record, as JSON objects with the names in ``queries/importer.sql``."""

    record: int
    key: str
    run_id: str
    run: Row
    turns: tuple[Row, ...]
    tool_calls: tuple[Row, ...]
    months: frozenset[str]
    """Every month that a row lies in, as ``YYYYMM`` in UTC."""
    tool_names: frozenset[str]
    row_count: int
    byte_count: int
    """Of the bodies."""
    shelved: tuple[NewBody, ...]
    """The bodies that rows name and do not hold."""


def rows_of(
    record: Record, *, firm_id: UUID, occurrence: int, origin: Origin, has_shelf: bool = False
) -> RunRows:
    """Return the rows of one record.

    Args:
        record: As read.
        firm_id: The tenant; other firms get other ids for the same record.
        occurrence: How often the file had this very record so far, from 1.
        origin: What the record itself does not tell.
        has_shelf: Whether bodies can go to the shelf.

    Raises:
        TranscriptError: No time is known, neither from the record nor from ``origin``; or a body
            has to go to the shelf, and there is none.
    """
    return _RecordRows(record, firm_id, occurrence, origin, has_shelf).all()


class _RecordRows:
    """What the rows of one record share."""

    def __init__(
        self, record: Record, firm_id: UUID, occurrence: int, origin: Origin, has_shelf: bool
    ) -> None:
        started_at = record.started_at or origin.started_at
        if started_at is None:
            raise TranscriptError(
                record.number,
                "it tells no time",
                hint="Give --started-at for the records that tell none.",
            )
        self.record = record
        self.origin = origin
        self.firm_id = firm_id
        self.has_shelf = has_shelf
        self.shelved: list[NewBody] = []
        self.started_at = started_at
        self.ended_at = record.ended_at or started_at
        self.key = f"import:{record.digest}:{occurrence}"
        self.namespace = uuid5(firm_id, self.key)
        self.run_id = self.id("run", 1)
        self.session_id = self.id("session", 1)
        self.times = tuple(self._turn_times())
        self.answering_tools = {call.answer_no: call.tool_name for call in record.tool_calls}

    def id(self, kind: str, number: int) -> str:
        """Return the id of one row; the same for ever."""
        return str(uuid5(self.namespace, f"{kind}:{number}"))

    def all(self) -> RunRows:
        """Return the rows."""
        turns = tuple(self._turn(message) for message in self.record.messages)
        calls = tuple(self._tool_call(call) for call in self.record.tool_calls)
        return RunRows(
            record=self.record.number,
            key=self.key,
            run_id=self.run_id,
            run=self._run(),
            turns=turns,
            tool_calls=calls,
            months=frozenset(map(_month, (self.started_at, *self.times))),
            tool_names=frozenset(call.tool_name for call in self.record.tool_calls),
            # A key, a run and a session.
            row_count=3 + len(turns) + len(calls),
            byte_count=sum(_body_bytes(row) for row in chain(turns, calls)),
            shelved=tuple(self.shelved),
        )

    def _turn_times(self) -> Iterator[datetime]:
        at = self.started_at
        for message in self.record.messages:
            at = message.at or at
            yield at

    def _time_of(self, message_no: int) -> datetime:
        return self.times[message_no - 1]

    def _run(self) -> Row:
        """Return the row of the run, which is also that of its key and of its session."""
        record, origin = self.record, self.origin
        answers = [message for message in record.messages if message.role == "assistant"]
        last_answer = answers[-1] if answers else None
        return {
            "run_id": self.run_id,
            "session_id": self.session_id,
            "idempotency_key": self.key,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "agent_name": origin.agent_name,
            **(asdict(origin.subject) if origin.subject else {}),
            "provider_name": record.provider or origin.provider,
            "request_model": record.model or origin.model,
            "response_model": last_answer.model if last_answer else None,
            "finish_reason": last_answer.finish_reason if last_answer else None,
            "status": self._status(),
            "turn_count": len(record.messages),
            "last_turn_at": self.times[-1].isoformat(),
            **_counts(_run_usage(record, answers)),
            "metadata": self._run_metadata(),
        }

    def _status(self) -> str:
        is_answered = all(call.answer_no is not None for call in self.record.tool_calls)
        is_last_word = self.record.messages[-1].role == "assistant"
        return "succeeded" if is_answered and is_last_word else "abandoned"

    def _run_metadata(self) -> Row:
        record = self.record
        facts: Row = {
            "file": self.origin.file_name,
            "record": record.number,
            "times": "started-at" if record.started_at is None else "record",
            "last_role": record.messages[-1].role,
            "open_calls": sum(call.answer_no is None for call in record.tool_calls),
        }
        if record.left_out:
            facts["left_out"] = record.left_out
        moved = [call.call_no for call in record.tool_calls if self._answers_too_early(call)]
        if moved:
            facts["answered_before_asked"] = moved
        return {"import": facts}

    def _turn(self, message: Message) -> Row:
        return {
            "turn_id": self.id("turn", message.message_no),
            "created_at": self._time_of(message.message_no).isoformat(),
            "session_id": self.session_id,
            "turn_no": message.message_no,
            "run_id": self.run_id,
            "run_started_at": self.started_at.isoformat(),
            "role": message.role,
            "author_id": message.name or self.answering_tools.get(message.message_no),
            "response_id": message.response_id,
            "response_model": message.model,
            "finish_reason": message.finish_reason,
            **_counts(message.usage),
            "content_format": message.content_format,
            **self._body("content", message.content, f"message {message.message_no}: content"),
            "metadata": self._turn_metadata(message),
        }

    def _turn_metadata(self, message: Message) -> Row:
        facts: Row = {}
        if message.given_role != message.role:
            facts["role"] = message.given_role
        if message.left_out:
            facts["left_out"] = message.left_out
        if message.role == "tool" and message.message_no not in self.answering_tools:
            facts["answers_no_call"] = True
        return {"import": facts} if facts else {}

    def _tool_call(self, call: ToolCall) -> Row:
        requested_at = self._time_of(call.message_no)
        ended_at = None
        if call.answer_no is not None:
            ended_at = max(self._time_of(call.answer_no), requested_at).isoformat()
        return {
            "tool_call_id": self.id("tool_call", call.call_no),
            "requested_at": requested_at.isoformat(),
            "run_id": self.run_id,
            "run_started_at": self.started_at.isoformat(),
            "turn_id": self.id("turn", call.message_no),
            "call_no": call.call_no,
            "provider_call_id": call.call_id,
            "tool_name": call.tool_name,
            "status": "unknown" if ended_at is None else "succeeded",
            "ended_at": ended_at,
            **self._body("args", call.arguments, f"call {call.call_no}: arguments"),
            **self._body("result", call.result, f"call {call.call_no}: result"),
        }

    def _body(self, name: str, text: str | None, what: str) -> Row:
        """Return the columns of a body; none when there is no body."""
        if text is None:
            return {}
        body = NewBody(text, name, self.firm_id, UUID(self.run_id), self.started_at)
        stored, _ = place(body)
        if not stored.is_inline:
            if not self.has_shelf:
                raise TranscriptError(
                    self.record.number,
                    f"{what} {_why_shelved(text, stored)}, and none is configured",
                    hint="`muniment up` starts a shelf; else name one with AGENTS_BUCKET_NAME.",
                )
            self.shelved.append(body)
        return {**stored.columns(name), f"{name}_sha256": f"\\x{stored.sha256.hex()}"}

    def _answers_too_early(self, call: ToolCall) -> bool:
        return call.answer_no is not None and (
            self._time_of(call.answer_no) < self._time_of(call.message_no)
        )


def _run_usage(record: Record, answers: Sequence[Message]) -> Usage:
    """Return the counts of the run: told for all of it, or the sum where nothing is missing."""
    if record.usage != Usage():
        return record.usage
    sums: dict[str, int] = {}
    for count in COUNTS:
        told = [getattr(message.usage, count) for message in answers]
        if told and None not in told:
            sums[count] = sum(told)
    return Usage(**sums)


def _counts(usage: Usage) -> Row:
    """Return the columns of the counts that were told."""
    counts = ((name, getattr(usage, name)) for name in COUNTS)
    return {name: count for name, count in counts if count is not None}


def _why_shelved(text: str, stored: StoredBody) -> str:
    """Say why a body cannot stay in the register."""
    if stored.byte_count > INLINE_BYTES:
        return f"is {stored.byte_count:,} bytes; more than {INLINE_BYTES:,} needs a shelf"
    what = "a NUL character" if "\0" in text else "half of a surrogate pair"
    return f"holds {what}, which PostgreSQL cannot store; it needs a shelf"


def _body_bytes(row: Row) -> int:
    return sum(row.get(f"{name}_bytes", 0) for name in ("content", "args", "result"))


def _month(at: datetime) -> str:
    return f"{at.year:04}{at.month:02}"

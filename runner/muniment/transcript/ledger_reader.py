"""Look at the runs of one firm, as muniment_reader: what ``muniment runs`` and ``show`` print."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from muniment._db import Connection
from muniment.errors import MunimentError, ShelfError
from muniment.queries import query
from muniment.shelf import INLINE_BYTES, KINDS, Shelf, StoredBody
from muniment.shelf.body import encode
from muniment.transcript.acting import READER, acting_as, fetch
from muniment.transcript.rows import Subject

__all__ = [
    "Body",
    "RunDetail",
    "RunNotFound",
    "RunSummary",
    "RunTimeline",
    "ToolCallDetail",
    "TurnDetail",
    "list_runs",
    "read_run",
]

PREVIEW_CHARACTERS = 500

# Shorter prefixes are more often a slip than a run: eight digits are what a uuid has before its
# first hyphen.
PREFIX = re.compile(r"[0-9a-f]{8,32}")

# So many of the runs that a prefix fits are named in the error.
NAMED_RUNS = 5


class RunNotFound(MunimentError):
    """The firm has no such run, or more than one that the given prefix fits."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the list of runs. Tokens and cost are None when they were not reported."""

    run_id: UUID
    started_at: datetime
    ended_at: datetime | None
    status: str
    agent_name: str
    subject_type: str | None
    subject_id: str | None
    provider_name: str | None
    request_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    turn_count: int
    tool_call_count: int


@dataclass(frozen=True, slots=True)
class Body:
    """A text of a turn or a call.

    Attributes:
        storage: ``inline`` or ``s3``.
        text: The text, or its beginning; None when only the shelf has it.
        s3_key: Where on the shelf it is.
        sha256: Of the whole text in UTF-8, in hex.
        bytes: Length of the whole text in UTF-8.
        problem: Why the shelf did not give it, if it was asked and did not.
    """

    storage: str
    text: str | None
    s3_key: str | None
    sha256: str
    bytes: int
    problem: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether ``text`` is all of it."""
        return self.text is not None and len(encode(self.text)) == self.bytes


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run. Tokens and cost are None when they were not reported."""

    run_id: UUID
    started_at: datetime
    ended_at: datetime | None
    session_id: UUID | None
    parent_run_id: UUID | None
    agent_name: str
    agent_version: str | None
    subject_type: str | None
    subject_id: str | None
    actor_type: str | None
    actor_id: str | None
    provider_name: str | None
    request_model: str | None
    response_model: str | None
    status: str
    finish_reason: str | None
    error_type: str | None
    error_message: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Decimal | None
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TurnDetail:
    """A turn of a run."""

    turn_id: UUID
    turn_no: int
    created_at: datetime
    role: str
    author_id: str | None
    status: str
    response_model: str | None
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: Decimal | None
    content_format: str
    metadata: dict[str, Any]
    content: Body | None


@dataclass(frozen=True, slots=True)
class ToolCallDetail:
    """An attempt of a run to call a tool."""

    tool_call_id: UUID
    call_no: int
    attempt_no: int
    turn_id: UUID | None
    provider_call_id: str | None
    tool_name: str
    tool_version: str
    status: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error_type: str | None
    error_message: str | None
    approval_status: str
    cost_usd: Decimal | None
    args: Body | None
    result: Body | None


@dataclass(frozen=True, slots=True)
class RunTimeline:
    """A run with its turns and its tool calls, each in their own order."""

    run: RunDetail
    turns: tuple[TurnDetail, ...]
    tool_calls: tuple[ToolCallDetail, ...]


def list_runs(
    connection: Connection,
    *,
    firm_id: UUID,
    limit: int,
    status: str | None = None,
    subject: Subject | None = None,
) -> list[RunSummary]:
    """Return the runs of a firm, the newest first.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_reader.
        firm_id: The tenant.
        limit: The most to return.
        status: Only those in this status.
        subject: Only those about this.

    Raises:
        AccessDenied: The login may not act as muniment_reader.
    """
    with acting_as(connection, READER, doing="list runs", firm_id=firm_id):
        found = fetch(
            connection,
            query("ledger.runs"),
            firm_id=firm_id,
            limit=limit,
            status=status,
            subject_type=subject.subject_type if subject else None,
            subject_id=subject.subject_id if subject else None,
        )
    return [RunSummary(**row) for row in found]


def read_run(
    connection: Connection,
    run: str,
    *,
    firm_id: UUID,
    whole_bodies: bool = False,
    shelf: Shelf | None = None,
) -> RunTimeline:
    """Return one run with its turns and tool calls.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_reader.
        run: The id, or its first hex digits, at least eight; hyphens do not count.
        firm_id: The tenant.
        whole_bodies: Read texts to their end, not only the first 500 characters.
        shelf: Where to fetch those that are not in the register; without one, and where it fails,
            they stay previews.

    Raises:
        RunNotFound: The firm has none or several that ``run`` fits, or the run's month has left.
        AccessDenied: The login may not act as muniment_reader.
    """
    first, last = _range_of(run)
    with acting_as(connection, READER, doing=f"show run {run}", firm_id=firm_id):
        keys = fetch(
            connection,
            query("ledger.keys_by_prefix"),
            firm_id=firm_id,
            first=first,
            last=last,
            limit=NAMED_RUNS + 1,
        )
        key = _only(keys, run)
        whose = {"firm_id": firm_id, "run_id": key["run_id"], "started_at": key["started_at"]}
        found = fetch(connection, query("ledger.run"), **whose)
        if not found:
            raise RunNotFound(f"run {key['run_id']}: it is no longer in this database")
        detail = RunDetail(**found[0])
        # An inline text has at most as many characters as bytes.
        characters = INLINE_BYTES if whole_bodies else PREVIEW_CHARACTERS
        turns = fetch(connection, query("ledger.turns"), **whose, characters=characters)
        calls = fetch(connection, query("ledger.tool_calls"), **whose, characters=characters)
    turns = [_with_bodies(row, "content") for row in turns]
    calls = [_with_bodies(row, "args", "result") for row in calls]
    if whole_bodies and shelf is not None:
        _fetch_bodies([*turns, *calls], shelf, firm_id)
    return RunTimeline(
        detail,
        tuple(TurnDetail(**row) for row in turns),
        tuple(ToolCallDetail(**row) for row in calls),
    )


def _range_of(run: str) -> tuple[UUID, UUID]:
    """Return the first and the last id that begins like this."""
    digits = run.replace("-", "").lower()
    if not PREFIX.fullmatch(digits):
        raise RunNotFound(
            f"run {run}: not the id of a run",
            hint="Give the whole id, or at least its first 8 hex digits; `muniment runs` has them.",
        )
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _only(keys: list[dict[str, Any]], run: str) -> dict[str, Any]:
    """Return the one key that was found."""
    if not keys:
        raise RunNotFound(f"run {run}: this firm has no such run")
    if len(keys) > 1:
        ids = ", ".join(str(key["run_id"]) for key in keys[:NAMED_RUNS])
        more = " and more" if len(keys) > NAMED_RUNS else ""
        raise RunNotFound(f"run {run}: several begin so: {ids}{more}", hint="Give more digits.")
    if keys[0]["archived_at"] is not None:
        raise RunNotFound(
            f"run {keys[0]['run_id']}: its month left the database at {keys[0]['archived_at']}"
        )
    return keys[0]


def _with_bodies(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Put the columns of each named body into one Body, or None where there is none."""
    for name in names:
        parts = {
            part: row.pop(f"{name}_{part}")
            for part in ("storage", "text", "s3_key", "sha256", "bytes")
        }
        row[name] = Body(**parts) if parts["storage"] is not None else None
    return row


def _fetch_bodies(rows: list[dict[str, Any]], shelf: Shelf, firm_id: UUID) -> None:
    """Put whole texts, or why there is none, into the bodies that are on the shelf."""
    places = [
        (row, name, row[name])
        for row in rows
        for name in KINDS
        if isinstance(row.get(name), Body) and row[name].storage == "s3"
    ]
    stored = [
        StoredBody("s3", None, body.s3_key, bytes.fromhex(body.sha256), body.bytes)
        for _, _, body in places
    ]
    found = shelf.fetch_many(stored, firm_id=firm_id, return_errors=True)
    for (row, name, body), text in zip(places, found, strict=True):
        if isinstance(text, ShelfError):
            row[name] = replace(body, problem=text.message)
        else:
            row[name] = replace(body, text=text)

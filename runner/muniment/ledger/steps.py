"""What takes more than one step, written once for code that blocks and for code under asyncio.

A function here is a generator: it yields what is to be done (:class:`Execute`, :class:`Store`,
:class:`Fetch`, :class:`Pause`), is sent the answer, or is thrown the error, and returns its result.
:class:`~muniment.Ledger` and :class:`~muniment.AsyncLedger` do those four things, each in its way,
and know nothing else; psycopg shares its own code between the two like this.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID

from muniment.errors import (
    Conflicted,
    ConnectFailed,
    LedgerInputError,
    NotThere,
    PartitionMissing,
    PoolTimedOut,
    RuleError,
    StoreError,
)
from muniment.ledger import checks
from muniment.ledger.calls import Call, Scope, arguments, needed, sql_of
from muniment.ledger.values import USAGE, RunRecord, SealCheck, ToolCall, Turn, Usage
from muniment.shelf import NewBody, StoredBody

__all__ = ["Effect", "Execute", "Fetch", "Pause", "Steps", "Store"]

R = TypeVar("R")

# Seconds before each further try, each longer by chance by up to as much again: who met once
# should not meet twice. Their sum is less than a heartbeat of the shortest usual lease.
PAUSES = (0.02, 0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Execute:
    """Send calls, and answer what each answered: one by itself, several as one transaction."""

    calls: Sequence[Call[Any]]


@dataclass(frozen=True, slots=True)
class Store:
    """Put bodies on the shelf."""

    bodies: Sequence[NewBody]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Answer the texts of bodies, proven."""

    bodies: Sequence[StoredBody]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


Effect = Execute | Store | Fetch | Pause
Steps = Generator[Effect, Any, R]


def perform(call: Call[R]) -> Steps[R]:
    """Have one call answered."""
    (answer,) = yield from perform_all([call])
    result: R = answer
    return result


def perform_all(calls: Sequence[Call[Any]]) -> Steps[list[Any]]:
    """Have calls answered, all or none; the objects first, the rows second.

    What was rolled back for another transaction's sake is sent again. When the connection was lost,
    nobody knows whether it was committed: then it is sent again only if all of it may be.
    """
    bodies = [body for call in calls for body in call.bodies]
    if bodies:
        yield Store(bodies)
    pauses = iter(PAUSES)
    is_month_made = False
    while True:
        try:
            answers: list[Any] = yield Execute(calls)
            return answers
        except PartitionMissing as error:
            if is_month_made:
                raise
            yield from _make_months(calls, error)
            is_month_made = True
        except (Conflicted, ConnectFailed) as error:
            pause = next(pauses, None)
            if pause is None or not _may_be_repeated(calls, error):
                raise
            yield Pause(pause * (1 + random.random()))  # noqa: S311


def _may_be_repeated(calls: Sequence[Call[Any]], error: StoreError) -> bool:
    if isinstance(error, PoolTimedOut):
        # It has waited long enough.
        return False
    return isinstance(error, Conflicted) or all(call.is_repeatable for call in calls)


def _make_months(calls: Sequence[Call[Any]], missing: PartitionMissing) -> Steps[None]:
    """Make the months that calls write to, if this login may act as the one who makes them."""
    months = sorted({_month(time) for call in calls for time in (*call.times, datetime.now(UTC))})
    making = [
        Call("acting as muniment_maintainer", sql_of("act_as_maintainer"), {}, len),
        *(
            Call(f"making {month:%Y-%m}", sql_of("ensure_month"), {"month": month}, len)
            for month in months
        ),
    ]
    try:
        yield Execute(making)
    except StoreError as error:
        told = ", ".join(f"{month:%Y-%m}" for month in months)
        missing.months = tuple(months)
        missing.message = f"{missing.message}: of {told}"
        missing.args = (missing.message,)
        missing.hint = (
            f"As a member of muniment_maintainer: SELECT agents.ensure_partitions('{months[0]}'); "
            f"this login cannot: {error.message}."
        )
        raise missing from error


def _month(time: datetime) -> date:
    return time.astimezone(UTC).date().replace(day=1)


# Reading -------------------------------------------------------------------------

_BODY = ("storage", "inline", "s3_key", "sha256", "bytes", "preview")


def _read(scope: Scope, doing: str, name: str, asked: Mapping[str, Any]) -> Steps[list[Any]]:
    """Return rows of a plain SELECT, in a transaction that names the tenant before it.

    All that is asked for is needed: to a comparison with NULL there are no rows, which would look
    like a run without calls.
    """
    values = {
        name: needed(name, value) for name, value in arguments(checks.PARAMETER, **asked).items()
    }
    tenant = {"firm_id": scope.firm_id}
    _, rows = yield from perform_all(
        [
            Call("naming the tenant", sql_of("set_tenant"), tenant, len, is_repeatable=True),
            Call(doing, sql_of(name), {**values, **tenant}, list, is_repeatable=True),
        ]
    )
    found: list[Any] = rows
    return found


def _texts(
    scope: Scope, columns: Sequence[Sequence[Any]], fetch_bodies: bool
) -> Steps[list[str | None]]:
    """Return the text of each body, given its six columns; those of the shelf several at once."""
    bodies: list[StoredBody | None] = []
    for row in columns:
        is_here = row[0] == "inline" or (row[0] == "s3" and fetch_bodies)
        values = {f"content_{part}": value for part, value in zip(_BODY, row, strict=True)}
        bodies.append(StoredBody.from_row(values, "content") if is_here else None)
    known = [body for body in bodies if body is not None]
    if any(not body.is_inline for body in known) and not scope.has_shelf:
        raise LedgerInputError(
            "shelf",
            "a body is on the shelf, and this ledger has none",
            hint="Give the ledger a shelf, or pass fetch_bodies=False.",
        )
    texts = iter((yield Fetch(known)) if known else ())
    return [None if body is None else next(texts) for body in bodies]


def session_turns(
    scope: Scope,
    /,
    session_id: UUID,
    *,
    after: int = 0,
    limit: int = 1_000,
    fetch_bodies: bool = True,
) -> Steps[list[Turn]]:
    """Return the turns of a conversation in their order, with their texts.

    Args:
        session_id: The conversation.
        after: The number of the turn to go on after; 0 begins with the first.
        limit: How many at most.
        fetch_bodies: Whether texts on the shelf are fetched, several at once; else they are None.

    Raises:
        ObjectDiffers: A text is not the one that was recorded.
        ObjectMissing: The shelf has not got it.
        ShelfError: The shelf refuses.
        StoreError: The database refuses.
    """
    given = {"session_id": session_id, "after": after, "limit": limit}
    rows = yield from _read(scope, "reading turns", "session_turns", given)
    texts = yield from _texts(scope, [row[18:24] for row in rows], fetch_bodies)
    return [
        Turn(*(*row[:10], _usage(row[10:15]), *row[15:18], text, row[18], *row[21:23]))
        for row, text in zip(rows, texts, strict=True)
    ]


def tool_calls(
    scope: Scope, /, run_id: UUID, *, fetch_bodies: bool = True
) -> Steps[list[ToolCall]]:
    """Return the calls of a run in their order, each attempt with its arguments and result.

    Args:
        run_id: The run.
        fetch_bodies: Whether texts on the shelf are fetched, several at once; else they are None.

    Raises:
        ObjectDiffers: As for :meth:`session_turns`, and so are the other errors.
    """
    rows = yield from _read(scope, "reading tool calls", "tool_calls", {"run_id": run_id})
    columns = [body for row in rows for body in (row[23:29], row[29:35])]
    texts = iter((yield from _texts(scope, columns, fetch_bodies)))
    return [
        ToolCall(*(*row[:23], next(texts), row[23], *row[26:28], next(texts), row[29], *row[32:34]))
        for row in rows
    ]


def get_run(scope: Scope, /, run_id: UUID) -> Steps[RunRecord]:
    """Return a run.

    Raises:
        NotThere: There is none of this firm, or its month is archived.
        StoreError: The database refuses.
    """
    rows = yield from _read(scope, "reading a run", "run", {"run_id": run_id})
    if not rows:
        raise _no_run(run_id)
    row = rows[0]
    return RunRecord(*(*row[:29], _usage(row[29:34]), *row[34:]))


def seal(scope: Scope, /, run_id: UUID) -> Steps[bytes | None]:
    """Return the seal of a run, 32 bytes; None if it is open, or not there.

    Keep it where the database's owner cannot reach: then the owner cannot change the run unseen.

    Raises:
        StoreError: The database refuses.
    """
    rows = yield from _read(scope, "reading a seal", "seal", {"run_id": run_id})
    return rows[0][0] if rows else None


def verify_seal(scope: Scope, /, run_id: UUID) -> Steps[SealCheck]:
    """Compare a run, as the database has it, with its seal.

    Bodies on the shelf are not read: :meth:`session_turns` and :meth:`tool_calls` prove those
    against hashes that the seal covers.

    Raises:
        NotThere: There is neither run nor seal (P0002).
        StoreError: The database refuses.
    """
    rows = yield from _read(scope, "verifying a seal", "verify_seal", {"run_id": run_id})
    return SealCheck(*rows[0])


def _no_run(run_id: UUID) -> RuleError:
    return NotThere(
        f"reading a run: run {run_id} is not there",
        sqlstate="P0002",
        hint="Look at firm and id, and whether its month is archived.",
    )


def _usage(counts: Sequence[int | None]) -> Usage:
    return Usage(**dict(zip(USAGE, counts, strict=True)))

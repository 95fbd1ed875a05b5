"""What can be asked of the ledger: for each method its SQL, parameters and answer. Pure.

A :class:`Call` is a value, made by the functions below, which are the methods of
:class:`~muniment.Ledger`, :class:`~muniment.AsyncLedger` and of their pipelines: those differ in
how a call is sent, and in nothing else. What is wrong with the arguments is found here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from time import time_ns
from typing import Any, Generic, TypeVar
from uuid import UUID

from muniment.errors import LedgerInputError
from muniment.ledger import checks
from muniment.ledger.checks import checked, to_json
from muniment.ledger.values import (
    AppendedTurn,
    BegunCall,
    RecordedTurn,
    RequestedCall,
    Run,
    RunInput,
    Session,
    ToolCallInput,
    TurnInput,
    Usage,
)
from muniment.queries import query
from muniment.shelf import NewBody, fits_inline, place

__all__ = ["LEASE", "Call", "Scope", "arguments", "needed", "sql_of", "uuid7"]

R = TypeVar("R")
Row = tuple[Any, ...]

# How long a worker may be silent before another may take its run.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a call is made, and how.

    Attributes:
        firm_id: The tenant.
        has_shelf: Whether there is a place for large bodies.
        is_deferred: Whether calls are collected, so that ids and times are made here: nothing waits
            for an answer.
    """

    firm_id: UUID
    has_shelf: bool = False
    is_deferred: bool = False


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One question to the ledger.

    Attributes:
        doing: What it is for, as a phrase; an error begins with it.
        sql: The statement.
        values: Its parameters, by name.
        read: Makes the answer of its rows.
        is_repeatable: Whether it may be sent again when nobody knows whether it was committed:
            because it only reads, or because a key, an id made here or the state of the row makes
            the second time find what the first one did.
        bodies: What has to be on the shelf before.
        times: Which months it may write to; none: that of now.
        expected: The answer, if it is known beforehand.
    """

    doing: str
    sql: bytes
    values: Mapping[str, Any]
    read: Callable[[Sequence[Row]], R]
    is_repeatable: bool = False
    bodies: Sequence[NewBody] = ()
    times: Sequence[datetime] = ()
    expected: R | None = None


def uuid7() -> UUID:
    """Return a UUID that is ordered by time: RFC 9562, section 5.7, with 6.2, method 3.

    48 bits of milliseconds, the version, 12 bits of the fraction of the millisecond, the variant,
    62 random bits: as ``platform.uuid_generate_v7()`` makes them.
    """
    milliseconds, rest = divmod(time_ns(), 1_000_000)
    random = int.from_bytes(os.urandom(8), "big") >> 2
    number = milliseconds << 80 | 7 << 76 | (rest * 4096 // 1_000_000) << 64 | 2 << 62 | random
    return UUID(int=number)


# Sessions ------------------------------------------------------------------------


def open_session(
    scope: Scope,
    /,
    *,
    session_id: UUID | None = None,
    idempotency_key: str | None = None,
    subject_type: str | None = None,
    subject_id: str | None = None,
    actor_type: str | None = None,
    actor_id: str | None = None,
    channel: str | None = None,
    title: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Call[Session]:
    """Open a conversation, or find the one that was opened with this key or id.

    Args:
        session_id: Made here unless given.
        idempotency_key: The same key in a firm is the same session; up to 255 characters.
        subject_type: What kind of thing it is about, as ``matter``; with ``subject_id``.
        subject_id: Which one, up to 200 characters.
        actor_type: Who opens it: ``user``, ``service``, ``schedule`` or ``agent``.
        actor_id: Which one, up to 200 characters.
        channel: Where it takes place, as ``web``.
        title: For people.
        metadata: Small facts, up to 8,192 bytes of JSON.

    Raises:
        LedgerInputError: An argument cannot be recorded.
        IdempotencyConflict: Key or id are those of another session (MU113).
        StoreError: The database refused.
    """
    given = arguments(
        checks.SESSION,
        session_id=session_id,
        idempotency_key=idempotency_key,
        subject_type=subject_type,
        subject_id=subject_id,
        actor_type=actor_type,
        actor_id=actor_id,
        channel=channel,
        title=title,
        metadata=metadata or {},
    )
    if idempotency_key is None and session_id is None:
        given["session_id"] = uuid7()
    expected = None
    if scope.is_deferred and given["session_id"] is not None:
        expected = Session(given["session_id"], 0, datetime.now(UTC), True)
    return Call(
        "opening a session",
        sql_of("open_session"),
        {**given, "firm_id": scope.firm_id, "metadata": to_json(given["metadata"])},
        lambda rows: Session(*rows[0]),
        is_repeatable=True,
        expected=expected,
    )


def close_session(scope: Scope, /, session_id: UUID) -> Call[datetime]:
    """Close a conversation for further turns, and return when it was closed first.

    Raises:
        NotThere: There is no such session (P0002).
        StoreError: The database refused.
    """
    given = arguments(checks.SESSION, session_id=session_id)
    return Call(
        "closing a session",
        sql_of("close_session"),
        {**given, "firm_id": scope.firm_id},
        _scalar,
        is_repeatable=True,
    )


# Runs ----------------------------------------------------------------------------


def start_run(
    scope: Scope,
    /,
    agent_name: str,
    *,
    session_id: UUID | None = None,
    worker_id: str | None = None,
    idempotency_key: str | None = None,
    run_id: UUID | None = None,
    started_at: datetime | None = None,
    parent_run_id: UUID | None = None,
    lease: timedelta = LEASE,
    operation: str = "invoke_agent",
    agent_version: str | None = None,
    prompt_name: str | None = None,
    prompt_version: str | None = None,
    subject_type: str | None = None,
    subject_id: str | None = None,
    actor_type: str | None = None,
    actor_id: str | None = None,
    provider_name: str | None = None,
    request_model: str | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Call[Run]:
    """Start a run with a worker, or queue one without; the same request again is the same run.

    Args:
        agent_name: ``gen_ai.agent.name``, up to 200 characters.
        session_id: The conversation that it belongs to.
        worker_id: Who does it; None leaves it in the queue, for :meth:`claim_run`.
        idempotency_key: The same key in a firm is the same run; up to 255 characters.
        run_id: Made here unless given.
        started_at: The database's clock unless given; up to 5 minutes ahead of it.
        parent_run_id: The run that starts this one as a subagent.
        lease: How long the worker may be silent, from 1 second to 1 day.
        operation: ``invoke_agent``, ``invoke_workflow`` or ``chat``.
        agent_version: ``gen_ai.agent.version``.
        prompt_name: ``gen_ai.prompt.name``.
        prompt_version: As the prompts' own store names it.
        subject_type: What kind of thing it is about, as ``matter``; with ``subject_id``.
        subject_id: Which one, up to 200 characters.
        actor_type: Who asks: ``user``, ``service``, ``schedule`` or ``agent``.
        actor_id: Which one, up to 200 characters.
        provider_name: ``gen_ai.provider.name``.
        request_model: ``gen_ai.request.model``.
        trace_id: W3C, 32 hexadecimal digits.
        span_id: W3C, 16 hexadecimal digits.
        metadata: Small facts, up to 8,192 bytes of JSON.

    Raises:
        LedgerInputError: An argument cannot be recorded.
        IdempotencyConflict: Key or id are those of another request (MU100).
        NotThere: There is no such session or parent (P0002).
        PartitionMissing: The month has no partition, and this login cannot make it.
        StoreError: The database refused.
    """
    given = arguments(
        checks.RUN,
        agent_name=needed("agent_name", agent_name),
        session_id=session_id,
        worker_id=worker_id,
        idempotency_key=idempotency_key,
        run_id=run_id or uuid7(),
        started_at=started_at or (datetime.now(UTC) if scope.is_deferred else None),
        parent_run_id=parent_run_id,
        lease=lease,
        operation=operation,
        agent_version=agent_version,
        prompt_name=prompt_name,
        prompt_version=prompt_version,
        subject_type=subject_type,
        subject_id=subject_id,
        actor_type=actor_type,
        actor_id=actor_id,
        provider_name=provider_name,
        request_model=request_model,
        trace_id=trace_id,
        span_id=span_id,
        metadata=metadata or {},
    )
    expected = None
    # A key may be that of a run that is there, with another id.
    if scope.is_deferred and idempotency_key is None:
        status = "running" if worker_id is not None else "queued"
        expected = Run(given["run_id"], given["started_at"], status, 1, worker_id)
    return Call(
        "starting a run",
        sql_of("start_run"),
        {**given, "firm_id": scope.firm_id, "metadata": to_json(given["metadata"])},
        lambda rows: Run(*(*rows[0][:4], worker_id, rows[0][4])),
        is_repeatable=True,
        times=_times(given["started_at"]),
        expected=expected,
    )


def claim_run(
    scope: Scope, /, run_id: UUID, worker_id: str, *, lease: timedelta = LEASE
) -> Call[Run]:
    """Take a run that is queued, or whose worker has been silent for longer than its lease.

    Args:
        run_id: The run.
        worker_id: Who takes it.
        lease: How long this worker may be silent, from 1 second to 1 day.

    Raises:
        LeaseLost: Its worker is alive (MU102).
        RunEnded: It has ended (MU101).
        NotThere: There is no such run (P0002).
        StoreError: The database refused.
    """
    given = arguments(
        checks.RUN, run_id=run_id, worker_id=needed("worker_id", worker_id), lease=lease
    )
    return Call(
        "claiming a run",
        sql_of("claim_run"),
        {**given, "firm_id": scope.firm_id},
        lambda rows: Run(*(*rows[0], worker_id, False)),
    )


def heartbeat(scope: Scope, /, run: Run, *, lease: timedelta = LEASE) -> Call[datetime | None]:
    """Say that the worker lives, and return when somebody asked to cancel; None: go on.

    Args:
        run: As :meth:`start_run` or :meth:`claim_run` answered it.
        lease: How long the worker may be silent from now on, from 1 second to 1 day.

    Raises:
        LeaseLost: Another worker has the run (MU102).
        RunEnded: It has ended (MU101).
        StoreError: The database refused.
    """
    given = arguments(checks.RUN, lease=lease)
    return Call(
        "heartbeat",
        sql_of("heartbeat"),
        {**given, **_held(scope, run)},
        _scalar,
        is_repeatable=True,
    )


def finish_run(
    scope: Scope,
    /,
    run: Run,
    status: str = "succeeded",
    *,
    finish_reason: str | None = None,
    error_type: str | None = None,
    error_message: str | None = None,
    is_error_retryable: bool | None = None,
    usage: Usage | None = None,
    cost_usd: Any = None,
    price_ref: str | None = None,
    response_model: str | None = None,
    first_token_ms: int | None = None,
    ended_at: datetime | None = None,
) -> Call[bytes]:
    """End a run, and return the seal over all its rows: 32 bytes.

    Args:
        run: As :meth:`start_run` or :meth:`claim_run` answered it.
        status: ``succeeded``, ``failed``, ``cancelled`` or ``timed_out``.
        finish_reason: The last of ``gen_ai.response.finish_reasons``.
        error_type: ``error.type``: a word to count by. A failed run needs one.
        error_message: What happened, up to 2,048 bytes of UTF-8.
        is_error_retryable: Whether trying again may help.
        usage: All tokens; unless given, the sums over the run's turns.
        cost_usd: A Decimal in US dollars; None is not priced.
        price_ref: Which price list that is of.
        response_model: ``gen_ai.response.model``.
        first_token_ms: ``gen_ai.response.time_to_first_chunk``, in milliseconds.
        ended_at: The database's clock unless given.

    Raises:
        LedgerInputError: An argument cannot be recorded.
        CallsOpen: A tool call is still open, so it did not succeed (MU115).
        LeaseLost: Another worker has the run (MU102).
        RunEnded: It has ended with another status (MU101).
        StoreError: The database refused.
    """
    given = arguments(
        checks.RUN,
        status=needed("status", status),
        finish_reason=finish_reason,
        error_type=error_type,
        error_message=error_message,
        is_error_retryable=is_error_retryable,
        usage=usage or Usage(),
        cost_usd=cost_usd,
        price_ref=price_ref,
        response_model=response_model,
        first_token_ms=first_token_ms,
        ended_at=ended_at,
    )
    return Call(
        "finishing a run",
        sql_of("finish_run"),
        {**given, **given.pop("usage").columns(), **_held(scope, run)},
        _scalar,
        is_repeatable=True,
    )


def request_cancel(scope: Scope, /, run_id: UUID) -> Call[str]:
    """Ask to stop a run, and return its status: one that was queued is cancelled at once.

    The worker hears of it with its next heartbeat. Of a run that has ended the answer is how.

    Raises:
        NotThere: There is no such run (P0002).
        StoreError: The database refused.
    """
    given = arguments(checks.RUN, run_id=run_id)
    return Call(
        "asking to cancel",
        sql_of("request_cancel"),
        {**given, "firm_id": scope.firm_id},
        _scalar,
        is_repeatable=True,
    )


# Turns ---------------------------------------------------------------------------


def append_turns(
    scope: Scope, /, session_id: UUID, turns: Sequence[TurnInput], *, run: Run | None = None
) -> Call[list[AppendedTurn]]:
    """Append messages to a conversation, numbered in the order given: all of them, or none.

    Not sent again when the connection is lost meanwhile, because a second time would append a
    second time; look with :meth:`session_turns`.

    Args:
        session_id: The conversation.
        turns: The messages; :class:`~muniment.ledger.TurnInput` says what each may have.
        run: The run that makes or reads them, as :meth:`start_run` answered it.

    Raises:
        LedgerInputError: A key or value cannot be recorded.
        SessionClosed: The session is not open (MU104).
        NotThere: There is no such session, or run (P0002).
        LeaseLost: Another worker has the run (MU102).
        RunEnded: It has ended (MU101).
        PartitionMissing: A month has no partition, and this login cannot make it.
        ShelfError: A body could not be stored. Nothing was written.
        StoreError: The database refused.
    """
    given = arguments(checks.SESSION, session_id=session_id)
    bodies: list[NewBody] = []
    owner = None if run is None else (run.run_id, run.started_at)
    rows = _turns(turns)
    _house_turns(scope, rows, owner, bodies)
    held = _held(scope, run) if run is not None else {**_NOT_HELD, "firm_id": scope.firm_id}
    return Call(
        "appending turns",
        sql_of("append_turns"),
        {**given, **held, "turns": to_json(rows)},
        lambda answered: [AppendedTurn(*row) for row in answered],
        bodies=bodies,
        times=[row["created_at"] for row in rows if "created_at" in row],
    )


def append_turn(
    scope: Scope,
    /,
    session_id: UUID,
    role: str,
    content: str | None = None,
    *,
    run: Run | None = None,
    **more: Any,
) -> Call[AppendedTurn]:
    """Append one message: see :meth:`append_turns`.

    Args:
        session_id: The conversation.
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        content: The text, of any length and with any character.
        run: The run that makes or reads it.
        more: What else :class:`~muniment.ledger.TurnInput` has.

    Raises:
        LedgerInputError: As for :meth:`append_turns`, and so are the other errors.
    """
    # The keys are checked like those of any other turn.
    turn: Any = {"role": role, "content": content, **more}
    several = append_turns(scope, session_id, [turn], run=run)
    return Call(
        "appending a turn",
        several.sql,
        several.values,
        lambda rows: AppendedTurn(*rows[0]),
        bodies=several.bodies,
        times=several.times,
    )


def record_turn(
    scope: Scope,
    /,
    session_id: UUID,
    run: RunInput,
    turns: Sequence[TurnInput],
    tool_calls: Sequence[ToolCallInput] = (),
) -> Call[RecordedTurn]:
    """Record a finished exchange, whole and sealed: the cheapest way to write a run.

    One statement and one commit. The same exchange again, under its ``run_id`` or
    ``idempotency_key``, is found and not written.

    Args:
        session_id: The conversation.
        run: What ran; :class:`~muniment.ledger.RunInput` says what it may have.
        turns: The messages, in order; see :class:`~muniment.ledger.TurnInput`.
        tool_calls: The calls, in order; see :class:`~muniment.ledger.ToolCallInput`.

    Raises:
        LedgerInputError: A key or value cannot be recorded.
        IdempotencyConflict: The key is that of another exchange (MU100).
        SessionClosed: The session is not open (MU104).
        ToolUnknown: There is no such tool, or no active version of it (MU105).
        NotThere: There is no such session (P0002).
        PartitionMissing: A month has no partition, and this login cannot make it.
        ShelfError: A body could not be stored. Nothing was written.
        StoreError: The database refused.
    """
    given = arguments(checks.SESSION, session_id=session_id)
    row = _row(checks.RUN, run, "run.", forbidden=_NOT_OF_FINISHED)
    needed("run.agent_name", row.get("agent_name"))
    calls = [
        _row(checks.CALL, call, f"tool_calls[{place}].", forbidden=_NOT_OF_RECORDED)
        for place, call in enumerate(tool_calls)
    ]
    turn_rows = _turns(turns)
    started_at = _complete(row, [*turn_rows, *calls])
    bodies: list[NewBody] = []
    owner = row["run_id"], started_at
    _house_turns(scope, turn_rows, owner, bodies)
    for index, call in enumerate(calls):
        needed(f"tool_calls[{index}].tool_name", call.get("tool_name"))
        for name in ("args", "result"):
            if name in call:
                _house(scope, call, name, f"tool_calls[{index}].", owner, bodies)
    times = [started_at]
    times += [turn["created_at"] for turn in turn_rows if "created_at" in turn]
    times += [call["requested_at"] for call in calls if "requested_at" in call]
    return Call(
        "recording a turn",
        sql_of("record_turn"),
        {
            **given,
            "firm_id": scope.firm_id,
            "run": to_json(row),
            "turns": to_json(turn_rows),
            "tool_calls": to_json(calls),
        },
        lambda rows: RecordedTurn(*rows[0]),
        is_repeatable=True,
        bodies=bodies,
        times=times,
    )


def _complete(run: dict[str, Any], parts: Sequence[Mapping[str, Any]]) -> datetime:
    """Give a run the id and the start that it lacks: it began no later than anything in it."""
    if "run_id" not in run:
        run["run_id"] = uuid7()
    if "started_at" not in run:
        known = [part[name] for part in (run, *parts) for name in _TIMES if name in part]
        run["started_at"] = min([datetime.now(UTC), *known])
    started_at: datetime = run["started_at"]
    if run.get("ended_at", started_at) < started_at:
        raise LedgerInputError("run.ended_at", f"{run['ended_at']} lies before run.started_at")
    return started_at


# Tool calls ----------------------------------------------------------------------


def request_tool_call(
    scope: Scope,
    /,
    run: Run,
    tool_name: str,
    args: str | None = None,
    *,
    tool_version: str | None = None,
    idempotency_key: str | None = None,
    tool_call_id: UUID | None = None,
    requested_at: datetime | None = None,
    provider_call_id: str | None = None,
    turn_id: UUID | None = None,
    span_id: str | None = None,
    approval_expires_at: datetime | None = None,
) -> Call[RequestedCall]:
    """Write down that the model asked for a call, before anything is done about it.

    A key that this run has used is that same call; one that failed and may be tried again, or whose
    effect is unknown and whose tool can bear it twice, gets a new attempt.

    Args:
        run: As :meth:`start_run` or :meth:`claim_run` answered it.
        tool_name: A tool of the registry.
        args: The text of the arguments, as the model wrote it, of any length.
        tool_version: Its version; the active one if it is left out.
        idempotency_key: The same key in a run is the same effect; up to 255 characters.
        tool_call_id: Made here unless given.
        requested_at: The database's clock unless given; up to 5 minutes ahead of it.
        provider_call_id: ``gen_ai.tool.call.id``; identifies nothing here.
        turn_id: The assistant's turn that asked for it.
        span_id: W3C, 16 hexadecimal digits.
        approval_expires_at: After this nobody can approve it any more.

    Raises:
        LedgerInputError: An argument cannot be recorded.
        ToolUnknown: There is no such tool, or no active version of it (MU105).
        IdempotencyConflict: The key is that of other arguments, or another tool (MU106).
        LeaseLost: Another worker has the run (MU102).
        RunEnded: It has ended (MU101).
        PartitionMissing: The month has no partition, and this login cannot make it.
        ShelfError: The arguments could not be stored. Nothing was written.
        StoreError: The database refused.
    """
    if scope.is_deferred and requested_at is None:
        requested_at = max(datetime.now(UTC), run.started_at)
    given = arguments(
        checks.CALL,
        tool_name=needed("tool_name", tool_name),
        args=args,
        tool_version=tool_version,
        idempotency_key=idempotency_key,
        tool_call_id=tool_call_id or uuid7(),
        requested_at=requested_at,
        provider_call_id=provider_call_id,
        turn_id=turn_id,
        span_id=span_id,
        approval_expires_at=approval_expires_at,
    )
    bodies: list[NewBody] = []
    _house_argument(scope, given, "args", run, bodies)
    expected = None
    # A key may be that of a call that is there, with another id.
    if scope.is_deferred and idempotency_key is None:
        expected = RequestedCall(
            given["tool_call_id"], given["requested_at"], 0, 1, "requested", "not_required", None
        )
    return Call(
        f"requesting {tool_name}",
        sql_of("request_tool_call"),
        {**given, **_held(scope, run)},
        lambda rows: RequestedCall(*rows[0]),
        is_repeatable=True,
        bodies=bodies,
        times=_times(requested_at),
        expected=expected,
    )


def decide_approval(
    scope: Scope,
    /,
    tool_call_id: UUID,
    requested_at: datetime,
    decision: str,
    *,
    decided_by: str,
    args_sha256: bytes,
    reason: str | None = None,
) -> Call[str]:
    """Approve or deny a call that waits, and return its new status.

    ``cancelled`` is the answer when it was too late.

    Args:
        tool_call_id: The call, as :class:`~muniment.errors.ApprovalPending` names it.
        requested_at: When it was requested; the key of its row has both.
        decision: ``approved`` or ``denied``.
        decided_by: Who decides, as their own system names them.
        args_sha256: The hash of the arguments that they have seen, 32 bytes.
        reason: Why, in their words.

    Raises:
        ApprovalDecided: Somebody has decided otherwise (MU108).
        ArgumentsDiffer: The arguments are others (MU109).
        NotThere: There is no such call (P0002).
        StoreError: The database refused.
    """
    given = arguments(
        checks.CALL,
        tool_call_id=needed("tool_call_id", tool_call_id),
        requested_at=needed("requested_at", requested_at),
        decision=needed("decision", decision),
        decided_by=needed("decided_by", decided_by),
        args_sha256=needed("args_sha256", args_sha256),
        reason=reason,
    )
    return Call(
        "deciding about a call",
        sql_of("decide_approval"),
        {**given, "firm_id": scope.firm_id},
        _scalar,
        is_repeatable=True,
    )


def begin_tool_call(
    scope: Scope, /, run: Run, call: RequestedCall, *, args_sha256: bytes | None = None
) -> Call[BegunCall]:
    """Write down that the tool begins to work, and hear whether it may.

    Not sent again when the connection is lost meanwhile: a call that runs is answered ``unknown``.

    Args:
        run: As :meth:`start_run` or :meth:`claim_run` answered it.
        call: As :meth:`request_tool_call` answered it.
        args_sha256: The hash of the arguments that the tool is about to get, 32 bytes.

    Raises:
        ApprovalPending: Nobody has decided yet (MU107).
        ArgumentsDiffer: These are not the arguments that were requested (MU109).
        LeaseLost: Another worker has the run (MU102).
        StoreError: The database refused.
    """
    given = arguments(checks.CALL, args_sha256=args_sha256)
    return Call(
        "beginning a call",
        sql_of("begin_tool_call"),
        {**given, **_named(call), **_held(scope, run)},
        lambda rows: BegunCall(*rows[0]),
        expected=BegunCall("run", "running") if scope.is_deferred else None,
    )


def finish_tool_call(
    scope: Scope,
    /,
    run: Run,
    call: RequestedCall,
    status: str = "succeeded",
    result: str | None = None,
    *,
    error_type: str | None = None,
    error_message: str | None = None,
    is_error_retryable: bool | None = None,
    external_ref: str | None = None,
    cost_usd: Any = None,
    child_run_id: UUID | None = None,
    ended_at: datetime | None = None,
) -> Call[str]:
    """Write down what became of a call, and return its status.

    Args:
        run: As :meth:`start_run` or :meth:`claim_run` answered it.
        call: As :meth:`request_tool_call` answered it.
        status: ``succeeded``, ``failed``, ``timed_out``, ``cancelled``, or ``unknown``: the effect
            may have happened.
        result: The text of the result, of any length.
        error_type: ``error.type``: a word to count by. A failed call needs one.
        error_message: What happened, up to 2,048 bytes of UTF-8.
        is_error_retryable: Whether the same key may be requested again.
        external_ref: What the outside world calls the effect, such as the id of a message.
        cost_usd: A Decimal in US dollars; None is not priced.
        child_run_id: The run of a subagent that was called as a tool.
        ended_at: The database's clock unless given.

    Raises:
        LedgerInputError: An argument cannot be recorded.
        CallEnded: It has ended otherwise, or never began (MU110).
        LeaseLost: Another worker has the run (MU102).
        ShelfError: The result could not be stored. Nothing was written.
        StoreError: The database refused.
    """
    given = arguments(
        checks.CALL,
        status=needed("status", status),
        result=result,
        error_type=error_type,
        error_message=error_message,
        is_error_retryable=is_error_retryable,
        external_ref=external_ref,
        cost_usd=cost_usd,
        child_run_id=child_run_id,
        ended_at=ended_at,
    )
    bodies: list[NewBody] = []
    _house_argument(scope, given, "result", run, bodies)
    return Call(
        "finishing a call",
        sql_of("finish_tool_call"),
        {**given, **_named(call), **_held(scope, run)},
        _scalar,
        is_repeatable=True,
        bodies=bodies,
    )


# Between the calls and the tables ------------------------------------------------

_TIMES = ("created_at", "requested_at", "started_at", "ended_at")
_NOT_HELD = {"run_id": None, "worker_id": None, "attempt_no": None}
# Keys that the tables know, and that a finished run or call does not have.
_NOT_OF_FINISHED = frozenset({"session_id", "worker_id", "lease"})
_NOT_OF_RECORDED = frozenset(
    {"args_sha256", "approval_expires_at", "decision", "decided_by", "reason"}
)


@cache
def sql_of(name: str) -> bytes:
    """Return the SQL of a call."""
    return query(f"calls.{name}")


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _times(time: datetime | None) -> list[datetime]:
    return [] if time is None else [time]


def needed(field: str, value: Any) -> Any:
    """Return a value, unless it is None."""
    if value is None:
        raise LedgerInputError(field, "is needed")
    return value


def arguments(table: Mapping[str, checks.Check], **values: Any) -> dict[str, Any]:
    """Return arguments as they are to be sent, None where there is none."""
    found = checked(table, values)
    return {name: found.get(name) for name in values}


def _row(
    table: Mapping[str, checks.Check],
    row: Mapping[str, Any],
    where: str,
    *,
    forbidden: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return a row as it is to be sent, with the columns of its usage."""
    found = checked(table, row, where)
    if not forbidden.isdisjoint(found):
        name = min(forbidden.intersection(found))
        raise LedgerInputError(f"{where}{name}", "is not known")
    usage = found.pop("usage", None)
    if usage is not None:
        found |= {name: count for name, count in usage.columns().items() if count is not None}
    return found


def _turns(turns: Sequence[TurnInput]) -> list[dict[str, Any]]:
    rows = []
    for index, turn in enumerate(turns):
        rows.append(_row(checks.TURN, turn, f"turns[{index}]."))
        needed(f"turns[{index}].role", rows[-1].get("role"))
    if not rows:
        raise LedgerInputError("turns", "has none")
    return rows


def _house_turns(
    scope: Scope,
    rows: Sequence[dict[str, Any]],
    owner: tuple[UUID, datetime] | None,
    bodies: list[NewBody],
) -> None:
    for index, row in enumerate(rows):
        if "content" in row:
            _house(scope, row, "content", f"turns[{index}].", owner, bodies)


def _house(
    scope: Scope,
    row: dict[str, Any],
    name: str,
    where: str,
    owner: tuple[UUID, datetime] | None,
    bodies: list[NewBody],
) -> None:
    """Leave a body in its row, or put its key there and the body among those for the shelf."""
    text = row[name]
    if fits_inline(text):
        return
    if owner is None or not scope.has_shelf:
        needs = "a run" if owner is None else "a shelf, and this ledger has none"
        raise LedgerInputError(
            f"{where}{name}",
            f"is not kept inline, so it needs {needs}",
            hint="Up to 32,768 bytes of UTF-8 without NUL and lone surrogates are kept inline.",
        )
    body = NewBody(text, name, scope.firm_id, *owner)
    stored, _ = place(body)
    del row[name]
    row[f"{name}_s3_key"] = stored.s3_key
    row[f"{name}_sha256"] = stored.sha256
    row[f"{name}_bytes"] = stored.byte_count
    row[f"{name}_preview"] = stored.preview
    bodies.append(body)


def _house_argument(
    scope: Scope, given: dict[str, Any], name: str, run: Run, bodies: list[NewBody]
) -> None:
    """Do so with a body that is an argument, whose columns are all sent."""
    if given[name] is not None:
        _house(scope, given, name, "", (run.run_id, run.started_at), bodies)
    for part in ("", "_s3_key", "_sha256", "_bytes", "_preview"):
        given.setdefault(f"{name}{part}", None)


def _held(scope: Scope, run: Run) -> dict[str, Any]:
    """Return what says that a worker has a run."""
    if not isinstance(run, Run):
        raise LedgerInputError("run", f"is {type(run).__name__}, not a Run")
    return {
        "firm_id": scope.firm_id,
        "run_id": run.run_id,
        "worker_id": run.worker_id,
        "attempt_no": run.attempt_no,
    }


def _named(call: RequestedCall) -> dict[str, Any]:
    """Return the key of a call's row."""
    if not isinstance(call, RequestedCall):
        raise LedgerInputError("call", f"is {type(call).__name__}, not a RequestedCall")
    return {"tool_call_id": call.tool_call_id, "requested_at": call.requested_at}

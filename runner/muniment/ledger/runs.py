"""What happens in the block of a run, and of a tool call, and what is known meanwhile."""

from __future__ import annotations

import json
import os
import socket
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

from muniment.errors import (
    ApprovalDenied,
    ApprovalPending,
    CallEnded,
    CallsOpen,
    EffectUnknown,
    LeaseLost,
    LedgerInputError,
    MunimentError,
    NotThere,
    RunEnded,
)
from muniment.ledger import calls
from muniment.ledger.calls import LEASE, Call, Scope
from muniment.ledger.checks import error_text
from muniment.ledger.steps import Fetch, Steps, get_run, perform
from muniment.ledger.values import AppendedTurn, RequestedCall, Run, TurnInput, Usage
from muniment.shelf import StoredBody

__all__ = [
    "CallCore",
    "RunCore",
    "arguments_text",
    "current",
    "refuse_as_tool",
    "result_text",
    "result_value",
    "worker_name",
]

R = TypeVar("R")

# Three chances to be heard before the lease is over.
BEATS_IN_A_LEASE = 3
# When a run waits for people, the next worker should not have to wait for this one's lease.
SHORTEST_LEASE = timedelta(seconds=1)

INTERRUPTIONS = (CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)


def worker_name() -> str:
    """Return a name that no other worker has: host, process, and 8 random hexadecimal digits."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{os.urandom(4).hex()}"


class RunCore:
    """A run that one worker has, from its start to its end.

    Args:
        scope: For whom.
        opening: The call that gives the run to this worker.
        worker_id: Who that is.
        lease: How long it may be silent.
        session_id: The conversation, if it is known.
        run_id: The id that was made here, which nobody else can know.
        is_own_name: Whether the worker's name was made here, so that no other has it.
    """

    def __init__(
        self,
        scope: Scope,
        opening: Call[Run],
        *,
        worker_id: str,
        lease: timedelta,
        session_id: UUID | None = None,
        run_id: UUID | None = None,
        is_own_name: bool = False,
    ) -> None:
        self.scope = scope
        self.lease = lease
        self.session_id = session_id
        self.cancel_requested_at: datetime | None = None
        self.seal: bytes | None = None
        self.lost: MunimentError | None = None
        self._opening = opening
        self._worker_id = worker_id
        self._is_own_name = is_own_name
        self._own_run_id = run_id
        self._run: Run | None = None
        self._alive_until = 0.0

    @classmethod
    def starting(
        cls,
        make: Callable[..., Call[Run]],
        scope: Scope,
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> RunCore:
        """Return the core of a run that is to be started, as :func:`calls.start_run` takes it."""
        given = dict(options)
        is_own_name = not given.get("worker_id")
        given["worker_id"] = given.get("worker_id") or worker_name()
        own = calls.uuid7() if given.get("run_id") is None else None
        given["run_id"] = own or given["run_id"]
        return cls(
            scope,
            make(scope, *arguments, **given),
            worker_id=given["worker_id"],
            lease=given.get("lease", LEASE),
            session_id=given.get("session_id"),
            run_id=own,
            is_own_name=is_own_name,
        )

    @classmethod
    def resuming(
        cls,
        scope: Scope,
        run_id: UUID,
        *,
        worker_id: str | None = None,
        lease: timedelta = LEASE,
    ) -> RunCore:
        """Take a run that is queued, waits, or was lost by its worker, and go on with it.

        Args:
            run_id: The run.
            worker_id: Who takes it; a name that no other has, unless given.
            lease: How long it may be silent, from 1 second to 1 day; it beats three times as often.

        Raises:
            LeaseLost: Its worker is alive (MU102).
            RunEnded: It has ended (MU101).
            NotThere: There is no such run (P0002).
            StoreError: The database refused.
        """
        name = worker_id or worker_name()
        opening = _claim(scope, run_id, name, lease, is_own_name=worker_id is None)
        return cls(scope, opening, worker_id=name, lease=lease, is_own_name=worker_id is None)

    @property
    def run(self) -> Run:
        """The run, while this worker has it.

        Raises:
            LeaseLost: It has not.
        """
        if self.lost is not None:
            raise LeaseLost(
                f"run {self.run_id}: the lease is lost: {self.lost.message}",
                sqlstate="MU102",
                hint="Drop the work: somebody else does it, or has ended it.",
            ) from self.lost
        return self._opened()

    @property
    def run_id(self) -> UUID:
        """Its id, whoever has it."""
        return self._opened().run_id

    @property
    def is_beating(self) -> bool:
        """Whether there is a lease to renew."""
        return self.lost is None and self.seal is None

    def _opened(self) -> Run:
        if self._run is None:
            raise LedgerInputError("run", "is not open", hint="Use it inside of its `with` block.")
        return self._run

    def open(self) -> Steps[None]:
        """Get the run for this worker."""
        asked_at = monotonic()
        run = yield from perform(self._opening)
        if not run.is_new and self._opening.doing != "claiming a run":
            # Its own start may have been committed without an answer, and was sent again.
            if run.run_id != self._own_run_id:
                run = yield from perform(
                    _claim(
                        self.scope,
                        run.run_id,
                        self._worker_id,
                        self.lease,
                        is_own_name=self._is_own_name,
                    )
                )
        elif not run.is_new:
            self.session_id = (yield from get_run(self.scope, run.run_id)).session_id
        self._run = run
        self._alive_until = asked_at + self.lease.total_seconds()

    def beat(self) -> Steps[None]:
        """Say that the worker lives; hear whether it is to stop, and whether it has the run."""
        asked_at = monotonic()
        try:
            beat = calls.heartbeat(self.scope, self.run, lease=self.lease)
            self.cancel_requested_at = yield from perform(beat)
        except (LeaseLost, RunEnded, NotThere) as error:
            self.lost = error
        except MunimentError as error:
            # The next beat may be heard; after the lease it would come too late.
            if monotonic() >= self._alive_until:
                self.lost = error
        else:
            self._alive_until = asked_at + self.lease.total_seconds()

    def append_turns(self, turns: list[TurnInput]) -> Steps[list[AppendedTurn]]:
        """Append messages of this run to its conversation, all or none.

        Raises:
            LeaseLost: The worker has not got the run any more.
            LedgerInputError: The run belongs to no session, or a turn cannot be recorded.
            StoreError: As for ``Ledger.append_turns``.
        """
        session_id = self._session()
        answer = yield from perform(calls.append_turns(self.scope, session_id, turns, run=self.run))
        return answer

    def append_turn(
        self, /, role: str, content: str | None = None, **more: Any
    ) -> Steps[AppendedTurn]:
        """Append one message of this run to its conversation.

        Args:
            role: ``system``, ``user``, ``assistant`` or ``tool``.
            content: The text, of any length and with any character.
            more: What else :class:`~muniment.ledger.TurnInput` has, such as ``usage``.

        Raises:
            LeaseLost: As for :meth:`append_turns`, and so are the other errors.
        """
        session_id = self._session()
        answer = yield from perform(
            calls.append_turn(self.scope, session_id, role, content, run=self.run, **more)
        )
        return answer

    def finish(
        self,
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
    ) -> Steps[bytes]:
        """End the run now, and return its seal; the end of the block then has nothing to do.

        Args:
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

        Raises:
            CallsOpen: A tool call is still open, so it did not succeed (MU115).
            LeaseLost: The worker has not got the run any more.
            StoreError: The database refused.
        """
        self.seal = yield from perform(
            calls.finish_run(
                self.scope,
                self.run,
                status,
                finish_reason=finish_reason,
                error_type=error_type,
                error_message=error_message,
                is_error_retryable=is_error_retryable,
                usage=usage,
                cost_usd=cost_usd,
                price_ref=price_ref,
                response_model=response_model,
                first_token_ms=first_token_ms,
            )
        )
        return self.seal

    def end(self, error: BaseException | None) -> Steps[None]:
        """End the run as its block ended. An error of the block is never hidden by one of this."""
        if self.seal is not None:
            return
        if error is None:
            try:
                yield from self.finish()
            except CallsOpen as still_open:
                yield from self._end_badly("failed", still_open)
                raise
        elif _is_pending(error):
            yield from _noted(error, self._let_go())
        elif isinstance(error, INTERRUPTIONS):
            yield from self._end_badly("cancelled", error)
        else:
            yield from self._end_badly("failed", error)

    def _end_badly(self, status: str, error: BaseException) -> Steps[None]:
        ending = self.finish(status, error_type=_type(error), error_message=error_text(error))
        yield from _noted(error, ending)

    def _let_go(self) -> Steps[None]:
        yield from perform(calls.heartbeat(self.scope, self.run, lease=SHORTEST_LEASE))

    def _session(self) -> UUID:
        if self.session_id is None:
            raise LedgerInputError("session_id", "this run belongs to no session")
        return self.session_id


def _claim(
    scope: Scope, run_id: UUID, worker_id: str, lease: timedelta, *, is_own_name: bool
) -> Call[Run]:
    """Return the call that takes a run.

    A worker may take its own run again. If no other has its name, that can only be because the
    first answer was lost, and nothing was done in between.
    """
    claim = calls.claim_run(scope, run_id, worker_id, lease=lease)
    return replace(claim, is_repeatable=is_own_name)


class CallCore:
    """A tool call, from the request to its outcome."""

    def __init__(
        self,
        run: RunCore,
        tool_name: str,
        args: str | None = None,
        *,
        idempotency_key: str | None = None,
        tool_version: str | None = None,
        provider_call_id: str | None = None,
        turn_id: UUID | None = None,
        span_id: str | None = None,
        approval_expires_at: datetime | None = None,
    ) -> None:
        """Record a tool call around what the tool does: ``with run.tool_call(...) as call:``.

        On the way in the call is requested and begun. If its key has succeeded before,
        ``call.is_recorded`` is true and ``call.result`` is the result of then: nothing is to be
        done. On the way out the call is recorded as succeeded, unless ``call.finish`` did more; an
        exception makes it failed, a TimeoutError timed out. An interruption makes it unknown,
        because the effect may have happened, and so does a result that cannot be recorded, because
        it has. One that was left because a call within it waits for approval may be tried again
        under its key.

        Args:
            tool_name: A tool of the registry.
            args: The text of the arguments, as the model wrote it, of any length.
            idempotency_key: The same key in a run is the same effect; up to 255 characters. A call
                that may have to wait for approval needs one, to be found again.
            tool_version: Its version; the active one if it is left out.
            provider_call_id: ``gen_ai.tool.call.id``; identifies nothing here.
            turn_id: The assistant's turn that asked for it.
            span_id: W3C, 16 hexadecimal digits.
            approval_expires_at: After this nobody can approve it any more.

        Raises:
            ApprovalPending: Somebody has to decide first. Leave the run, which then waits; whoever
                resumes it after the decision comes to this call again.
            ApprovalDenied: Somebody decided against it.
            EffectUnknown: It was under way when a worker was lost. Look at the outside world.
            CallEnded: It failed before under this key, and not so that it may be tried again: see
                ``is_error_retryable`` of ``call.finish`` (MU110).
            ToolUnknown: There is no such tool, or no active version of it (MU105).
            IdempotencyConflict: The key is that of other arguments, or another tool (MU106).
            LeaseLost: The worker has not got the run any more.
            StoreError: The database refused.
        """
        self.call: RequestedCall | None = None
        self.is_recorded = False
        self.has_worked = False
        self.result: str | None = None
        self._run = run
        self._is_open = False
        self._request = (tool_name, args)
        self._options = {
            "idempotency_key": idempotency_key,
            "tool_version": tool_version,
            "provider_call_id": provider_call_id,
            "turn_id": turn_id,
            "span_id": span_id,
            "approval_expires_at": approval_expires_at,
        }

    def open(self) -> Steps[None]:
        """Request and begin the call, or find out why not."""
        scope, run = self._run.scope, self._run.run
        request: Any = calls.request_tool_call(scope, run, *self._request, **self._options)  # type: ignore[arg-type]
        call: RequestedCall = yield from perform(request)
        self.call = call
        if call.status == "waiting_approval":
            raise _pending(call, self._request[0])
        begun = yield from perform(calls.begin_tool_call(scope, run, call))
        if begun.action == "unknown":
            raise EffectUnknown(
                f"{self._request[0]}: call {call.tool_call_id}: its effect may have happened",
                tool_call_id=call.tool_call_id,
                hint="It was under way when its worker was lost. Ask the outside world.",
            )
        if begun.action == "denied":
            raise ApprovalDenied(
                f"{self._request[0]}: call {call.tool_call_id}: denied",
                tool_call_id=call.tool_call_id,
            )
        if begun.action == "recorded" and begun.status != "succeeded":
            raise CallEnded(
                f"{self._request[0]}: call {call.tool_call_id}: has ended before as {begun.status}",
                sqlstate="MU110",
                hint="Use another key, or record a failure with is_error_retryable=True.",
            )
        self.is_recorded = begun.action == "recorded"
        self._is_open = not self.is_recorded
        if begun.result_storage == "inline":
            self.result = begun.result_inline
        elif begun.result_storage == "s3":
            stored = StoredBody(
                "s3", None, begun.result_s3_key, begun.result_sha256 or b"", begun.result_bytes or 0
            )
            (self.result,) = yield Fetch([stored])

    def finish(
        self,
        result: str | None = None,
        *,
        status: str = "succeeded",
        external_ref: str | None = None,
        cost_usd: Any = None,
        child_run_id: UUID | None = None,
        error_type: str | None = None,
        error_message: str | None = None,
        is_error_retryable: bool | None = None,
    ) -> Steps[str]:
        """Record what became of the call, and return its status.

        Args:
            result: The text of the result, of any length.
            status: ``succeeded``, ``failed``, ``timed_out``, ``cancelled``, or ``unknown``: the
                effect may have happened.
            external_ref: What the outside world calls the effect, such as the id of a message.
            cost_usd: A Decimal in US dollars; None is not priced.
            child_run_id: The run of a subagent that was called as a tool.
            error_type: ``error.type``: a word to count by. A failed call needs one.
            error_message: What happened, up to 2,048 bytes of UTF-8.
            is_error_retryable: Whether the same key may be requested again.

        Raises:
            CallEnded: It has ended otherwise (MU110).
            LeaseLost: The worker has not got the run any more.
            StoreError: The database refused.
        """
        if self.call is None:
            raise LedgerInputError("call", "is not open", hint="Use it inside of its `with` block.")
        self.has_worked = self.has_worked or status == "succeeded"
        answer = yield from perform(
            calls.finish_tool_call(
                self._run.scope,
                self._run.run,
                self.call,
                status,
                result,
                external_ref=external_ref,
                cost_usd=cost_usd,
                child_run_id=child_run_id,
                error_type=error_type,
                error_message=error_message,
                is_error_retryable=is_error_retryable,
            )
        )
        self._is_open = False
        self.result = result
        return answer

    def end(self, error: BaseException | None) -> Steps[None]:
        """End the call as its block ended. An error of the block is never hidden by one of this."""
        if not self._is_open:
            return
        if error is None:
            yield from self.finish(self.result)
            return
        status = "failed"
        # To say of what was done that it failed would have it done twice.
        if self.has_worked or isinstance(error, (EffectUnknown, *INTERRUPTIONS)):
            status = "unknown"
        elif isinstance(error, TimeoutError):
            status = "timed_out"
        ending = self.finish(
            status=status,
            error_type=_type(error),
            error_message=error_text(error),
            # It left for an approval of what it called, and comes again after that.
            is_error_retryable=True if _is_pending(error) else None,
        )
        yield from _noted(error, ending)


def _noted(error: BaseException, steps: Steps[Any]) -> Steps[None]:
    """Take steps because of an error, which is raised even if they fail, and then says so."""
    try:
        yield from steps
    except MunimentError as failed:
        error.add_note(f"muniment: this could not be recorded: {failed.message}")


def _is_pending(error: BaseException) -> bool:
    """Tell whether a block was left for an approval; tasks of a group are left together."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(ApprovalPending)[1] is None
    return isinstance(error, ApprovalPending)


def _pending(call: RequestedCall, tool_name: str) -> ApprovalPending:
    pending = ApprovalPending(
        f"{tool_name}: call {call.tool_call_id}: waits for approval",
        sqlstate="MU107",
        hint="Let somebody decide with decide_approval(), then resume the run.",
    )
    pending.tool_call_id = call.tool_call_id
    pending.requested_at = call.requested_at
    pending.args_sha256 = call.args_sha256
    return pending


def _type(error: BaseException) -> str:
    return type(error).__qualname__


# Functions as tools --------------------------------------------------------------


def current(variable: ContextVar[R]) -> R:
    """Return the run that is under way.

    Raises:
        LedgerInputError: None is.
    """
    run = variable.get(None)
    if run is None:
        raise LedgerInputError("run", "a tool was called outside of a run")
    return run


def refuse_as_tool(function: Callable[..., Any], *, is_awaited: bool) -> None:
    """Refuse a function whose result would not be there when it returns.

    Raises:
        LedgerInputError: It is a generator, or a coroutine function that nobody would await.
    """
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        raise LedgerInputError("function", "is a generator, which has no one result to record")
    if iscoroutinefunction(function) and not is_awaited:
        raise LedgerInputError(
            "function", "is a coroutine function", hint="Make it a tool of an AsyncLedger."
        )


def arguments_text(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str:
    """Return the arguments of a function as JSON, by their names.

    Raises:
        LedgerInputError: They are no JSON.
    """
    bound = signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return _json("args", bound.arguments)


def result_text(value: Any) -> str:
    """Return the result of a function as JSON.

    Raises:
        LedgerInputError: It is no JSON.
    """
    return _json("result", value)


def result_value(text: str | None) -> Any:
    """Return what a recorded result stands for; None when it was redacted."""
    return None if text is None else json.loads(text)


def _json(field: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerInputError(field, f"is no JSON: {error}") from None

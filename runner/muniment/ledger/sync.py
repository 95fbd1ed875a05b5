"""The ledger for code that may block."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import update_wrapper, wraps
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from muniment._pool import Pool, execute, leave_to_parent, make_pool
from muniment.errors import LedgerInputError, MunimentError
from muniment.ledger import calls, steps
from muniment.ledger.batch import Batch
from muniment.ledger.calls import Call, Scope
from muniment.ledger.runs import (
    BEATS_IN_A_LEASE,
    CallCore,
    RunCore,
    arguments_text,
    current,
    refuse_as_tool,
    result_text,
    result_value,
)
from muniment.ledger.steps import Effect, Execute, Fetch, Steps, Store, perform
from muniment.ledger.values import Run
from muniment.shelf import Shelf

__all__ = ["Ledger", "OpenCall", "OpenRun", "Pipeline"]

P = ParamSpec("P")
R = TypeVar("R")

_current: ContextVar[OpenRun] = ContextVar("muniment.ledger.run")


def _asked(
    make: Callable[Concatenate[Scope, P], Call[R]],
) -> Callable[Concatenate[Ledger, P], R]:
    def method(self: Ledger, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._take(perform(make(self._scope, *args, **kwargs)))

    update_wrapper(method, make)
    return method


def _stepped(
    make: Callable[Concatenate[Scope, P], Steps[R]],
) -> Callable[Concatenate[Ledger, P], R]:
    def method(self: Ledger, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._take(make(self._scope, *args, **kwargs))

    update_wrapper(method, make)
    return method


def _starting(
    make: Callable[Concatenate[Scope, P], Call[Run]],
) -> Callable[Concatenate[Ledger, P], OpenRun]:
    def run(self: Ledger, /, *args: P.args, **kwargs: P.kwargs) -> OpenRun:
        """Start a run around the work of a block: see :class:`OpenRun`."""
        return OpenRun(self, RunCore.starting(make, self._scope, args, kwargs))

    return run


def _resuming(
    make: Callable[Concatenate[Scope, P], RunCore],
) -> Callable[Concatenate[Ledger, P], OpenRun]:
    def resume(self: Ledger, /, *args: P.args, **kwargs: P.kwargs) -> OpenRun:
        return OpenRun(self, make(self._scope, *args, **kwargs))

    update_wrapper(resume, make)
    return resume


class Ledger:
    """The ledger of one firm. Safe to share between threads, and with a process that is forked.

    It is opened when it is first used, and closed by :meth:`close` or at the end of a ``with``
    block; from then on it refuses, unless it is entered again. For the other firms of a process:
    :meth:`for_firm`.

    Each method is one transaction, in one round trip, and leaves nothing on its connection, so that
    a pooler in transaction mode will do. What is rolled back for another transaction's sake is
    tried again, up to three times within two seconds; after a lost connection only what a second
    time cannot do twice.

    Args:
        database: A libpq connection string or URI, or a pool of the caller's, which stays the
            caller's to close, and must not be taken into a process that is forked. The login acts
            as ``muniment_app``.
        firm_id: The tenant.
        shelf: Where large bodies go. Without one, what is not kept inline is refused.
        pool_size: How many connections there are at most, if the pool is made here.
    """

    def __init__(
        self,
        database: str | Pool,
        *,
        firm_id: UUID,
        shelf: Shelf | None = None,
        pool_size: int = 4,
    ) -> None:
        if not isinstance(firm_id, UUID):
            raise LedgerInputError("firm_id", f"is {type(firm_id).__name__}, not a UUID")
        self._scope = Scope(firm_id, shelf is not None)
        self._shelf = shelf
        self._dsn = database if isinstance(database, str) else ""
        self._is_own = isinstance(database, str)
        self._size = pool_size
        self._pool = None if isinstance(database, str) else database
        self._parent: Ledger | None = None
        self._lock = Lock()
        self._is_closed = False

    def __enter__(self) -> Ledger:
        """Return it, open again if it was closed."""
        self._is_closed = False
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections that were made here."""
        with self._lock:
            self._is_closed = self._is_own
            if self._is_own and self._pool is not None:
                self._pool.close()
                self._pool = None

    @property
    def firm_id(self) -> UUID:
        """The tenant."""
        return self._scope.firm_id

    def for_firm(self, firm_id: UUID) -> Ledger:
        """Return the ledger of another firm, over the same connections and the same shelf.

        It has nothing to close; it works as long as this one is open.
        """
        other = Ledger("", firm_id=firm_id, shelf=self._shelf)
        other._parent = self
        return other

    # Each is documented where it is described: muniment/ledger/calls.py, steps.py and runs.py.
    open_session = _asked(calls.open_session)
    close_session = _asked(calls.close_session)
    start_run = _asked(calls.start_run)
    claim_run = _asked(calls.claim_run)
    heartbeat = _asked(calls.heartbeat)
    finish_run = _asked(calls.finish_run)
    request_cancel = _asked(calls.request_cancel)
    append_turns = _asked(calls.append_turns)
    append_turn = _asked(calls.append_turn)
    record_turn = _asked(calls.record_turn)
    request_tool_call = _asked(calls.request_tool_call)
    decide_approval = _asked(calls.decide_approval)
    begin_tool_call = _asked(calls.begin_tool_call)
    finish_tool_call = _asked(calls.finish_tool_call)
    session_turns = _stepped(steps.session_turns)
    tool_calls = _stepped(steps.tool_calls)
    get_run = _stepped(steps.get_run)
    seal = _stepped(steps.seal)
    verify_seal = _stepped(steps.verify_seal)
    run = _starting(calls.start_run)
    resume = _resuming(RunCore.resuming)

    def pipeline(self) -> Pipeline:
        """Collect calls in a block, and send them together at its end: all or none.

        The methods are those of the ledger. Each returns a :class:`~muniment.ledger.Reply`, whose
        ``expected`` has what the following calls need, and whose ``result`` is there after the
        block. An exception in the block sends nothing.
        """
        return Pipeline(self)

    def tool(
        self,
        name: str | None = None,
        *,
        idempotency_key: Callable[..., str] | None = None,
        tool_version: str | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Make a function a tool of whichever run of this thread it is called in.

        Another thread has no run, unless it was given a copy of this one's context
        (:func:`contextvars.copy_context`). See :meth:`OpenRun.tool`.
        """
        return _tool(lambda: current(_current), name, idempotency_key, tool_version)

    # What steps ask for -----------------------------------------------------------

    def _take(self, taking: Steps[R]) -> R:
        """Take steps to their end, and return the result."""
        try:
            effect = next(taking)
            while True:
                try:
                    answer = self._do(effect)
                except MunimentError as error:
                    effect = taking.throw(error)
                else:
                    effect = taking.send(answer)
        except StopIteration as end:
            result: R = end.value
            return result

    def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Execute):
            rows = execute(
                self._pool or self._opened(),
                [(call.doing, call.sql, call.values) for call in effect.calls],
            )
            return [call.read(found) for call, found in zip(effect.calls, rows, strict=True)]
        if isinstance(effect, Store):
            return cast(Shelf, self._shelf).store_many(effect.bodies)
        if isinstance(effect, Fetch):
            if self._shelf is None:
                return [body.inline for body in effect.bodies]
            return self._shelf.fetch_many(effect.bodies, firm_id=self.firm_id)
        time.sleep(effect.seconds)
        return None

    def _opened(self) -> Pool:
        if self._parent is not None:
            return self._parent._pool or self._parent._opened()
        with self._lock:
            if self._is_closed:
                raise LedgerInputError("ledger", "is closed")
            if self._pool is None:
                self._pool = make_pool(self._dsn, size=self._size)
                leave_to_parent(self)
            return self._pool

    def _leave_pool(self) -> Pool | None:
        pool, self._pool, self._lock = self._pool, None, Lock()
        return pool


class Pipeline(Batch):
    """Calls that are sent together when the block ends: see :meth:`Ledger.pipeline`."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger._scope)
        self._ledger = ledger

    def __enter__(self) -> Pipeline:
        """Begin to collect."""
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send what was collected, unless the block failed."""
        self._ledger._take(self._end(kind))


def _of_run(
    make: Callable[Concatenate[RunCore, P], Steps[R]],
) -> Callable[Concatenate[OpenRun, P], R]:
    def method(self: OpenRun, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._ledger._take(make(self._core, *args, **kwargs))

    update_wrapper(method, make)
    return method


def _calling(
    make: Callable[Concatenate[RunCore, P], CallCore],
) -> Callable[Concatenate[OpenRun, P], OpenCall]:
    def tool_call(self: OpenRun, /, *args: P.args, **kwargs: P.kwargs) -> OpenCall:
        return OpenCall(self._ledger, make(self._core, *args, **kwargs))

    tool_call.__doc__ = CallCore.__init__.__doc__
    return tool_call


class OpenRun:
    """A run around the work of a block: ``with ledger.run("MatterChatAgent", ...) as run:``.

    It takes what :meth:`Ledger.start_run` takes; ``worker_id`` is a name that no other worker has,
    unless given. On the way in the run is started, or taken over if its key is known and nobody has
    it. Meanwhile it beats by itself, three times a lease, over a connection of the pool. On the way
    out it has succeeded; after an exception it has failed, with the exception's class as its
    ``error_type``, and after KeyboardInterrupt or CancelledError it was cancelled. After
    ApprovalPending, or a group of nothing else, it stays open and waits for :meth:`Ledger.resume`.

    Raises:
        LeaseLost: Another worker has it (MU102); or, by the next call in the block, has got it.
        RunEnded: It was started under this key before, and has ended (MU101).
        LedgerInputError: An argument cannot be recorded.
        StoreError: The database refused.
    """

    def __init__(self, ledger: Ledger, core: RunCore) -> None:
        self._ledger = ledger
        self._core = core
        self._stop = Event()
        self._thread = Thread(target=self._beat, name="muniment-heartbeat", daemon=True)
        self._token: Token[OpenRun] | None = None

    def __enter__(self) -> OpenRun:
        """Start the run, and its heart."""
        self._ledger._take(self._core.open())
        self._thread.start()
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the run as the block has ended."""
        # A block may be left in another context than it was entered in, as that of a generator.
        if self._token is not None:
            with suppress(ValueError):
                _current.reset(self._token)
        # The last beat first: after the end it would find the run lost, and undo a shortened lease.
        self._stop.set()
        self._thread.join()
        self._ledger._take(self._core.end(error))

    @property
    def run(self) -> Run:
        """The run, as the methods of the ledger take it.

        Raises:
            LeaseLost: The worker has not got it any more.
        """
        return self._core.run

    @property
    def run_id(self) -> UUID:
        """Its id, also after the end and when the lease is lost."""
        return self._core.run_id

    @property
    def is_cancel_requested(self) -> bool:
        """Whether somebody asked to stop, as of the latest heartbeat."""
        return self._core.cancel_requested_at is not None

    @property
    def seal(self) -> bytes | None:
        """The seal, 32 bytes, when the run has ended."""
        return self._core.seal

    append_turn = _of_run(RunCore.append_turn)
    append_turns = _of_run(RunCore.append_turns)
    finish = _of_run(RunCore.finish)
    tool_call = _calling(CallCore)

    def tool(
        self,
        name: str | None = None,
        *,
        idempotency_key: Callable[..., str] | None = None,
        tool_version: str | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Make a function a tool of this run: each call of it is recorded, with its result.

        Arguments and result are recorded as JSON, by the names of the parameters. Under a key that
        has succeeded in this run before, the function is not called: the recorded result is
        returned, as JSON gives it back.

        Args:
            name: The tool in the registry; the function's name unless given.
            idempotency_key: Makes the key of the arguments; without it every call is a new one.
            tool_version: Its version; the active one if it is left out.

        Raises:
            LedgerInputError: The function is a generator or a coroutine function.
            ApprovalPending: From the function: somebody has to decide first.
            EffectUnknown: From the function: it may have had its effect already.
            LedgerInputError: From the function: the arguments are no JSON; or the result is none,
                or cannot be recorded, and the function has worked: the call is ``unknown``.
        """
        return _tool(lambda: self, name, idempotency_key, tool_version)

    def _beat(self) -> None:
        seconds = self._core.lease.total_seconds() / BEATS_IN_A_LEASE
        while not self._stop.wait(seconds) and self._core.is_beating:
            self._ledger._take(self._core.beat())


def _of_call(
    make: Callable[Concatenate[CallCore, P], Steps[R]],
) -> Callable[Concatenate[OpenCall, P], R]:
    def method(self: OpenCall, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._ledger._take(make(self._core, *args, **kwargs))

    update_wrapper(method, make)
    return method


class OpenCall:
    """A tool call in its block: see :meth:`OpenRun.tool_call`."""

    def __init__(self, ledger: Ledger, core: CallCore) -> None:
        self._ledger = ledger
        self._core = core

    def __enter__(self) -> OpenCall:
        """Request the call, and begin it."""
        self._ledger._take(self._core.open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Record how the block has ended."""
        self._ledger._take(self._core.end(error))

    @property
    def is_recorded(self) -> bool:
        """Whether it was done before under its key: then ``result`` is there, and nothing to do."""
        return self._core.is_recorded

    @property
    def result(self) -> str | None:
        """The text of the result, as soon as there is one."""
        return self._core.result

    finish = _of_call(CallCore.finish)


def _tool(
    find_run: Callable[[], OpenRun],
    name: str | None,
    idempotency_key: Callable[..., str] | None,
    tool_version: str | None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        refuse_as_tool(function, is_awaited=False)

        @wraps(function)
        def call_tool(*args: P.args, **kwargs: P.kwargs) -> R:
            key = idempotency_key(*args, **kwargs) if idempotency_key is not None else None
            with find_run().tool_call(
                name or function.__name__,
                arguments_text(function, args, kwargs),
                idempotency_key=key,
                tool_version=tool_version,
            ) as call:
                if call.is_recorded:
                    recorded: R = result_value(call.result)
                    return recorded
                value = function(*args, **kwargs)
                call._core.has_worked = True
                call.finish(result_text(value))
                return value

        return call_tool

    return decorate

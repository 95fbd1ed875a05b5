"""The ledger for code under asyncio: the same, and nothing in it blocks the event loop."""

from __future__ import annotations

import asyncio
from asyncio import Event, Lock, Task
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import update_wrapper, wraps
from inspect import isawaitable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from muniment._pool import AsyncPool, execute_async, leave_to_parent, make_async_pool
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
from muniment.shelf import AsyncShelf

__all__ = ["AsyncLedger", "AsyncOpenCall", "AsyncOpenRun", "AsyncPipeline"]

P = ParamSpec("P")
R = TypeVar("R")

_current: ContextVar[AsyncOpenRun] = ContextVar("muniment.ledger.async_run")


def _asked(
    make: Callable[Concatenate[Scope, P], Call[R]],
) -> Callable[Concatenate[AsyncLedger, P], Coroutine[Any, Any, R]]:
    async def method(self: AsyncLedger, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._take(perform(make(self._scope, *args, **kwargs)))

    update_wrapper(method, make)
    return method


def _stepped(
    make: Callable[Concatenate[Scope, P], Steps[R]],
) -> Callable[Concatenate[AsyncLedger, P], Coroutine[Any, Any, R]]:
    async def method(self: AsyncLedger, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._take(make(self._scope, *args, **kwargs))

    update_wrapper(method, make)
    return method


def _starting(
    make: Callable[Concatenate[Scope, P], Call[Run]],
) -> Callable[Concatenate[AsyncLedger, P], AsyncOpenRun]:
    def run(self: AsyncLedger, /, *args: P.args, **kwargs: P.kwargs) -> AsyncOpenRun:
        """Start a run around the work of a block: see :class:`AsyncOpenRun`."""
        return AsyncOpenRun(self, RunCore.starting(make, self._scope, args, kwargs))

    return run


def _resuming(
    make: Callable[Concatenate[Scope, P], RunCore],
) -> Callable[Concatenate[AsyncLedger, P], AsyncOpenRun]:
    def resume(self: AsyncLedger, /, *args: P.args, **kwargs: P.kwargs) -> AsyncOpenRun:
        return AsyncOpenRun(self, make(self._scope, *args, **kwargs))

    update_wrapper(resume, make)
    return resume


class AsyncLedger:
    """The ledger of one firm, under asyncio: see :class:`~muniment.Ledger`.

    Args:
        database: A libpq connection string or URI, or an ``AsyncConnectionPool`` of the caller's,
            which is open, and the caller's to close. The login acts as ``muniment_app``.
        firm_id: The tenant.
        shelf: Where large bodies go. Without one, what is not kept inline is refused.
        pool_size: How many connections there are at most, if the pool is made here.
    """

    def __init__(
        self,
        database: str | AsyncPool,
        *,
        firm_id: UUID,
        shelf: AsyncShelf | None = None,
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
        self._parent: AsyncLedger | None = None
        self._lock = Lock()
        self._is_closed = False

    async def __aenter__(self) -> AsyncLedger:
        """Return it, open again if it was closed."""
        self._is_closed = False
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections that were made here."""
        async with self._lock:
            self._is_closed = self._is_own
            if self._is_own and self._pool is not None:
                await self._pool.close()
                self._pool = None

    @property
    def firm_id(self) -> UUID:
        """The tenant."""
        return self._scope.firm_id

    def for_firm(self, firm_id: UUID) -> AsyncLedger:
        """Return the ledger of another firm, over the same connections and the same shelf.

        It has nothing to close; it works as long as this one is open.
        """
        other = AsyncLedger("", firm_id=firm_id, shelf=self._shelf)
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

    def pipeline(self) -> AsyncPipeline:
        """Collect calls in a block, and send them together: see :meth:`Ledger.pipeline`."""
        return AsyncPipeline(self)

    def tool(
        self,
        name: str | None = None,
        *,
        idempotency_key: Callable[..., str] | None = None,
        tool_version: str | None = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
        """Make a coroutine function a tool of whichever run of this task it is called in.

        A function that blocks is taken too, and blocks the event loop. See :meth:`OpenRun.tool`.
        """
        return _tool(lambda: current(_current), name, idempotency_key, tool_version)

    # What steps ask for -----------------------------------------------------------

    async def _take(self, taking: Steps[R]) -> R:
        """Take steps to their end, and return the result."""
        try:
            effect = next(taking)
            while True:
                try:
                    answer = await self._do(effect)
                except MunimentError as error:
                    effect = taking.throw(error)
                else:
                    effect = taking.send(answer)
        except StopIteration as end:
            result: R = end.value
            return result

    async def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Execute):
            rows = await execute_async(
                self._pool or await self._opened(),
                [(call.doing, call.sql, call.values) for call in effect.calls],
            )
            return [call.read(found) for call, found in zip(effect.calls, rows, strict=True)]
        if isinstance(effect, Store):
            return await cast(AsyncShelf, self._shelf).store_many(effect.bodies)
        if isinstance(effect, Fetch):
            if self._shelf is None:
                return [body.inline for body in effect.bodies]
            return await self._shelf.fetch_many(effect.bodies, firm_id=self.firm_id)
        await asyncio.sleep(effect.seconds)
        return None

    async def _opened(self) -> AsyncPool:
        if self._parent is not None:
            return self._parent._pool or await self._parent._opened()
        async with self._lock:
            if self._is_closed:
                raise LedgerInputError("ledger", "is closed")
            if self._pool is None:
                self._pool = await make_async_pool(self._dsn, size=self._size)
                leave_to_parent(self)
            return self._pool

    def _leave_pool(self) -> AsyncPool | None:
        pool, self._pool, self._lock = self._pool, None, Lock()
        return pool


class AsyncPipeline(Batch):
    """Calls that are sent together when the block ends: see :meth:`Ledger.pipeline`."""

    def __init__(self, ledger: AsyncLedger) -> None:
        super().__init__(ledger._scope)
        self._ledger = ledger

    async def __aenter__(self) -> AsyncPipeline:
        """Begin to collect."""
        self._begin()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send what was collected, unless the block failed."""
        await self._ledger._take(self._end(kind))


def _of_run(
    make: Callable[Concatenate[RunCore, P], Steps[R]],
) -> Callable[Concatenate[AsyncOpenRun, P], Coroutine[Any, Any, R]]:
    async def method(self: AsyncOpenRun, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._ledger._take(make(self._core, *args, **kwargs))

    update_wrapper(method, make)
    return method


def _calling(
    make: Callable[Concatenate[RunCore, P], CallCore],
) -> Callable[Concatenate[AsyncOpenRun, P], AsyncOpenCall]:
    def tool_call(self: AsyncOpenRun, /, *args: P.args, **kwargs: P.kwargs) -> AsyncOpenCall:
        return AsyncOpenCall(self._ledger, make(self._core, *args, **kwargs))

    tool_call.__doc__ = CallCore.__init__.__doc__
    return tool_call


class AsyncOpenRun:
    """A run around the work of a block: ``async with ledger.run("MatterChatAgent") as run:``.

    It beats in a task of its own, and so only while the event loop is not blocked. For the rest see
    :class:`~muniment.ledger.OpenRun`.
    """

    def __init__(self, ledger: AsyncLedger, core: RunCore) -> None:
        self._ledger = ledger
        self._core = core
        self._stop = Event()
        self._task: Task[None] | None = None
        self._token: Token[AsyncOpenRun] | None = None

    async def __aenter__(self) -> AsyncOpenRun:
        """Start the run, and its heart."""
        await self._ledger._take(self._core.open())
        self._task = asyncio.create_task(self._beat(), name="muniment-heartbeat")
        self._token = _current.set(self)
        return self

    async def __aexit__(
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
        if self._task is not None:
            # However that ends: who cancels all tasks has cancelled it too.
            await asyncio.wait([self._task])
        await self._ledger._take(self._core.end(error))

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
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
        """Make a coroutine function a tool of this run: see :meth:`OpenRun.tool`."""
        return _tool(lambda: self, name, idempotency_key, tool_version)

    async def _beat(self) -> None:
        seconds = self._core.lease.total_seconds() / BEATS_IN_A_LEASE
        while not await self._is_stopped(seconds) and self._core.is_beating:
            await self._ledger._take(self._core.beat())

    async def _is_stopped(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()


def _of_call(
    make: Callable[Concatenate[CallCore, P], Steps[R]],
) -> Callable[Concatenate[AsyncOpenCall, P], Coroutine[Any, Any, R]]:
    async def method(self: AsyncOpenCall, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._ledger._take(make(self._core, *args, **kwargs))

    update_wrapper(method, make)
    return method


class AsyncOpenCall:
    """A tool call in its block: see :meth:`OpenRun.tool_call`."""

    def __init__(self, ledger: AsyncLedger, core: CallCore) -> None:
        self._ledger = ledger
        self._core = core

    async def __aenter__(self) -> AsyncOpenCall:
        """Request the call, and begin it."""
        await self._ledger._take(self._core.open())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Record how the block has ended."""
        await self._ledger._take(self._core.end(error))

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
    find_run: Callable[[], AsyncOpenRun],
    name: str | None,
    idempotency_key: Callable[..., str] | None,
    tool_version: str | None,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
    def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        refuse_as_tool(function, is_awaited=True)

        @wraps(function)
        async def call_tool(*args: P.args, **kwargs: P.kwargs) -> R:
            key = idempotency_key(*args, **kwargs) if idempotency_key is not None else None
            async with find_run().tool_call(
                name or function.__name__,
                arguments_text(function, args, kwargs),
                idempotency_key=key,
                tool_version=tool_version,
            ) as call:
                if call.is_recorded:
                    recorded: R = result_value(call.result)
                    return recorded
                answer = function(*args, **kwargs)
                # A function that is none of asyncio's has done its work by now.
                value = await answer if isawaitable(answer) else cast(R, answer)
                call._core.has_worked = True
                await call.finish(result_text(value))
                return value

        return call_tool

    return decorate

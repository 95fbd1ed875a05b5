"""Calls that are collected, and sent together when the block ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from muniment.errors import LedgerInputError
from muniment.ledger import calls
from muniment.ledger.calls import Call, Scope
from muniment.ledger.steps import Steps, perform_all

__all__ = ["Batch", "Reply"]

P = ParamSpec("P")
R = TypeVar("R")
_NOT_YET: Any = object()


class Reply(Generic[R]):
    """The answer to a call of a pipeline, which comes when the block has ended.

    Attributes:
        expected: The answer as far as it is known already: the ids and times that were made here,
            for the calls that follow. None where only the database can know.
    """

    def __init__(self, call: Call[R]) -> None:
        self.expected = call.expected
        self._result: R = _NOT_YET

    @property
    def result(self) -> R:
        """The answer itself.

        Raises:
            LedgerInputError: The block has not ended, or nothing was committed.
        """
        if self._result is _NOT_YET:
            raise LedgerInputError("result", "is not there before the block has ended")
        return self._result


def _deferred(
    make: Callable[Concatenate[Scope, P], Call[R]],
) -> Callable[Concatenate[Batch, P], Reply[R]]:
    def method(self: Batch, /, *args: P.args, **kwargs: P.kwargs) -> Reply[R]:
        if self._asked is None:
            raise LedgerInputError(
                "pipeline", "is not open", hint="Use it inside of its `with` block."
            )
        call = make(self._scope, *args, **kwargs)
        reply = Reply(call)
        self._asked.append((call, reply))
        return reply

    update_wrapper(method, make)
    return method


class Batch:
    """The calls of one exchange: one transaction, one round trip, all or none."""

    def __init__(self, scope: Scope) -> None:
        self._scope = Scope(scope.firm_id, scope.has_shelf, is_deferred=True)
        # None outside of the block, where nothing would send it.
        self._asked: list[tuple[Call[Any], Reply[Any]]] | None = None

    open_session = _deferred(calls.open_session)
    close_session = _deferred(calls.close_session)
    start_run = _deferred(calls.start_run)
    claim_run = _deferred(calls.claim_run)
    heartbeat = _deferred(calls.heartbeat)
    finish_run = _deferred(calls.finish_run)
    request_cancel = _deferred(calls.request_cancel)
    append_turns = _deferred(calls.append_turns)
    append_turn = _deferred(calls.append_turn)
    record_turn = _deferred(calls.record_turn)
    request_tool_call = _deferred(calls.request_tool_call)
    decide_approval = _deferred(calls.decide_approval)
    begin_tool_call = _deferred(calls.begin_tool_call)
    finish_tool_call = _deferred(calls.finish_tool_call)

    def _begin(self) -> None:
        self._asked = []

    def _end(self, error: type[BaseException] | None) -> Steps[None]:
        asked, self._asked = self._asked, None
        if not asked or error is not None:
            return
        answers = yield from perform_all([call for call, _ in asked])
        for (_, reply), answer in zip(asked, answers, strict=True):
            reply._result = answer

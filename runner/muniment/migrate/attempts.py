"""Carry out one change, trying again where another attempt may succeed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator
from itertools import count

from muniment._db import Connection
from muniment.errors import ConnectFailed
from muniment.migrate import locks
from muniment.migrate.batch import StatementFailed, roll_back
from muniment.migrate.events import ChangeRetrying, Event
from muniment.migrate.failures import failed_event
from muniment.migrate.notices import Notices
from muniment.migrate.plan import Change

__all__ = ["blocked_by", "carry_out", "try_again"]

_DEADLOCK = "40P01"
# lock_not_available, serialization_failure.
_WORTH_ANOTHER = frozenset({_DEADLOCK, "55P03", "40001"})
# Seconds: sqitch gives up after 60 (sqitch-deploy, --lock-timeout).
_WAITER_GIVES_UP = 90.0
# Seconds before the second attempt; twice as many before each further one.
_FIRST_PAUSE = 0.2


def carry_out(
    connection: Connection,
    notices: Notices,
    action: str,
    change: Change,
    attempt: Callable[[], int],
    *,
    attempts: int,
    is_whole: bool = True,
) -> Generator[Event, None, int]:
    """Call ``attempt`` until it succeeds, fails for good, or was called often enough.

    Args:
        connection: The session in which it works; rolled back after each failure.
        notices: What the server says meanwhile.
        action: ``deploy``, ``revert`` or ``verify``.
        change: The change it is about.
        attempt: What to do, in one transaction unless the script says otherwise.
        attempts: How often at most.
        is_whole: Whether the change is whole or absent, whenever the connection breaks.

    Yields:
        Why another attempt is made, what the server said, and why it failed if it did.

    Returns:
        What ``attempt`` returned: the milliseconds that the scripts took.

    Raises:
        StatementFailed: Of the last attempt.
        ConnectFailed: The connection is lost; with what that means for the change.
    """
    try:
        duration_ms = yield from _retried(connection, notices, change, attempt, attempts)
    except StatementFailed as error:
        yield from notices.of(change)
        yield failed_event(action, change, error)
        raise
    except ConnectFailed as error:
        if action == "verify":
            state = "Nothing has been changed. Run the same command again."
        elif is_whole:
            state = (
                "A change is whole or absent, and `muniment status` says which. "
                "Run the same command again: it goes on from there."
            )
        else:
            state = (
                "The change is not a transaction, and may be half done. "
                "Run the same command again: it goes on from there."
            )
        raise ConnectFailed(
            f"{action} of {change.qualified}: {error.message}",
            sqlstate=error.sqlstate,
            hint=state,
        ) from error
    yield from notices.of(change)
    return duration_ms


def blocked_by(connection: Connection, error: StatementFailed) -> str:
    """Return a sentence on who may have been in the way, if that is why a statement failed."""
    if error.sqlstate != "55P03":
        return ""
    found = locks.blockers(connection)
    return f"Locks are held by {'; '.join(found)}. " if found else ""


def try_again(
    change: Change, error: StatementFailed, attempt: int, attempts: int
) -> Iterator[ChangeRetrying]:
    """Say that there is another attempt, and wait until it is time for it.

    Args:
        change: What failed.
        error: How.
        attempt: The number of the attempt that failed, from 1.
        attempts: How many there may be.

    Raises:
        StatementFailed: The one that was given, if there is no other attempt.
    """
    if error.sqlstate not in _WORTH_ANOTHER or attempt >= attempts:
        raise error
    # Jitter, or two deadlocked sessions would meet again.
    wait = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311
    yield ChangeRetrying(
        change.qualified, attempt, attempts, error.sqlstate, error.message, round(wait * 1e3)
    )
    time.sleep(wait)


def _retried(
    connection: Connection,
    notices: Notices,
    change: Change,
    attempt: Callable[[], int],
    attempts: int,
) -> Generator[Event, None, int]:
    for number in count(1):
        notices.forget()
        try:
            return attempt()
        except StatementFailed as error:
            roll_back(connection)
            if error.sqlstate == _DEADLOCK:
                yield from locks.outlast_waiters(connection, wait=_WAITER_GIVES_UP)
            yield from try_again(change, error, number, attempts)
    raise AssertionError  # count() does not end

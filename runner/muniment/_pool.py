"""The door to pools of connections: what psycopg has both blocking and for asyncio.

Statements are run so that nothing of them is left on the connection, which may be the next one's of
another tenant, or a session of a pooler: one alone commits by itself, several are one transaction.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol
from weakref import WeakSet

from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from muniment._db import DatabaseError, connect, store_error
from muniment.errors import AccessDenied, LedgerInputError, PoolTimedOut, StoreError

__all__ = [
    "AsyncPool",
    "Pool",
    "Row",
    "Statement",
    "execute",
    "execute_async",
    "leave_to_parent",
    "make_async_pool",
    "make_pool",
]

Pool = ConnectionPool[Any]
AsyncPool = AsyncConnectionPool[Any]

# Seconds to wait for a connection: less than a heartbeat of the usual lease.
_PATIENCE = 10.0
_SETTINGS = {"autocommit": True, "fallback_application_name": "muniment", "connect_timeout": 10}

# How the functions of the ledger begin what they say about a parameter. A message that is raised by
# a function is not translated.
_NAMED = re.compile(r"p_(?P<field>[a-z_0-9.\[\]]+): (?P<reason>.*)", re.DOTALL)
_BAD_INPUT = {"22004", "22023"}

# What is run: why, as a phrase, the SQL, and its parameters by name.
Statement = tuple[str, bytes, Mapping[str, Any]]
Row = tuple[Any, ...]


def make_pool(dsn: str, *, size: int) -> Pool:
    """Return an open pool, after one connection was made: a wrong DSN says what is wrong with it.

    Args:
        dsn: A libpq connection string or URI.
        size: How many connections it has at most, which it makes when they are needed.

    Raises:
        ConnectFailed: No server answers, or it refuses this user.
    """
    connect(dsn).close()
    return ConnectionPool(
        dsn, kwargs=_SETTINGS, min_size=1, max_size=size, timeout=_PATIENCE, open=True
    )


async def make_async_pool(dsn: str, *, size: int) -> AsyncPool:
    """Do as :func:`make_pool` does, under asyncio."""
    (await asyncio.to_thread(connect, dsn)).close()
    pool: AsyncPool = AsyncConnectionPool(
        dsn, kwargs=_SETTINGS, min_size=1, max_size=size, timeout=_PATIENCE, open=False
    )
    await pool.open()
    return pool


class _Owner(Protocol):
    """Who has made a pool."""

    def _leave_pool(self) -> object:
        """Have no pool any more, without closing it, and return it."""


_OWNERS: WeakSet[Any] = WeakSet()
# Never collected: a pool that ends takes its locks, and a thread of the parent may hold them.
_OF_PARENT: list[object] = []


def leave_to_parent(owner: _Owner) -> None:
    """Have a pool left to this process, should it fork.

    On a connection that both use, each reads what the other has asked, of whichever firm.
    """
    _OWNERS.add(owner)


def _leave_all() -> None:
    _OF_PARENT.extend([owner._leave_pool() for owner in _OWNERS])


# Not on Windows, where nothing forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)


def execute(pool: Pool, statements: Sequence[Statement]) -> list[list[Row]]:
    """Run statements, and return the rows of each.

    One is sent alone, and commits by itself: one round trip. Several are sent together, with BEGIN
    before and COMMIT behind them: one round trip too, and all or nothing (psycopg docs, "Pipeline
    mode support").

    Raises:
        PoolTimedOut: No connection was free in time; nothing was sent.
        StoreError: The database refused. Nothing was written, unless it is ``ConnectFailed``.
    """
    cursors: list[Any] = []
    try:
        with _live(pool) as connection, _autocommit(connection):
            if len(statements) == 1:
                _, sql, values = statements[0]
                return [connection.cursor(row_factory=tuple_row).execute(sql, values).fetchall()]
            with connection.pipeline():
                # Not transaction(), which waits for the answer to its BEGIN.
                connection.execute("BEGIN")
                for _, sql, values in statements:
                    cursors.append(connection.cursor(row_factory=tuple_row))
                    cursors[-1].execute(sql, values)
                connection.execute("COMMIT")
            return [cursor.fetchall() for cursor in cursors]
    except DatabaseError as error:
        raise _refusal(statements, cursors, error) from error


async def execute_async(pool: AsyncPool, statements: Sequence[Statement]) -> list[list[Row]]:
    """Do as :func:`execute` does, under asyncio."""
    cursors: list[Any] = []
    try:
        async with _live_async(pool) as connection, _autocommit_async(connection):
            if len(statements) == 1:
                _, sql, values = statements[0]
                cursor = connection.cursor(row_factory=tuple_row)
                await cursor.execute(sql, values)
                return [await cursor.fetchall()]
            async with connection.pipeline():
                await connection.execute("BEGIN")
                for _, sql, values in statements:
                    cursors.append(connection.cursor(row_factory=tuple_row))
                    await cursors[-1].execute(sql, values)
                await connection.execute("COMMIT")
            return [await cursor.fetchall() for cursor in cursors]
    except DatabaseError as error:
        raise _refusal(statements, cursors, error) from error


@contextmanager
def _live(pool: Pool) -> Iterator[Connection[Any]]:
    """Give a connection of a pool that the server has not ended while nobody used it.

    After a restart every connection that waits is dead. To send on one of them and have it fail
    would leave open whether the statement was carried out.
    """
    while True:
        with pool.connection() as connection:
            if _is_alive(connection):
                yield connection
                return


@asynccontextmanager
async def _live_async(pool: AsyncPool) -> AsyncIterator[AsyncConnection[Any]]:
    while True:
        async with pool.connection() as connection:
            if _is_alive(connection):
                yield connection
                return


def _is_alive(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Tell whether the server has hung up, without asking it.

    The first look finds its last words, if it said any, the second the end.
    """
    with suppress(DatabaseError):
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    return not connection.closed


@contextmanager
def _autocommit(connection: Connection[Any]) -> Iterator[None]:
    """Have no BEGIN sent before a statement. This is psycopg's matter; the server is not told.

    psycopg changes it outside of a transaction only, and one that was refused or interrupted is
    still open. What cannot be rolled back is closed: the pool makes another.
    """
    if connection.autocommit:
        yield
        return
    connection.autocommit = True
    try:
        yield
    finally:
        if not _is_idle(connection):
            with suppress(DatabaseError):
                connection.rollback()
        if _is_idle(connection):
            connection.autocommit = False
        else:
            connection.close()


@asynccontextmanager
async def _autocommit_async(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    if connection.autocommit:
        yield
        return
    await connection.set_autocommit(True)
    try:
        yield
    finally:
        if not _is_idle(connection):
            with suppress(DatabaseError):
                await connection.rollback()
        if _is_idle(connection):
            await connection.set_autocommit(False)
        else:
            await connection.close()


def _is_idle(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def _refusal(
    statements: Sequence[Statement], cursors: Sequence[Any], error: DatabaseError
) -> StoreError | LedgerInputError:
    """Return what to raise, named after the statement that failed: the first without a result."""
    answered = sum(cursor.pgresult is not None for cursor in cursors)
    doing = statements[min(answered, len(statements) - 1)][0]
    if isinstance(error, PoolTimeout):
        return PoolTimedOut(
            f"{doing}: no connection was free in time",
            hint="Make the pool larger, or look for what holds its connections.",
        )
    named = _NAMED.match(error.diag.message_primary or "")
    if named is not None and error.sqlstate in _BAD_INPUT:
        return LedgerInputError(
            named["field"],
            f"{named['reason']} ({doing})",
            sqlstate=error.sqlstate,
            hint=error.diag.message_hint,
        )
    refusal = store_error(doing, error)
    if isinstance(refusal, AccessDenied) and refusal.hint is None:
        refusal.hint = (
            "The login has to act as muniment_app from the first: "
            "GRANT muniment_app TO your_login; ALTER ROLE your_login SET role = 'muniment_app'."
        )
    return refusal

"""The door to PostgreSQL: the only module that imports psycopg.

Every other module takes a :data:`Connection` that was made here, and lets :func:`translated` turn
psycopg's errors into those of :mod:`muniment.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row, tuple_row

from muniment.errors import (
    AccessDenied,
    ConnectFailed,
    ConstraintViolated,
    LockTimedOut,
    StoreError,
)

__all__ = [
    "Connection",
    "DatabaseError",
    "another",
    "connect",
    "dict_row",
    "sql",
    "translated",
    "tuple_row",
]

Connection = psycopg.Connection[Any]
DatabaseError = psycopg.Error


def connect(dsn: str, *, application_name: str = "muniment") -> Connection:
    """Open a connection in autocommit mode; callers say themselves where a transaction begins.

    Args:
        dsn: A libpq connection string or URI. An empty one leaves everything to libpq's
            environment (PGHOST, PGDATABASE, PGSERVICE, ...).
        application_name: What pg_stat_activity shows, unless the DSN names another.

    Raises:
        ConnectFailed: No server answers, or it refuses this user.
    """
    try:
        return psycopg.connect(
            dsn, autocommit=True, fallback_application_name=application_name, connect_timeout=10
        )
    except psycopg.Error as error:
        raise ConnectFailed(
            f"cannot connect: {str(error).strip()}",
            sqlstate=error.sqlstate,
            hint="Check --dsn, DATABASE_URL or PG*; `muniment up` starts a server of its own.",
        ) from error


def another(connection: Connection) -> Connection:
    """Open a second connection to where a first one leads, in the name of the same role.

    Raises:
        ConnectFailed: No server answers, or it refuses this user.
    """
    password = {"password": connection.info.password} if connection.info.password else {}
    return connect(make_conninfo(connection.info.dsn, **password))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn an error of psycopg inside the block into a StoreError that says what was being done.

    Args:
        doing: What failed if it fails, as a phrase: ``"import of record 7"``.

    Raises:
        StoreError: Or the subclass that fits the SQLSTATE (PostgreSQL docs, appendix A).
    """
    try:
        yield
    except psycopg.Error as error:
        raise store_error(doing, error) from error


def store_error(doing: str, error: psycopg.Error) -> StoreError:
    """Return the StoreError for an error of psycopg, chosen by SQLSTATE alone."""
    state = error.sqlstate
    diag = error.diag
    text = diag.message_primary or str(error).strip()
    if diag.message_detail:
        text = f"{text} ({diag.message_detail})"
    kind: type[StoreError] = StoreError
    if state is None or state.startswith("08") or state in {"57P01", "57P02", "57P03"}:
        kind = ConnectFailed
    elif state == "55P03":
        kind = LockTimedOut
    elif state.startswith("23"):
        kind = ConstraintViolated
    elif state == "42501":
        kind = AccessDenied
    return kind(
        f"{doing}: {text}",
        sqlstate=state,
        constraint=diag.constraint_name,
        hint=diag.message_hint,
    )

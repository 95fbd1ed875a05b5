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
    RULES,
    AccessDenied,
    Conflicted,
    ConnectFailed,
    ConstraintViolated,
    LockTimedOut,
    PartitionMissing,
    StoreError,
)

__all__ = [
    "Connection",
    "DatabaseError",
    "another",
    "connect",
    "dict_row",
    "sql",
    "store_error",
    "translated",
    "tuple_row",
]

Connection = psycopg.Connection[Any]
DatabaseError = psycopg.Error

_PARTITIONED = {("agents", name) for name in ("agent_run", "chat_turn", "tool_call")}


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
    elif state in {"40001", "40P01"}:
        kind = Conflicted
    elif _is_partition_missing(error):
        kind = PartitionMissing
    elif state.startswith("23"):
        kind = ConstraintViolated
    elif state == "42501":
        kind = AccessDenied
    elif state in RULES:
        kind = RULES[state]
    refusal = kind(
        f"{doing}: {text}",
        sqlstate=state,
        constraint=diag.constraint_name,
        hint=diag.message_hint,
    )
    if isinstance(refusal, PartitionMissing):
        refusal.table = diag.table_name or ""
    return refusal


def _is_partition_missing(error: psycopg.Error) -> bool:
    """Tell a month that is not there from a CHECK, without reading the message.

    A CHECK always names itself, that of a domain too; a row for which there is no partition names
    the table alone, and that is the parent (ExecFindPartition() in execPartition.c,
    ExecConstraints() in execMain.c of PostgreSQL). RAISE names neither.
    """
    diag = error.diag
    return (
        error.sqlstate == "23514"
        and diag.constraint_name is None
        and (diag.schema_name, diag.table_name) in _PARTITIONED
    )

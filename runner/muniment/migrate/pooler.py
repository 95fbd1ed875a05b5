"""A connection pooler that shares server sessions between clients, and why it is refused.

The deploy lock and the settings of a script belong to a session. In transaction mode a pooler gives
each transaction another one, so the lock would protect nothing, and would stay with the pooler when
the deploy has ended.
"""

from __future__ import annotations

from contextlib import closing
from select import select

from muniment._db import Connection, another, translated
from muniment.errors import ConfigError, ConnectFailed

__all__ = ["is_shared", "refuse_shared"]

# Seconds in which a pooler that has a server process to give has given it.
_PATIENCE = 2.0

_OWN_PID = "SELECT pg_catalog.pg_backend_pid()"


def is_shared(connection: Connection) -> bool:
    """Whether other clients get the session between two transactions of this one.

    Directly connected, the server process is the one that introduced itself when the connection was
    made (PostgreSQL docs, "Message Formats", BackendKeyData). A pooler introduces itself instead,
    and then a second client shows which kind it is: in session mode it can never get the server
    process that the first one has.

    Args:
        connection: A session outside of a transaction.

    Raises:
        ConnectFailed: The connection is lost.
    """
    first = _server_process(connection)
    if first == connection.info.backend_pid:
        return False
    try:
        second = another(connection)
    except ConnectFailed:
        # There is none to spare, so nobody else can get this one's.
        return False
    with closing(second):
        # More than one look, because a pooler may hand its servers out in turns.
        for _look in range(3):
            taken = _server_process_in_transaction(second)
            if taken is None:
                return False
            if taken == first or _server_process(connection) != first:
                return True
    return False


def refuse_shared(connection: Connection) -> None:
    """Refuse to go on in a session that is shared.

    Raises:
        ConfigError: It is.
        ConnectFailed: The connection is lost.
    """
    if is_shared(connection):
        raise ConfigError(
            "the connection goes through a pooler in transaction mode, which gives every "
            "transaction another session",
            hint="Nothing has been changed. Connect to PostgreSQL itself, or to a pool in session "
            "mode (pgbouncer: pool_mode = session), with --dsn.",
        )


def _server_process(connection: Connection) -> int:
    with translated("cannot read which server process this is"):
        row = connection.execute(_OWN_PID, prepare=False).fetchone()
    assert row is not None  # noqa: S101  (no FROM: one row)
    return int(row[0])


def _server_process_in_transaction(second: Connection) -> int | None:
    """Make a pooler decide on a server process now; None if it has none and lets us wait."""
    with translated("cannot read which server process this is"):
        second.pgconn.send_query(f"BEGIN; {_OWN_PID}; COMMIT".encode())
        second.pgconn.flush()
        found = None
        while select([second.fileno()], [], [], _PATIENCE)[0]:
            second.pgconn.consume_input()
            while not second.pgconn.is_busy():
                result = second.pgconn.get_result()
                if result is None:
                    return found
                if result.ntuples:
                    found = int(result.get_value(0, 0) or b"0")
    return None

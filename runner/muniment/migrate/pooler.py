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

# Seconds in which a pooler that has a server process to give has given it; and in which an answer
# has come that was given already.
_PATIENCE = 2.0
_GRACE = 0.2

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
            _ask_in_transaction(second)
            taken = _answer(second, _PATIENCE)
            again = _server_process(connection)
            if taken is None:
                # A pooler whose servers are all busy lets its clients wait in a queue, and the
                # second one came before the first. In session mode there may be none for it ever.
                taken = _answer(second, _GRACE)
            if again != first or taken == first:
                return True
            if taken is None:
                return False
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


def _ask_in_transaction(second: Connection) -> None:
    """Ask for the server process, so that a pooler in transaction mode decides on one now."""
    with translated("cannot read which server process this is"):
        second.pgconn.send_query(f"BEGIN; {_OWN_PID}; COMMIT".encode())
        second.pgconn.flush()


def _answer(second: Connection, patience: float) -> int | None:
    """Return the answer; None if there is none after some seconds, and it may come yet."""
    found = None
    with translated("cannot read which server process this is"):
        while select([second.fileno()], [], [], patience)[0]:
            second.pgconn.consume_input()
            while not second.pgconn.is_busy():
                result = second.pgconn.get_result()
                if result is None:
                    return found
                if result.ntuples:
                    found = int(result.get_value(0, 0) or b"0")
    return None

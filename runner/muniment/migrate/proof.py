"""What adopting and blessing share: the proof, and the record of what was proved."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from muniment._db import Connection
from muniment.errors import StoreError
from muniment.migrate.attempts import carry_out
from muniment.migrate.batch import StatementFailed, roll_back
from muniment.migrate.change import (
    begin_change,
    prove_change,
    record_change,
    write_registry,
)
from muniment.migrate.events import ChangeVerified, Event
from muniment.migrate.notices import Notices
from muniment.migrate.plan import Change
from muniment.migrate.registry import Registry, read_registry
from muniment.migrate.script import Script
from muniment.migrate.settings import Settings

__all__ = ["prove", "write_unless_changed"]

# duplicate_table, duplicate_object (a type), unique_violation (in the catalog): whoever makes a
# registry meets another one that was made just now.
_EXISTS_ALREADY = frozenset({"42P07", "42710", "23505"})


def prove(
    connection: Connection, notices: Notices, change: Change, script: Script, settings: Settings
) -> Generator[Event, None, None]:
    """Run a verify script in a transaction of its own, which is rolled back.

    Args:
        connection: A session outside of a transaction.
        notices: What the server says meanwhile.
        change: The change that it proves.
        script: The script.
        settings: How patiently.

    Yields:
        That it passed, or why it failed.

    Raises:
        StatementFailed: It failed.
        ConnectFailed: The connection is lost.
    """

    def attempt() -> int:
        started = time.monotonic()
        prove_change(connection, script, lock_timeout=settings.lock_timeout)
        return round((time.monotonic() - started) * 1000)

    duration_ms = yield from carry_out(
        connection, notices, "verify", change, attempt, attempts=settings.attempts
    )
    yield ChangeVerified(change.qualified, change.change_id, duration_ms)


def write_unless_changed(
    connection: Connection, registry: Registry, statements: Sequence[str], *, lock_timeout: float
) -> bool:
    """Write into the registry in one transaction, if it is still what was read.

    Args:
        connection: A session outside of a transaction.
        registry: What was read.
        statements: What to write; if there was no registry, they make one.
        lock_timeout: Seconds that a statement may wait for a lock.

    Returns:
        Whether it was, and it is written now.

    Raises:
        StoreError: It refused.
        ConnectFailed: The connection is lost.
    """
    if not registry.exists:
        try:
            write_registry(connection, statements, lock_timeout=lock_timeout)
        except StoreError as error:
            if error.sqlstate in _EXISTS_ALREADY and read_registry(connection).exists:
                return False
            raise
        return True
    try:
        if begin_change(connection, lock_timeout=lock_timeout) != registry.stamp:
            roll_back(connection)
            return False
        record_change(connection, statements, commit=True)
    except StatementFailed as error:
        roll_back(connection)
        raise StoreError(
            f"cannot write the registry: {error.message}",
            sqlstate=error.sqlstate,
            constraint=error.constraint,
            hint=error.hint,
        ) from error
    return True

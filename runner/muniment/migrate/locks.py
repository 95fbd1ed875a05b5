"""The lock that keeps deployers apart, and who is in the way.

The lock is sqitch's own, so that sqitch and this package keep out of each other's way too. It is
polled and never waited on: a session that waits for an advisory lock has a snapshot, for which the
holder's CREATE INDEX CONCURRENTLY waits in turn, and the server sees no circle in that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import datetime

from muniment._db import Connection, DatabaseError, translated
from muniment.errors import ConfigError, LockTimedOut
from muniment.migrate.events import LockWaiting, WaiterInTheWay
from muniment.migrate.pooler import refuse_shared

__all__ = ["HOLDS_LOCK", "LOCK_KEY", "acquire", "blockers", "outlast_waiters", "release"]

# App::Sqitch::Engine::pg, try_lock().
LOCK_KEY = 75474063

# Seconds between two polls: the first, and the most.
FIRST_POLL = 0.05
LONGEST_POLL = 1.0

# How pg_locks shows it (PostgreSQL docs, "pg_locks": a bigint key is split in two).
_IS_ASKED = (
    f"locks.locktype = 'advisory' AND locks.objid = {LOCK_KEY} AND locks.classid = 0"
    " AND locks.objsubid = 1"
)
_IS_LOCK = f"{_IS_ASKED} AND locks.granted"

# A statement whose answer is `t` while the session holds the lock. A script can let go of it
# (pg_advisory_unlock_all), and a transaction pooler never let this session have it.
HOLDS_LOCK = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks AS locks"  # noqa: S608
    f" WHERE locks.pid = pg_catalog.pg_backend_pid() AND {_IS_LOCK})"
)

_HOLDER = f"""
SELECT locks.pid, activity.application_name, activity.backend_start
FROM pg_catalog.pg_locks AS locks
LEFT JOIN pg_catalog.pg_stat_activity AS activity USING (pid)
WHERE {_IS_LOCK}
    AND locks.database = (
        SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
    )
"""  # noqa: S608

# Who waits for it in the server, as sqitch does.
_WAITER = f"""
SELECT locks.pid, activity.application_name, activity.backend_start
FROM pg_catalog.pg_locks AS locks
LEFT JOIN pg_catalog.pg_stat_activity AS activity USING (pid)
WHERE {_IS_ASKED}
    AND NOT locks.granted
    AND locks.database = (
        SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
    )
ORDER BY activity.backend_start
LIMIT 1
"""  # noqa: S608

# Sessions that hold locks on tables of this database, the longest transaction first.
_BLOCKERS = """
SELECT
    activity.pid,
    activity.application_name,
    activity.state,
    activity.xact_start,
    string_agg(DISTINCT locks.relation::regclass::text, ', ')
FROM pg_catalog.pg_locks AS locks
INNER JOIN pg_catalog.pg_stat_activity AS activity USING (pid)
INNER JOIN pg_catalog.pg_class AS class ON class.oid = locks.relation
WHERE activity.datname = pg_catalog.current_database()
    AND locks.granted
    AND locks.pid <> pg_catalog.pg_backend_pid()
    AND class.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
    AND class.relnamespace <> 'pg_catalog'::regnamespace
GROUP BY activity.pid, activity.application_name, activity.state, activity.xact_start
ORDER BY activity.xact_start
LIMIT 5
"""


def acquire(connection: Connection, *, wait: float) -> Iterator[LockWaiting]:
    """Take the lock for the session, polling while somebody else holds it.

    Args:
        connection: The session that is to hold it.
        wait: Seconds after which to give up; 0 asks once.

    Yields:
        Who holds it, when that is known first and whenever it is another.

    Raises:
        LockTimedOut: It was held all the time.
        ConfigError: The session is not this client's alone, so the lock would not be either; or it
            reads a backslash in a string otherwise than the scripts were read here.
    """
    _refuse_other_strings(connection)
    refuse_shared(connection)
    give_up_at = time.monotonic() + wait
    pause = FIRST_POLL
    reported: LockWaiting | None = None
    while not _try(connection):
        holder = _holder(connection)
        if holder != reported:
            yield holder
            reported = holder
        if time.monotonic() >= give_up_at:
            raise LockTimedOut(
                f"cannot take the deploy lock: it is held by {_described(holder)}",
                sqlstate="55P03",
                hint=f"Waited {wait:g} s. Wait longer with --lock-wait, or look at that process.",
            )
        # Jitter, so that a fleet that was started at one moment does not poll in step.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 2, LONGEST_POLL)


def release(connection: Connection) -> None:
    """Let go of the lock, whatever state the connection is in. A dead one holds nothing."""
    if connection.closed:
        return
    try:
        connection.rollback()
        connection.execute(f"SELECT pg_catalog.pg_advisory_unlock({LOCK_KEY})", prepare=False)
    except DatabaseError:
        # It broke just now, and with it the lock. What happened before is what matters.
        return


def outlast_waiters(connection: Connection, *, wait: float) -> Iterator[WaiterInTheWay]:
    """Wait while somebody waits in the server for the lock that this session holds.

    Such a waiter has a snapshot, which CREATE INDEX CONCURRENTLY waits for in turn: a deadlock,
    until the waiter gives up.

    Args:
        connection: The session that holds the lock.
        wait: Seconds after which to go on all the same.

    Yields:
        Who waits, when that is known first and whenever it is another.
    """
    give_up_at = time.monotonic() + wait
    reported: WaiterInTheWay | None = None
    while time.monotonic() < give_up_at:
        with translated("cannot read who waits for the deploy lock"):
            row = connection.execute(_WAITER, prepare=False).fetchone()
        if row is None:
            return
        waiter = WaiterInTheWay(*row)
        if waiter != reported:
            yield waiter
            reported = waiter
        time.sleep(LONGEST_POLL / 4)


def blockers(connection: Connection) -> list[str]:
    """Say who holds locks on tables of this database, the longest transaction first."""
    with translated("cannot read pg_locks"):
        rows = connection.execute(_BLOCKERS, prepare=False).fetchall()
    return [
        f"process {pid} ({application or 'unnamed'}, {state}, since {_clock(since)}): {relations}"
        for pid, application, state, since, relations in rows
    ]


def _refuse_other_strings(connection: Connection) -> None:
    """Refuse a session in which a plain string may hold escapes.

    Raises:
        ConfigError: It is one.
    """
    if connection.info.parameter_status("standard_conforming_strings") == "off":
        raise ConfigError(
            "standard_conforming_strings is off in this database or for this role",
            hint="Nothing has been changed. Scripts are read as if it were on, and could mean "
            "something else to the server. Find it in pg_db_role_setting and reset it.",
        )


def _try(connection: Connection) -> bool:
    with translated("cannot take the deploy lock"):
        row = connection.execute(
            f"SELECT pg_catalog.pg_try_advisory_lock({LOCK_KEY})", prepare=False
        ).fetchone()
    return bool(row and row[0])


def _holder(connection: Connection) -> LockWaiting:
    with translated("cannot read who holds the deploy lock"):
        row = connection.execute(_HOLDER, prepare=False).fetchone()
    return LockWaiting(*row) if row else LockWaiting(None, None, None)


def _described(holder: LockWaiting) -> str:
    if holder.holder_pid is None:
        return "a process that has ended since"
    name = holder.application or "unnamed"
    return f"process {holder.holder_pid} ({name}, since {_clock(holder.since)})"


def _clock(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else "unknown"

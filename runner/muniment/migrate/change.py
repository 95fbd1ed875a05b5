"""One change, in one transaction: its scripts, the proof, and the record of it.

:func:`apply_change` and :func:`record_change` work inside whatever transaction is open, so that
another migration tool can call them in its own. :func:`begin_change` opens one the way the engine
does.

Three round trips a change: begin, lock and look; both scripts; record and commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from muniment._db import Connection
from muniment.errors import StoreError
from muniment.migrate.batch import Part, StatementFailed, roll_back, run_batch
from muniment.migrate.locks import HOLDS_LOCK
from muniment.migrate.plan import Change
from muniment.migrate.projects import Scripts
from muniment.migrate.registry import STAMP
from muniment.migrate.script import Script

__all__ = [
    "CLEAN",
    "LOCK_REGISTRY",
    "LOST_LOCK",
    "RESET",
    "Job",
    "apply_change",
    "begin_change",
    "begin_next_change",
    "prove_change",
    "record_change",
    "session_settings",
    "write_registry",
]

# What a script may leave behind in its session, and psql would take with it when it ends. It is
# what DISCARD ALL does (PostgreSQL docs) but for the advisory locks, one of which is ours.
RESET = ("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL")
CLEAN = (
    "CLOSE ALL",
    *RESET,
    "DEALLOCATE ALL",
    "UNLISTEN *",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
)

# Keeps out a sqitch before 1.2 too, which knows no advisory lock.
LOCK_REGISTRY = "LOCK TABLE sqitch.changes IN EXCLUSIVE MODE"

LOST_LOCK = "the session lost the deploy lock while the script ran"

# The constraints that can be deferred, by the names that SET CONSTRAINTS takes; a partition's go
# with those of its table. Not ALL: that would hold for constraints too that a later change makes.
# Where several in a schema share a name, all must begin deferred to be deferred again, because one
# that cannot be deferred must not be named.
_DEFERRABLE = """
SELECT string_agg(name, ', ')
FROM (
    SELECT format('%I.%I', nspname, conname) AS name
    FROM pg_catalog.pg_constraint AS con
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = con.connamespace
    WHERE has_schema_privilege(namespace.oid, 'USAGE')
        AND NOT pg_is_other_temp_schema(namespace.oid)
    GROUP BY nspname, conname
    HAVING {having}
) AS found"""
_CAN_BE_DEFERRED = _DEFERRABLE.format(having="bool_or(condeferrable AND conparentid = 0)")
_BEGIN_DEFERRED = _DEFERRABLE.format(having="bool_and(condeferred) AND bool_or(conparentid = 0)")


@dataclass(frozen=True, slots=True)
class Job:
    """A change that is to be deployed.

    Attributes:
        change: The line of the plan.
        scripts: What to run.
        requires: What it requires, as written and as the id of the deployed change that meets it.
    """

    change: Change
    scripts: Scripts
    requires: tuple[tuple[str, str], ...]


def begin_change(connection: Connection, *, lock_timeout: float) -> str:
    """Open a transaction in a clean session and keep every other deployer out of the registry.

    Args:
        connection: A session outside of a transaction.
        lock_timeout: Seconds that a statement may wait for a lock.

    Returns:
        The registry's stamp (:data:`muniment.migrate.registry.STAMP`): is it still what was read?

    Raises:
        StatementFailed: The lock on the registry was not granted in time.
        ConnectFailed: The connection is lost.
    """
    part = Part.of(
        "lock on the registry",
        *CLEAN,
        "BEGIN",
        *session_settings(lock_timeout),
        LOCK_REGISTRY,
        STAMP,
    )
    return run_batch(connection, [part])[0] or ""


def begin_next_change(connection: Connection, *, lock_timeout: float) -> None:
    """Do for the change before what its commit would do, in a transaction that goes on.

    Deferred constraints are checked, and then are deferred as they were; what the scripts have left
    in the session goes.

    Args:
        connection: A session in a transaction.
        lock_timeout: Seconds that a statement may wait for a lock.

    Raises:
        StatementFailed: A deferred constraint is violated.
        ConnectFailed: The connection is lost.
    """
    doing = "check of deferred constraints"
    deferrable, deferred = run_batch(
        connection, [Part.of(doing, _CAN_BE_DEFERRED), Part.of(doing, _BEGIN_DEFERRED)]
    )
    parts: list[Part] = []
    if deferrable is not None:
        parts.append(Part.of(doing, f"SET CONSTRAINTS {deferrable} IMMEDIATE"))
    if deferred is not None:
        parts.append(Part.of(doing, f"SET CONSTRAINTS {deferred} DEFERRED"))
    parts.append(Part.of("reset of the session", *CLEAN, *session_settings(lock_timeout)))
    run_batch(connection, parts)


def apply_change(
    connection: Connection, script: Script, *, verify: Script | None, lock_timeout: float
) -> None:
    """Run the script of a change in the open transaction, then its verify script if there is one.

    The verify script sees what is not committed yet, and what it does itself is undone.

    Args:
        connection: A session in a transaction.
        script: The deploy or the revert script.
        verify: The verify script.
        lock_timeout: Seconds that a statement may wait for a lock, unless the script says.

    Raises:
        StatementFailed: A script failed, or it made this session lose the deploy lock.
        ConnectFailed: The connection is lost.
    """
    parts = [
        Part.body(script),
        # The script's role and settings end here; sqitch runs what follows in another session.
        Part.of("reset of the session", *RESET, *session_settings(lock_timeout)),
    ]
    if verify is not None:
        parts += [
            Part.of("savepoint", "SAVEPOINT muniment_verify"),
            Part.body(verify),
            Part.of(
                "savepoint",
                "ROLLBACK TO SAVEPOINT muniment_verify",
                "RELEASE SAVEPOINT muniment_verify",
            ),
        ]
    parts.append(Part.of("check of the deploy lock", HOLDS_LOCK))
    if run_batch(connection, parts)[-1] != "t":
        raise StatementFailed(
            LOST_LOCK,
            part=parts[0],
            hint="A script must not call pg_advisory_unlock_all(), and the connection must not go "
            "through a pooler that shares sessions.",
        )


def prove_change(connection: Connection, script: Script, *, lock_timeout: float) -> None:
    """Run a verify script in a clean session and a transaction of its own, which is rolled back.

    Args:
        connection: A session outside of a transaction.
        script: The verify script.
        lock_timeout: Seconds that a statement may wait for a lock.

    Raises:
        StatementFailed: The script failed.
        ConnectFailed: The connection is lost.
    """
    parts = [
        Part.of("start of the session", *CLEAN, "BEGIN", *session_settings(lock_timeout)),
        Part.body(script),
        Part.of("rollback", "ROLLBACK"),
    ]
    try:
        run_batch(connection, parts)
    except StatementFailed:
        roll_back(connection)
        raise


def record_change(connection: Connection, statements: Sequence[str], *, commit: bool) -> str:
    """Write rows into the registry and, if wanted, commit.

    Args:
        connection: A session in a transaction.
        statements: What to write (:class:`muniment.migrate.recorder.Recorder`).
        commit: Whether to end the transaction; if not, the caller will.

    Returns:
        The registry's new stamp.

    Raises:
        StatementFailed: The registry refused a row, or a deferred constraint the commit.
        ConnectFailed: The connection is lost. If it was during the commit, nobody knows.
    """
    parts = [Part.of("record in the registry", *statements, STAMP)]
    if commit:
        parts.append(Part.of("commit", "COMMIT"))
    return run_batch(connection, parts)[0] or ""


def write_registry(
    connection: Connection, statements: Sequence[str], *, lock_timeout: float
) -> str:
    """Write into the registry in a transaction of its own.

    Args:
        connection: A session outside of a transaction.
        statements: What to write (:class:`muniment.migrate.recorder.Recorder`).
        lock_timeout: Seconds that a statement may wait for a lock.

    Returns:
        The registry's new stamp.

    Raises:
        StoreError: It refused.
        ConnectFailed: The connection is lost.
    """
    written = Part.of(
        "record in the registry", "BEGIN", *session_settings(lock_timeout), *statements, "COMMIT"
    )
    try:
        return run_batch(connection, [written, Part.of("registry", STAMP)])[1] or ""
    except StatementFailed as error:
        roll_back(connection)
        raise StoreError(
            f"cannot write the registry: {error.message}",
            sqlstate=error.sqlstate,
            constraint=error.constraint,
            hint=error.hint,
        ) from error


def session_settings(lock_timeout: float, *, local: bool = True) -> tuple[str, ...]:
    """Return the statements after which a clean session is ready for a script.

    Args:
        lock_timeout: Seconds that a statement may wait for a lock; 0 means as long as it takes.
        local: Whether they end with the open transaction.
    """
    scope = "LOCAL" if local else "SESSION"
    return (
        f"SET {scope} client_encoding = 'UTF8'",
        f"SET {scope} lock_timeout = {round(lock_timeout * 1000)}",
        # A server process whose client was killed ends within a second instead of at the end of
        # its statement, and with it the deploy lock. Windows cannot watch a socket meanwhile.
        "SELECT set_config('client_connection_check_interval', '1s', "
        f"{'true' if local else 'false'}) WHERE version() !~* 'msvc|visual c|mingw'",
    )

"""`muniment doctor`: look at everything, change nothing, and say what repairs what is wrong.

Each check is a function in :data:`CHECKS`. It takes the :class:`~.facts.Facts` and yields what it
has to say; its name is that of the check, and its docstring says what holds where nothing is wrong.
To add one, write the function, put it into the tuple and, if it asks the catalogue something new,
the query into queries/doctor.sql.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from muniment._db import Connection
from muniment.migrate.doctor import catalog, records, server, sessions
from muniment.migrate.doctor.facts import Facts, Unseen, name_database
from muniment.migrate.doctor.report import Examined, Finding, Note, Remark, Repair, State, Unknown
from muniment.migrate.projects import Projects

__all__ = ["CHECKS", "Examined", "Finding", "Repair", "State", "examine", "name_database"]

# Seconds after which a session that does nothing is in the way.
IDLE_AFTER = 300.0

Check = Callable[[Facts], Iterator[Remark]]

CHECKS: tuple[Check, ...] = (
    server.server,
    server.pooler,
    server.durability,
    records.plans,
    records.registry,
    records.history,
    records.drift,
    records.half_done,
    records.stray_rows,
    sessions.deploy_lock,
    sessions.orphaned_scripts,
    sessions.unrecorded_changes,
    sessions.blocking_sessions,
    records.yoyo_files,
    records.yoyo_view,
    records.yoyo_lock,
    catalog.indexes,
    catalog.partitions,
    catalog.constraints,
    catalog.roles,
    catalog.deployer,
    catalog.ownership,
    catalog.row_security,
    catalog.partitions_ahead,
)


def examine(
    connection: Connection,
    projects: Projects,
    *,
    idle_after: float = IDLE_AFTER,
    named_dsn: str | None = None,
    named_sql_dir: Path | None = None,
    other_registry: tuple[str, str] | None = None,
) -> Iterator[Examined]:
    """Look at a database and at the plans, as far as this role may.

    It writes nothing, waits for no lock longer than a second, and works on a standby.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        idle_after: Seconds after which a session that does nothing is in the way.
        named_dsn: The database, if the commands that repair have to name it.
        named_sql_dir: The sql directory, likewise.
        other_registry: Where sqitch is told to keep its record elsewhere, and in which schema.

    Yields:
        What each of :data:`CHECKS` has found, in their order.

    Raises:
        ConnectFailed: The connection is lost.
    """
    facts = Facts.read(
        connection,
        projects,
        idle_after=idle_after,
        named_dsn=named_dsn,
        named_sql_dir=named_sql_dir,
        other_registry=other_registry,
    )
    for check in CHECKS:
        yield _examine(check, facts)


def _examine(check: Check, facts: Facts) -> Examined:
    remarks: list[Remark] = []
    try:
        # One by one: what was found before something could not be seen, counts.
        for remark in check(facts):
            remarks.append(remark)
    except Unseen as error:
        remarks.append(Unknown(str(error)))
    return Examined(
        check=check.__name__,
        findings=tuple(one for one in remarks if isinstance(one, Finding)),
        unknown=tuple(one.reason for one in remarks if isinstance(one, Unknown)),
        notes=tuple(one.text for one in remarks if isinstance(one, Note)),
    )

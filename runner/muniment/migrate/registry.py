"""The state of record: sqitch's registry, version 1.1, as it is read.

The DDL is in registry.sql, and what is written in :mod:`muniment.migrate.recorder`. Beside it stand
three tables of this package, details.sql, which a registry made by sqitch does not have at first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from muniment._db import Connection, dict_row, translated
from muniment.errors import AccessDenied, StoreError
from muniment.migrate.plan import Change, Dependency

__all__ = [
    "STAMP",
    "VERSION",
    "Deployed",
    "Entry",
    "HalfDone",
    "History",
    "Registry",
    "read_dependents",
    "read_log",
    "read_progress",
    "read_registry",
]

VERSION = "1.1"

# A statement whose answer changes with every deploy and revert, whoever did it.
STAMP = """
SELECT concat_ws('/', count(*), extract(epoch FROM max(committed_at))) AS stamp
FROM sqitch.changes"""

# By the catalog, because to_regclass() raises where a role may not look into the schema.
_EXISTS = """
SELECT
    bool_or(nspname = 'sqitch') IS TRUE AS exists,
    count(*) FILTER (WHERE nspname = 'muniment') = 3 AS has_details,
    count(*) FILTER (
        WHERE nspname = 'muniment'
        AND has_schema_privilege(namespace.oid, 'USAGE')
        AND has_table_privilege(class.oid, 'SELECT')
    ) = 3 AS can_read_details,
    (
        -- A superuser writes into what others own; anybody else has their own rights at most.
        SELECT string_agg(format('%s %s belongs to %s', kind, name, pg_get_userbyid(owner)), ', ')
        FROM (
            SELECT 'schema' AS kind, nspname::text AS name, nspowner AS owner
            FROM pg_catalog.pg_namespace
            WHERE nspname IN ('sqitch', 'muniment')
            UNION ALL
            SELECT 'table', format('%s.%s', nspname, relname), relowner
            FROM pg_catalog.pg_class AS inner_class
            INNER JOIN pg_catalog.pg_namespace AS inner_namespace
                ON inner_namespace.oid = inner_class.relnamespace
            WHERE nspname IN ('sqitch', 'muniment')
                AND relkind IN ('r', 'p', 'v', 'm', 'f')
        ) AS found
        WHERE (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
            AND owner NOT IN (
                SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper
                UNION ALL
                SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
            )
    ) AS strangers
FROM pg_catalog.pg_class AS class
INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE (nspname, relname) IN (
    ('sqitch', 'changes'),
    ('muniment', 'change_detail'), ('muniment', 'change_progress'), ('muniment', 'blessing')
)
"""

_CHANGES = """
SELECT
    c.change_id, c.project, c.change AS name, c.script_hash, {details},
    c.committed_at, c.committer_name, c.committer_email
FROM sqitch.changes AS c
{join}
ORDER BY c.committed_at
"""
_WITH_DETAILS = {
    "details": "d.revert_hash, d.verify_hash",
    "join": "LEFT JOIN muniment.change_detail AS d USING (change_id)",
}
_WITHOUT_DETAILS = {"details": "NULL AS revert_hash, NULL AS verify_hash", "join": ""}

_HALF_DONE = """
SELECT
    change_id, project, change AS name, action, statement_hashes, is_running, error,
    started_at, committer_name, committer_email
FROM muniment.change_progress
"""

_EVENTS = """
SELECT
    event, change_id, project, change AS name, note, requires, conflicts, tags,
    committed_at, committer_name, committer_email
FROM sqitch.events
ORDER BY committed_at DESC
LIMIT %s
"""

_DEPENDENTS = """
SELECT change_id, dependency_id
FROM sqitch.dependencies
WHERE dependency_id = ANY (%(ids)s)
    AND change_id <> ALL (%(ids)s)
ORDER BY array_position(%(ids)s, dependency_id), change_id
"""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A change that is deployed.

    Attributes:
        change_id: sqitch's id.
        project: Its project.
        name: Its name.
        script_hash: SHA-1 of the deploy script as it was run; None if sqitch had no file.
        revert_hash: SHA-1 of the revert script at that time; None if sqitch deployed the change.
        verify_hash: The same of the verify script.
        committed_at: When it was deployed; the order of these is the order of deployment.
        committer_name: Who deployed it.
        committer_email: Their address.
    """

    change_id: str
    project: str
    name: str
    script_hash: str | None
    revert_hash: str | None
    verify_hash: str | None
    committed_at: datetime
    committer_name: str
    committer_email: str

    @property
    def qualified(self) -> str:
        """The name with its project: ``project:name``."""
        return f"{self.project}:{self.name}"


@dataclass(frozen=True, slots=True)
class HalfDone:
    """A change whose script cannot run in a transaction, and has not come to its end.

    Attributes:
        change_id: sqitch's id.
        project: Its project.
        name: Its name.
        action: ``deploy`` or ``revert``: which script was being run.
        statement_hashes: SHA-1 of each statement that is done, in the order of the script.
        is_running: Whether the statement after these was begun.
        error: The server's words if that failed; None if the run was interrupted, or goes on.
        started_at: When the script was begun.
        committer_name: Who began it.
        committer_email: Their address.
    """

    change_id: str
    project: str
    name: str
    action: str
    statement_hashes: list[str]
    is_running: bool
    error: str | None
    started_at: datetime
    committer_name: str
    committer_email: str

    @property
    def qualified(self) -> str:
        """The name with its project: ``project:name``."""
        return f"{self.project}:{self.name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the history: ``event`` is deploy, revert, fail or (sqitch's own) merge."""

    event: str
    change_id: str
    project: str
    name: str
    note: str
    requires: list[str]
    conflicts: list[str]
    tags: list[str]
    committed_at: datetime
    committer_name: str
    committer_email: str


@dataclass(slots=True)
class Registry:
    """What the registry said when it was read.

    Attributes:
        exists: Whether there is one.
        has_details: Whether the tables that this package adds are there too.
        stamp: The answer to :data:`STAMP` at that time.
        projects: The URI of each registered project.
        changes: What is deployed, in the order of deployment.
        tags: Name of each tag, as ``project`` and ``@tag``, with the change that it is on.
        tag_ids: The ids of these tags.
        half_done: Changes that were begun and not brought to an end.
    """

    exists: bool = False
    has_details: bool = False
    stamp: str = ""
    projects: dict[str, str | None] = field(default_factory=dict)
    changes: list[Deployed] = field(default_factory=list)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    tag_ids: set[str] = field(default_factory=set)
    half_done: list[HalfDone] = field(default_factory=list)

    def of(self, project: str) -> list[Deployed]:
        """Return what is deployed of one project, in the order of deployment."""
        return [change for change in self.changes if change.project == project]

    def history(self) -> History:
        """Return a copy that future deploys can be tried on."""
        return History(
            [(change.project, change.name, change.change_id) for change in self.changes],
            dict(self.tags),
        )


@dataclass(slots=True)
class History:
    """Changes in the order of deployment, and the tags on them; grows as changes are added."""

    changes: list[tuple[str, str, str]]
    tags: dict[tuple[str, str], str]

    def add(self, change: Change) -> None:
        """Take a change as deployed."""
        self.changes.append((change.project, change.name, change.change_id))
        for tag in change.tags:
            self.tags[change.project, f"@{tag.name}"] = change.change_id

    def resolve(self, dependency: Dependency) -> str | None:
        """Return the id of the deployed change that a dependency means, or None.

        A name means its first instance, ``name@tag`` the newest that the tag covers (DBIEngine,
        ``change_id_for`` with ``first``).
        """
        if dependency.change_id:
            return next((key for _, _, key in self.changes if key == dependency.change_id), None)
        tagged = self._tagged(dependency.project, dependency.tag) if dependency.tag else None
        if dependency.tag and (tagged is None or not dependency.change):
            return tagged
        instance = None
        for project, name, change_id in self.changes:
            if (project, name) == (dependency.project, dependency.change):
                if not dependency.tag:
                    return change_id
                instance = change_id
            if change_id == tagged:
                break
        return instance

    def _tagged(self, project: str, tag: str) -> str | None:
        """Return the change that a tag is on; ``ROOT`` and ``HEAD`` are the first and the last."""
        if tag in {"ROOT", "HEAD"}:
            own = [change_id for owner, _, change_id in self.changes if owner == project]
            return own[0 if tag == "ROOT" else -1] if own else None
        return self.tags.get((project, f"@{tag}"))


def read_registry(connection: Connection, *, for_a_change: bool = False) -> Registry:
    """Read what is deployed, in a read-only transaction and without any lock worth the name.

    Args:
        connection: Where to read.
        for_a_change: Whether something is going to be changed by it. Then what is half done must be
            seen too, and the tables must be those of somebody who is trusted.

    Raises:
        StoreError: The registry is of another version, or somebody else's trap.
        AccessDenied: This role may not read it.
    """
    with translated("cannot read the registry"):
        cursor = connection.cursor(row_factory=dict_row)
        try:
            cursor.execute(
                f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_EXISTS}", prepare=False
            )
            cursor.nextset()
            found = cursor.fetchone()
            assert found is not None  # noqa: S101  (an aggregate gives one row)
            registry = Registry(found["exists"], found["has_details"])
            if for_a_change:
                _check_rights(found)
            if registry.exists:
                _read_tables(cursor, registry, can_read_details=found["can_read_details"])
        finally:
            connection.rollback()
    return registry


def _check_rights(found: dict[str, Any]) -> None:
    if found["strangers"]:
        raise StoreError(
            f"the registry is not trusted: {found['strangers']}",
            hint="Who owns a table can let it run code as whoever writes into it. Nothing has been "
            "changed. If it is yours, give it to the owner of the database: ALTER SCHEMA ... OWNER "
            "TO, ALTER TABLE ... OWNER TO.",
        )
    if found["has_details"] and not found["can_read_details"]:
        raise AccessDenied(
            "cannot read what is half done: no right on the schema muniment",
            sqlstate="42501",
            hint="Nothing has been changed. Deploy as the role that made the registry, or have it "
            "say: GRANT USAGE ON SCHEMA muniment TO ...; GRANT SELECT, INSERT, UPDATE, DELETE ON "
            "ALL TABLES IN SCHEMA muniment TO ...;",
        )


def _read_tables(cursor: Any, registry: Registry, *, can_read_details: bool) -> None:
    details = _WITH_DETAILS if can_read_details else _WITHOUT_DETAILS
    cursor.execute(
        "; ".join(
            [
                "SELECT max(version)::text AS version FROM sqitch.releases",
                STAMP,
                "SELECT project, uri FROM sqitch.projects",
                _CHANGES.format(**details),
                "SELECT tag_id, project, tag, change_id FROM sqitch.tags",
                *([f"{_HALF_DONE} ORDER BY started_at"] if can_read_details else []),
                "COMMIT",
            ]
        ),
        prepare=False,
    )
    _check_version(cursor.fetchone()["version"])
    cursor.nextset()
    registry.stamp = cursor.fetchone()["stamp"]
    cursor.nextset()
    registry.projects = {row["project"]: row["uri"] for row in cursor}
    cursor.nextset()
    registry.changes = [Deployed(**row) for row in cursor]
    cursor.nextset()
    for row in cursor:
        registry.tags[row["project"], row["tag"]] = row["change_id"]
        registry.tag_ids.add(row["tag_id"])
    if can_read_details:
        cursor.nextset()
        registry.half_done = [HalfDone(**row) for row in cursor]


def _check_version(version: str | None) -> None:
    if version != VERSION:
        raise StoreError(
            f"the registry is not of version {VERSION}: {version or 'no release is recorded'}",
            hint="Run `sqitch upgrade` with a sqitch that knows version 1.1, then try again.",
        )


def read_log(connection: Connection, *, limit: int | None = None) -> list[Entry]:
    """Return the history, newest first; nothing where there is no registry.

    Args:
        connection: Where to read.
        limit: How many entries at most; None for all.

    Raises:
        StoreError: The registry is of another version.
        AccessDenied: This role may not read it.
    """
    if not read_registry(connection).exists:
        return []
    with translated("cannot read the registry"):
        cursor = connection.cursor(row_factory=dict_row)
        return [Entry(**row) for row in cursor.execute(_EVENTS, (limit,), prepare=False)]


def read_progress(connection: Connection, change_id: str) -> HalfDone | None:
    """Return how far the script of a change has come that is not one transaction."""
    with translated("cannot read how far a change has come"):
        cursor = connection.cursor(row_factory=dict_row)
        row = cursor.execute(
            f"{_HALF_DONE} WHERE change_id = %s", (change_id,), prepare=False
        ).fetchone()
    return HalfDone(**row) if row else None


def read_dependents(connection: Connection, change_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return which other changes require some, as ids: the one that requires, the one required.

    Args:
        connection: Where to read.
        change_ids: The changes that may be required; the order of the answer is theirs.
    """
    with translated("cannot read the registry"):
        rows = connection.execute(_DEPENDENTS, {"ids": list(change_ids)}, prepare=False)
    return [(dependent, required) for dependent, required in rows]

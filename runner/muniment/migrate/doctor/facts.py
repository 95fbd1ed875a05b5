"""What the checks look at: the plans, the registry and the catalogue, read once for all of them.

Everything is read in READ ONLY transactions that wait for a lock no longer than a second, and in
few round trips: one for the questions that every role may ask of the catalogue, one for the tables
that they have shown to be there, two for the registry. A question that is refused does not spoil
the others; whoever needs its answer is told that it is not known.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from muniment._db import Connection, dict_row, sql, translated
from muniment.errors import ConnectFailed, PlanError, StoreError
from muniment.migrate.batch import Part, StatementFailed, roll_back, run_batch
from muniment.migrate.doctor.report import Repair, Unknown
from muniment.migrate.plan import Plan
from muniment.migrate.projects import Projects
from muniment.migrate.registry import STAMP, Registry, read_registry
from muniment.migrate.script import Script
from muniment.queries import query

__all__ = ["Facts", "Row", "Unseen", "name_database"]

Row = dict[str, Any]

# Answered by the catalogue, all in one round trip.
_CATALOGUE = (
    "session",
    "server",
    "settings",
    "asynchronous",
    "deploy_lock",
    "sessions",
    "prepared",
    "invalid_indexes",
    "pending_detachments",
    "unproven_constraints",
    "roles",
    "memberships",
    "role_settings",
    "deployer",
    "strangers",
    "policies",
    "partition_grants",
    "calendar",
    "yoyo",
    "registry_tables",
)

# The lock is that of whoever alters a table or a view just now.
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '1s'"
_PLAIN_VIEW = (
    "SET LOCAL search_path = pg_catalog; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO';"
    " SET LOCAL client_encoding = 'UTF8'"
)

# Who holds yoyo's lock has a session from which it could write this. Where a process id says
# something, because the session comes from where this one comes from, it is `near`.
_YOYO_LOCK = """
SELECT
    lock.pid,
    lock.ctime AS since,
    count(session.pid) FILTER (WHERE session.is_near) AS near,
    count(session.pid) FILTER (WHERE NOT session.is_near) AS far
FROM {quoted} AS lock
LEFT JOIN (
    SELECT
        activity.pid,
        activity.state IS NOT NULL AND origin.name = own.name AS is_near
    FROM pg_stat_activity AS activity
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN activity.client_addr IS NULL OR activity.client_addr <<= '127.0.0.0/8'
                OR activity.client_addr = '::1'
            THEN 'local'
            ELSE host(activity.client_addr)
        END
    ) AS origin (name)
    CROSS JOIN (
        SELECT CASE
            WHEN inet_client_addr() IS NULL OR inet_client_addr() <<= '127.0.0.0/8'
                OR inet_client_addr() = '::1'
            THEN 'local'
            ELSE host(inet_client_addr())
        END
    ) AS own (name)
    WHERE activity.datname = current_database()
        AND activity.pid <> pg_backend_pid()
        AND activity.usesysid IS NOT NULL
        AND coalesce(activity.backend_type, 'client backend') = 'client backend'
        AND activity.application_name NOT IN ('psql', 'sqitch', 'muniment')
        AND has_table_privilege(activity.usesysid, {literal}::regclass, 'INSERT')
) AS session ON true
GROUP BY lock.pid, lock.ctime"""

# Of what a session was opened with, what it takes to open another one there; a psql that is older
# than this libpq does not know the rest.
_PLACE = (
    *("host", "hostaddr", "port", "dbname", "user", "service", "options"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"),
)


def name_database(connection: Connection) -> str:
    """Return a libpq connection string that leads where a session is, without a password."""
    given = connection.info.get_parameters()
    if "host" in given:
        given.pop("hostaddr", None)
    return " ".join(f"{key}={_conninfo_value(given[key])}" for key in _PLACE if key in given)


def _conninfo_value(value: str) -> str:
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    return "'" + re.sub(r"(['\\])", r"\\\1", value) + "'"


class Unseen(Exception):
    """What a check asks for could not be read; the message says why."""


@dataclass
class Facts:
    """What is known of a database and of the plans.

    Attributes:
        connection: The session that asks.
        projects: The plans and scripts.
        idle_after: Seconds after which a session that does nothing is in the way.
        named_dsn: The database, where the caller had to name it to a command.
        named_sql_dir: The sql directory, likewise.
        other_registry: Where sqitch is told to keep its record elsewhere, and in which schema.
        plans: The plans that are in order.
        plan_errors: What is wrong with the others.
        registry_error: Why the registry could not be read.
    """

    connection: Connection
    projects: Projects
    idle_after: float
    named_dsn: str | None
    named_sql_dir: Path | None
    other_registry: tuple[str, str] | None
    plans: dict[str, Plan] = field(default_factory=dict)
    plan_errors: list[PlanError] = field(default_factory=list)
    registry_error: StoreError | None = None
    _registry: Registry | None = None
    _answers: dict[str, list[Row] | StoreError] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        connection: Connection,
        projects: Projects,
        *,
        idle_after: float,
        named_dsn: str | None,
        named_sql_dir: Path | None,
        other_registry: tuple[str, str] | None,
    ) -> Facts:
        """Read what most checks need.

        Raises:
            ConnectFailed: The connection is lost.
        """
        facts = cls(connection, projects, idle_after, named_dsn, named_sql_dir, other_registry)
        facts._read_plans()
        for _attempt in range(3):
            facts._read_registry()
            facts._ask({name: query(f"doctor.{name}").decode() for name in _CATALOGUE})
            facts._ask(facts._tables_to_read())
            if not facts._is_stale():
                break
        return facts

    # What is asked for --------------------------------------------------------

    def rows(self, name: str) -> list[Row]:
        """Return the answer to a query of doctor.sql, or to one about a table by its name.

        Raises:
            Unseen: The server refused it.
        """
        if name not in self._answers:
            self._ask({name: query(f"doctor.{name}").decode()})
        answer = self._answers[name]
        if isinstance(answer, StoreError):
            raise Unseen(answer.message)
        return answer

    def row(self, name: str) -> Row:
        """Return the answer that is one row; raises as :meth:`rows` does."""
        (row,) = self.rows(name)
        return row

    @property
    def registry(self) -> Registry:
        """What is deployed.

        Raises:
            Unseen: The registry could not be read.
        """
        if self._registry is None:
            assert self.registry_error is not None  # noqa: S101  (one of the two is there)
            raise Unseen(self.registry_error.message)
        return self._registry

    def unread_plans(self) -> Iterator[Unknown]:
        """Yield what a check that goes from plan to plan has to say of those it does not have."""
        if self.plan_errors:
            names = sorted(set(self.projects.names) - set(self.plans))
            yield Unknown(f"what concerns {', '.join(names)}, whose plan cannot be read")

    @cached_property
    def deploy_lock_holder(self) -> Row | None:
        """Who holds the deploy lock: a session of ``sessions``, or just its ``pid``.

        Raises:
            Unseen: The sessions of the primary cannot be seen from here.
        """
        self.require_primary()
        holders = self.rows("deploy_lock")
        if not holders:
            return None
        pid = holders[0]["pid"]
        found = (session for session in self.rows("sessions") if session["pid"] == pid)
        return next(found, {"pid": pid, "application": "unnamed", "state": None})

    def require_primary(self) -> None:
        """Raise Unseen on a standby, which does not see the sessions of its primary."""
        if self.row("session")["is_standby"]:
            raise Unseen("this server is a standby; ask the primary")

    @property
    def progress(self) -> list[Row]:
        """How far scripts have come that are not one transaction, of those that have not ended.

        Raises:
            Unseen: The table could not be read.
        """
        there = {row["name"] for row in self.rows("registry_tables")}
        if not self.registry.exists or "change_progress" not in there:
            return []
        return self.rows("progress")

    def is_past(self) -> bool:
        """Whether somebody has deployed since this was read, or does so now."""
        self._ask({"stamp": STAMP, "deploy_lock": query("doctor.deploy_lock").decode()})
        return self._is_stale() or bool(self.rows("deploy_lock"))

    def prove(self, script: Script) -> None:
        """Run a verify script in a READ ONLY transaction that is rolled back.

        Raises:
            StatementFailed: It failed.
            ConnectFailed: The connection is lost.
        """
        parts = [
            Part.of(
                "start",
                "BEGIN READ ONLY",
                "SET LOCAL client_encoding = 'UTF8'",
                "SET LOCAL lock_timeout = '1s'",
            ),
            Part.body(script),
            Part.of("rollback", "ROLLBACK"),
        ]
        try:
            run_batch(self.connection, parts)
        except StatementFailed:
            roll_back(self.connection)
            raise

    # How a repair is written --------------------------------------------------

    def muniment(self, *words: str, sql_dir: bool = True, dsn: bool = True) -> Repair:
        """Return a command of muniment, with the options that it takes to mean the same."""
        options: list[str] = []
        if sql_dir and self.named_sql_dir is not None:
            options += ["--sql-dir", str(self.named_sql_dir)]
        if dsn and self.named_dsn is not None:
            options += ["--dsn", self.named_dsn]
        return Repair("shell", shlex.join(["muniment", *words, *options]))

    def unmistakable(self, project: str, name: str, change_id: str) -> str:
        """Return ``project:name``, or the id in place of a name that the plan has twice."""
        plan = self.plans.get(project)
        count = sum(change.name == name for change in plan.changes) if plan else 1
        return f"{project}:{name if count == 1 else change_id}"

    def identifier(self, *names: str) -> str:
        """Return a name, or a schema and a name, as SQL has it, with quotes."""
        return sql.Identifier(*names).as_string(self.connection)

    def literal(self, value: str) -> str:
        """Return a text as SQL has it."""
        return sql.Literal(value).as_string(self.connection)

    # Reading ------------------------------------------------------------------

    def _read_plans(self) -> None:
        for name in self.projects.names:
            try:
                self.plans[name] = self.projects.plan(name)
            except PlanError as error:
                self.plan_errors.append(error)

    def _read_registry(self) -> None:
        try:
            self._registry = read_registry(self.connection)
            self.registry_error = None
        except ConnectFailed:
            raise
        except StoreError as error:
            self.registry_error = error

    def _tables_to_read(self) -> Mapping[str, str]:
        """Return what to ask of tables, of which not every database has each."""
        queries: dict[str, str] = {}
        if self._registry is not None and self._registry.exists:
            there = {row["name"] for row in self._answered("registry_tables")}
            tables = {"progress": "change_progress", "stray_details": "change_detail"}
            for name, table in tables.items():
                if table in there:
                    queries[name] = query(f"doctor.{name}").decode()
            queries["stamp"] = STAMP
        for relation in self._answered("yoyo"):
            quoted = relation["quoted"]
            if relation["name"] == "_yoyo_migration":
                columns = "migration_hash, migration_id"
                queries[quoted] = f"SELECT {columns} FROM {quoted} ORDER BY migration_id"  # noqa: S608
            else:
                queries[quoted] = _YOYO_LOCK.format(quoted=quoted, literal=self.literal(quoted))
        for parent in self._answered("calendar"):
            if parent["default_size"]:
                quoted = parent["default_partition"]
                queries[quoted] = f"SELECT 1 AS row FROM ONLY {quoted} LIMIT 1"  # noqa: S608
        return queries

    def _is_stale(self) -> bool:
        """Whether the registry was another one when the rest was read."""
        if self._registry is None or not self._registry.exists:
            return False
        return any(row["stamp"] != self._registry.stamp for row in self._answered("stamp"))

    def _answered(self, name: str) -> Sequence[Row]:
        answer = self._answers[name]
        return [] if isinstance(answer, StoreError) else answer

    def _ask(self, queries: Mapping[str, str]) -> None:
        """Ask in one round trip; if something is refused, one by one, to see which it is."""
        if not queries:
            return
        try:
            self._answers.update(self._answer(queries))
        except StoreError:
            for name, text in queries.items():
                try:
                    self._answers.update(self._answer({name: text}))
                except ConnectFailed:
                    raise
                except StoreError as error:
                    self._answers[name] = error

    def _answer(self, queries: Mapping[str, str]) -> dict[str, list[Row]]:
        # What the session is like is asked before it is made like every other.
        ordered = sorted(queries, key=lambda name: name != "session")
        settings = [_PLAIN_VIEW] if ordered[0] != "session" else []
        texts = [_BEGIN, *settings]
        for name in ordered:
            texts.append(queries[name].rstrip().removesuffix(";"))
            if name == "session":
                texts.append(_PLAIN_VIEW)
        found: dict[str, list[Row]] = {}
        with translated("cannot look"):
            cursor = self.connection.cursor(row_factory=dict_row)
            try:
                cursor.execute("; ".join([*texts, "COMMIT"]), prepare=False)
                for name in ordered:
                    while cursor.description is None and cursor.nextset():
                        pass
                    found[name] = cursor.fetchall()
                    cursor.nextset()
            finally:
                self.connection.rollback()
        return found

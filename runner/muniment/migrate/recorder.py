"""What is written into the registry, as sqitch writes it.

Row for row this follows App::Sqitch::Role::DBIEngine and App::Sqitch::Engine::pg, read at 1.3.1, so
that `sqitch status`, `log`, `verify`, `check`, `deploy` and `revert` go on from what is written
here, and the other way round. One thing differs on purpose: committed_at never goes back, although
a clock may, because it is the order of deployment.

Everything is returned as text with the values in it, to be put into one round trip with the rest of
a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from muniment._db import Connection, sql
from muniment.migrate.plan import Change, Plan, Tag
from muniment.migrate.registry import VERSION
from muniment.migrate.settings import Committer

__all__ = ["Recorder"]


class Recorder:
    """Writes the statements that put things into the registry, with the values in them.

    Args:
        connection: Where they will run; it knows how to quote.
        committer: Who is named as the one that does it.
    """

    def __init__(self, connection: Connection, committer: Committer) -> None:
        self._connection = connection
        self._committer = committer

    def create_registry(self) -> list[str]:
        """Return what creates the registry, with its release row."""
        return [
            *_statements("registry.sql"),
            self._insert(
                "sqitch.releases (version, installer_name, installer_email)",
                [VERSION, self._committer.name, self._committer.email],
            ),
        ]

    def create_details(self) -> list[str]:
        """Return what creates the tables of this package, those of them that are not there."""
        return _statements("details.sql")

    def register(self, plan: Plan) -> str:
        """Return what registers a project (DBIEngine, ``register_project``)."""
        return self._insert(
            "sqitch.projects (project, uri, creator_name, creator_email)",
            [plan.project, plan.uri, self._committer.name, self._committer.email],
        )

    def tag(self, change: Change, tag: Tag) -> str:
        """Return what records a tag on a change."""
        return self._insert(
            "sqitch.tags (tag_id, tag, project, change_id, note, committer_name, committer_email,"
            " planned_at, planner_name, planner_email)",
            [
                tag.tag_id,
                f"@{tag.name}",
                change.project,
                change.change_id,
                tag.note,
                self._committer.name,
                self._committer.email,
                tag.planned_at,
                tag.planner_name,
                tag.planner_email,
            ],
        )

    def deployed(
        self, change: Change, *, script_hash: str, requires: Sequence[tuple[str, str]]
    ) -> list[str]:
        """Return what records a deploy (DBIEngine, ``log_deploy_change``).

        Args:
            change: The change.
            script_hash: SHA-1 of its deploy script.
            requires: What it requires, as written and as the id of the change that meets it.
        """
        statements = [
            self._insert_in_order(
                "sqitch.changes (change_id, script_hash, change, project, note, committer_name,"
                " committer_email, planned_at, planner_name, planner_email, committed_at)",
                [change.change_id, script_hash, *self._described(change)],
            )
        ]
        dependencies: list[list[object]] = [
            [change.change_id, "require", text, change_id] for text, change_id in requires
        ]
        dependencies += [[change.change_id, "conflict", it.text, None] for it in change.conflicts]
        if dependencies:
            statements.append(
                self._insert(
                    "sqitch.dependencies (change_id, type, dependency, dependency_id)",
                    *dependencies,
                )
            )
        statements += [self.tag(change, tag) for tag in change.tags]
        return [*statements, self._event("deploy", change)]

    def details(
        self,
        change: Change,
        *,
        revert_hash: str,
        verify_hash: str,
        duration_ms: int | None,
        deployed_with: str,
    ) -> str:
        """Return what records the rest: hashes, time, and the tool with its version."""
        return self._insert(
            "muniment.change_detail (change_id, revert_hash, verify_hash, duration_ms,"
            " deployed_with)",
            [change.change_id, revert_hash, verify_hash, duration_ms, deployed_with],
        )

    def begin_progress(self, change: Change, action: str) -> str:
        """Return what says that a script is begun that is not one transaction."""
        return self._insert(
            "muniment.change_progress (change_id, project, change, action, committer_name,"
            " committer_email)",
            [
                change.change_id,
                change.project,
                change.name,
                action,
                self._committer.name,
                self._committer.email,
            ],
        )

    def step_begun(self, change: Change) -> str:
        """Return what says that the next statement of it may be done or not."""
        return self._progress(change, "is_running = true, error = NULL")

    def step_failed(self, change: Change, error: str) -> str:
        """Return what says that the next statement of it is not done, and why."""
        return self._progress(change, f"is_running = false, error = {self._literal(error)}")

    def step_done(self, change: Change, sha1: str) -> str:
        """Return what says that the next statement of it is done."""
        done = f"statement_hashes = statement_hashes || {self._literal(sha1)}::text"
        return self._progress(change, f"{done}, is_running = false, error = NULL")

    def end_progress(self, change: Change) -> str:
        """Return what belongs to the record of a change whose script was not one transaction."""
        key = self._literal(change.change_id)
        return f"DELETE FROM muniment.change_progress WHERE change_id = {key}"  # noqa: S608

    def rehashed(
        self, change: Change, *, script_hash: str, revert_hash: str, verify_hash: str
    ) -> list[str]:
        """Return what takes the scripts of a deployed change as they are, whoever deployed it."""
        key, deploy = self._literal(change.change_id), self._literal(script_hash)
        details = self._insert(
            "muniment.change_detail (change_id, revert_hash, verify_hash)",
            [change.change_id, revert_hash, verify_hash],
        )
        return [
            f"UPDATE sqitch.changes SET script_hash = {deploy} WHERE change_id = {key}",  # noqa: S608
            f"{details} ON CONFLICT (change_id) DO UPDATE"
            " SET revert_hash = excluded.revert_hash, verify_hash = excluded.verify_hash",
        ]

    def blessing(
        self, change: Change, *, script: str, old_hash: str | None, new_hash: str, reason: str
    ) -> str:
        """Return what records that the edit of one script of a deployed change was accepted."""
        return self._insert(
            "muniment.blessing (change_id, project, change, script, old_hash, new_hash, reason,"
            " committer_name, committer_email)",
            [
                change.change_id,
                change.project,
                change.name,
                script,
                old_hash,
                new_hash,
                reason,
                self._committer.name,
                self._committer.email,
            ],
        )

    def failed(self, change: Change) -> str:
        """Return what records a deploy that failed (DBIEngine, ``log_fail_change``)."""
        return self._event("fail", change)

    def reverted(self, change: Change) -> list[str]:
        """Return what records a revert (Engine::pg, ``log_revert_change``).

        Tags and dependencies are those that were deployed, which a plan may have outgrown.
        """
        key = self._literal(change.change_id)
        of_type = (
            "ARRAY(SELECT dependency FROM sqitch.dependencies WHERE change_id = {} AND type = {})"
        )
        return [
            self._event(
                "revert",
                change,
                tags=f"ARRAY(SELECT tag FROM sqitch.tags WHERE change_id = {key})",  # noqa: S608
                requires=of_type.format(key, "'require'"),
                conflicts=of_type.format(key, "'conflict'"),
            ),
            f"DELETE FROM sqitch.tags WHERE change_id = {key}",  # noqa: S608
            f"DELETE FROM sqitch.changes WHERE change_id = {key}",  # noqa: S608
        ]

    def _progress(self, change: Change, assigned: str) -> str:
        key = self._literal(change.change_id)
        return f"UPDATE muniment.change_progress SET {assigned} WHERE change_id = {key}"  # noqa: S608

    def _event(
        self,
        event: str,
        change: Change,
        *,
        tags: str | None = None,
        requires: str | None = None,
        conflicts: str | None = None,
    ) -> str:
        """Return what writes a line of history; arrays are the plan's unless given as SQL."""
        arrays = [
            tags or self._literal([f"@{tag.name}" for tag in change.tags]),
            requires or self._literal([item.text for item in change.requires]),
            conflicts or self._literal([item.text for item in change.conflicts]),
        ]
        return self._insert_in_order(
            "sqitch.events (event, tags, requires, conflicts, change_id, change, project, note,"
            " committer_name, committer_email, planned_at, planner_name, planner_email,"
            " committed_at)",
            [event, *map(_Sql, arrays), change.change_id, *self._described(change)],
        )

    def _described(self, change: Change) -> list[object]:
        return [
            change.name,
            change.project,
            change.note,
            self._committer.name,
            self._committer.email,
            change.planned_at,
            change.planner_name,
            change.planner_email,
        ]

    def _insert_in_order(self, into: str, values: Sequence[object]) -> str:
        """Return an INSERT whose last column, committed_at, is later than all there are."""
        table = into.partition(" ")[0]
        return (
            f"INSERT INTO {into} SELECT {self._listed(values)},"  # noqa: S608
            " greatest(clock_timestamp(), max(committed_at) + interval '1 microsecond')"
            f" FROM {table}"
        )

    def _insert(self, into: str, *rows: Iterable[object]) -> str:
        listed = ", ".join(f"({self._listed(row)})" for row in rows)
        return f"INSERT INTO {into} VALUES {listed}"  # noqa: S608

    def _listed(self, values: Iterable[object]) -> str:
        return ", ".join(self._literal(value) for value in values)

    def _literal(self, value: object) -> str:
        if isinstance(value, _Sql):
            return value
        return sql.Literal(value).as_string(self._connection)


class _Sql(str):
    """A value that is SQL already."""

    __slots__ = ()


def _statements(name: str) -> list[str]:
    """Return the statements of a file beside this one, each of which ends its line."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    code = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("--"))
    return [one.strip() for one in code.split(";\n") if one.strip()]

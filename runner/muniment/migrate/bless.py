"""Bless an edit: accept that a script of a deployed change is not what it was, and say why.

The registry knows hashes, not texts, so nobody can say here what was edited. What can be proved is
that the database is what the verify script, as it is now, asks for.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from muniment._db import Connection, dict_row, translated
from muniment.errors import ConfigError, MigrationError, PlanError, ScriptError
from muniment.migrate import locks
from muniment.migrate.attempts import blocked_by
from muniment.migrate.batch import StatementFailed
from muniment.migrate.events import (
    ChangeBlessed,
    ChangeStarted,
    Event,
    NothingToDo,
    RunFinished,
    RunPlanned,
    ScriptDiffers,
)
from muniment.migrate.failures import migration_error
from muniment.migrate.history import check_history
from muniment.migrate.notices import Notices
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, Target
from muniment.migrate.proof import prove, write_unless_changed
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import Deployed, Registry, read_registry
from muniment.migrate.script import Kind, Script
from muniment.migrate.settings import Settings

__all__ = ["Blessing", "bless", "read_blessings"]

_READABLE = """
SELECT
FROM pg_catalog.pg_class AS class
INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE nspname = 'muniment'
    AND relname = 'blessing'
    AND has_schema_privilege(namespace.oid, 'USAGE')
    AND has_table_privilege(class.oid, 'SELECT')
"""

_BLESSINGS = """
SELECT
    change_id, project, change AS name, script, old_hash, new_hash, reason,
    blessed_at, committer_name, committer_email
FROM muniment.blessing
ORDER BY blessed_at DESC
LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Blessing:
    """An edit that was accepted.

    Attributes:
        change_id: sqitch's id of the change.
        project: Its project.
        name: Its name.
        script: Which of its scripts: ``deploy``, ``revert`` or ``verify``.
        old_hash: SHA-1 of the script before; None if nobody knew.
        new_hash: SHA-1 of the script since.
        reason: Why it is right.
        blessed_at: When.
        committer_name: Who accepted it.
        committer_email: Their address.
    """

    change_id: str
    project: str
    name: str
    script: str
    old_hash: str | None
    new_hash: str
    reason: str
    blessed_at: datetime
    committer_name: str
    committer_email: str

    @property
    def qualified(self) -> str:
        """The name of the change with its project: ``project:name``."""
        return f"{self.project}:{self.name}"


@dataclass(frozen=True, slots=True)
class _Edited:
    """A deployed change, its scripts as they are now, and what was known of them.

    Attributes:
        change: The line of the plan.
        scripts: Its scripts.
        recorded: The hashes in the registry.
        is_replaced: Whether a later instance of it is deployed, so that it cannot be verified.
    """

    change: Change
    scripts: dict[Kind, Script]
    recorded: dict[Kind, str | None]
    is_replaced: bool

    @property
    def differing(self) -> list[Kind]:
        """The scripts that are not what is recorded; none if all that are recorded agree.

        Where one is accepted, those that nobody knew are taken along, and are known from then on.
        """
        differing = [kind for kind in self.scripts if self.recorded[kind] != self._now(kind)]
        return differing if any(self.recorded[kind] for kind in differing) else []

    def events(self) -> list[ScriptDiffers]:
        """What differs, for the caller of the engine."""
        return [
            ScriptDiffers(
                self.change.qualified,
                kind,
                self.scripts[kind].path,
                self.recorded[kind],
                self._now(kind),
            )
            for kind in self.differing
        ]

    def _now(self, kind: Kind) -> str:
        return self.scripts[kind].sha1


def bless(
    connection: Connection,
    projects: Projects,
    target: Target,
    *,
    reason: str,
    settings: Settings,
    dry_run: bool = False,
) -> Generator[Event, None, None]:
    """Record the scripts of a deployed change as they are now, if its verify script passes.

    The verify script of a change that a later one has reworked is not run: that has replaced what
    it looks for.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        target: The change; its spec is read against what is deployed.
        reason: Why the edit is right; it is recorded.
        settings: In whose name, and how patiently.
        dry_run: Write nothing and take no deploy lock; say what differs, and run the verify script.

    Yields:
        What happens, as it happens.

    Raises:
        ConfigError: There is no reason.
        PlanError: There is no such change, it is not deployed, or the history is not in order.
        ScriptError: A script cannot be run, or the deploy script is another deployed change's.
        LockTimedOut: Another deploy went on all the time.
        VerifyFailed: The verify script failed, and nothing was written.
        StoreError: The registry cannot be read or written, or the connection is lost.
    """
    if not reason.strip():
        raise ConfigError(
            "bless failed: no reason given", hint="Say in a sentence why the edit is right."
        )
    with Notices(connection) as notices:
        if dry_run:
            edited = _look(read_registry(connection, for_a_change=True), projects, target)
            if not edited.differing:
                yield NothingToDo("bless")
                return
            yield from edited.events()
            yield from _prove(connection, edited, settings, notices)
            yield RunPlanned("bless", (edited.change.qualified,), dry_run=True)
            return
        yield from locks.acquire(connection, wait=settings.lock_wait)
        try:
            yield from _bless(connection, projects, target, reason, settings, notices)
        finally:
            locks.release(connection)


def read_blessings(connection: Connection, *, limit: int | None = None) -> list[Blessing]:
    """Return the edits that were accepted, newest first.

    There are none where nothing was deployed, where only sqitch was used, and for a role that may
    not read them.

    Args:
        connection: Where to read.
        limit: How many at most; None for all.

    Raises:
        StoreError: The connection is lost.
    """
    with translated("cannot read what was blessed"):
        cursor = connection.cursor(row_factory=dict_row)
        if cursor.execute(_READABLE, prepare=False).rowcount == 0:
            return []
        return [Blessing(**row) for row in cursor.execute(_BLESSINGS, (limit,), prepare=False)]


def _bless(
    connection: Connection,
    projects: Projects,
    target: Target,
    reason: str,
    settings: Settings,
    notices: Notices,
) -> Iterator[Event]:
    started = time.monotonic()
    registry = read_registry(connection, for_a_change=True)
    edited = _look(registry, projects, target)
    if not edited.differing:
        yield NothingToDo("bless")
        return
    change = edited.change
    yield RunPlanned("bless", (change.qualified,), dry_run=False)
    yield from edited.events()
    yield from _prove(connection, edited, settings, notices)
    statements = _records(connection, registry, edited, reason, settings)
    timeout = settings.lock_timeout
    if not write_unless_changed(connection, registry, statements, lock_timeout=timeout):
        raise MigrationError(
            f"bless failed: {change.qualified}: somebody else wrote into the registry",
            change=change.qualified,
            hint="Nothing has been recorded. Look with `muniment status` and decide again.",
        )
    yield ChangeBlessed(change.qualified, change.change_id, tuple(edited.differing), reason)
    yield RunFinished("bless", 1, round((time.monotonic() - started) * 1000))


def _look(registry: Registry, projects: Projects, target: Target) -> _Edited:
    """Find the change and check everything that can be checked now.

    Raises:
        PlanError: There is no such change, it is not deployed, a script of it is missing, or the
            history is not in order.
        ScriptError: A script cannot be run, or the deploy script is another deployed change's.
    """
    change = _find(registry, projects, target)
    deployed = registry.of(change.project)
    recorded = deployed[change.index]
    kinds: tuple[Kind, ...] = ("deploy", "revert", "verify")
    edited = _Edited(
        change=change,
        scripts={kind: projects.script(change, kind) for kind in kinds},
        recorded={
            "deploy": recorded.script_hash,
            "revert": recorded.revert_hash,
            "verify": recorded.verify_hash,
        },
        is_replaced=any(one.name == change.name for one in deployed[change.index + 1 :]),
    )
    _refuse_copy(edited.scripts["deploy"], recorded, deployed)
    return edited


def _find(registry: Registry, projects: Projects, target: Target) -> Change:
    """Return the deployed change that is meant.

    Raises:
        PlanError: There is no such change, it is not deployed, or the history is not in order.
    """
    plan = projects.plan(target.project)
    check_history(registry, plan)
    spec = target.spec or "@HEAD"
    deployed = replace(plan, changes=plan.changes[: len(registry.of(target.project))])
    try:
        return deployed.find(spec)
    except PlanError:
        planned = plan.find(spec)
        raise PlanError(
            f"{planned.qualified} is not deployed",
            path=str(plan.path),
            line=planned.line,
            hint="Only the edit of what is deployed is blessed; see `muniment status`.",
        ) from None


def _refuse_copy(script: Script, own: Deployed, deployed: Sequence[Deployed]) -> None:
    """Refuse what the registry would refuse: it has a unique key on project and hash.

    Raises:
        ScriptError: Another deployed change has the same deploy script.
    """
    for other in deployed:
        if other.script_hash == script.sha1 and other.change_id != own.change_id:
            raise ScriptError(
                f"{other.qualified} is deployed with the very same script",
                path=script.path,
                line=1,
                hint="The registry holds a script only once: let the two differ in a comment.",
            )


def _prove(
    connection: Connection, edited: _Edited, settings: Settings, notices: Notices
) -> Iterator[Event]:
    """Run the verify script, in a transaction that is rolled back.

    Raises:
        VerifyFailed: It failed.
    """
    if edited.is_replaced:
        return
    change = edited.change
    yield ChangeStarted("verify", change.qualified, change.change_id, 1, 1)
    try:
        yield from prove(connection, notices, change, edited.scripts["verify"], settings)
    except StatementFailed as error:
        state = (
            "Nothing has been recorded: the database is not what the verify script asks for. "
            f"{blocked_by(connection, error)}"
        )
        raise migration_error("verify", change, error, state=state.strip()) from error


def _records(
    connection: Connection, registry: Registry, edited: _Edited, reason: str, settings: Settings
) -> list[str]:
    """Return what is to be written."""
    recorder = Recorder(connection, settings.committer)
    statements = [] if registry.has_details else recorder.create_details()
    statements += recorder.rehashed(
        edited.change,
        script_hash=edited.scripts["deploy"].sha1,
        revert_hash=edited.scripts["revert"].sha1,
        verify_hash=edited.scripts["verify"].sha1,
    )
    statements += [
        recorder.blessing(
            edited.change,
            script=kind,
            old_hash=edited.recorded[kind],
            new_hash=edited.scripts[kind].sha1,
            reason=reason,
        )
        for kind in edited.differing
    ]
    return statements

"""Revert changes: newest first, each one with its record in one transaction."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from muniment._db import Connection
from muniment.errors import PlanError, RevertFailed, RevertRefused
from muniment.migrate import locks
from muniment.migrate.attempts import blocked_by, carry_out
from muniment.migrate.autocommit import run_script
from muniment.migrate.batch import StatementFailed, roll_back
from muniment.migrate.change import (
    apply_change,
    begin_change,
    record_change,
    write_registry,
)
from muniment.migrate.events import (
    ChangeReverted,
    ChangeStarted,
    Event,
    NothingToDo,
    RunFinished,
    RunPlanned,
)
from muniment.migrate.failures import migration_error
from muniment.migrate.history import check_history
from muniment.migrate.notices import Notices
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, Target
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import Registry, read_dependents, read_registry
from muniment.migrate.script import Script
from muniment.migrate.settings import Settings

__all__ = ["revert", "revert_changes"]


@dataclass(frozen=True, slots=True)
class _Job:
    """A change that is to be reverted, and the script that does it."""

    change: Change
    script: Script


def revert(
    connection: Connection,
    projects: Projects,
    names: Sequence[str],
    *,
    keep: Target | None,
    settings: Settings,
    dry_run: bool = False,
) -> Generator[Event, None, None]:
    """Revert what was deployed after a change, newest first.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        names: The projects whose changes are reverted.
        keep: The change that stays with everything deployed before it; None reverts all. Its spec
            is read against what is deployed: ``@HEAD^`` is the change before the last deployed.
        settings: In whose name, and how patiently.
        dry_run: Write nothing and take no lock; say what would be done.

    Yields:
        What happens, as it happens.

    Raises:
        PlanError: A plan or a script is not in order, or is not that of what is deployed.
        LockTimedOut: Another deploy went on all the time.
        RevertRefused: A change that stays requires one that would go, or a script protects data.
        RevertFailed: A script failed, which then was rolled back.
        StoreError: The registry cannot be read or written, or the connection is lost.
    """
    if dry_run:
        _, jobs = _plan(connection, projects, names, keep, for_a_change=False)
        changes = tuple(job.change.qualified for job in jobs)
        yield RunPlanned("revert", changes, dry_run=True) if changes else NothingToDo("revert")
        return
    yield from locks.acquire(connection, wait=settings.lock_wait)
    try:
        registry, jobs = _plan(connection, projects, names, keep)
        if not jobs:
            yield NothingToDo("revert")
            return
        with Notices(connection) as notices:
            yield from _Run(connection, registry, jobs, settings, notices).events()
    finally:
        locks.release(connection)


def revert_changes(
    connection: Connection,
    projects: Projects,
    registry: Registry,
    changes: Sequence[Change],
    *,
    settings: Settings,
    notices: Notices,
) -> Iterator[Event]:
    """Revert some changes, for a caller that holds the deploy lock and knows why.

    Args:
        connection: The session that holds it.
        projects: The plans and scripts.
        registry: What is deployed.
        changes: The last deployed changes, newest first.
        settings: In whose name, and how patiently.
        notices: What the server says meanwhile.

    Yields:
        What happens, as it happens.

    Raises:
        PlanError: A script is missing or not in order.
        RevertRefused: A script protects data.
        RevertFailed: A script failed, which then was rolled back.
        StoreError: The registry cannot be written, or the connection is lost.
    """
    jobs = [_Job(change, projects.script(change, "revert")) for change in changes]
    yield from _Run(connection, registry, jobs, settings, notices).events()


class _Run:
    """A revert that holds the lock."""

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        jobs: Sequence[_Job],
        settings: Settings,
        notices: Notices,
    ) -> None:
        self._connection = connection
        self._registry = registry
        self._stamp = registry.stamp
        self._jobs = jobs
        self._settings = settings
        self._notices = notices
        self._recorder = Recorder(connection, settings.committer)
        self._reverted = 0

    def events(self) -> Iterator[Event]:
        """Revert all that was planned."""
        started = time.monotonic()
        total = len(self._jobs)
        changes = tuple(job.change.qualified for job in self._jobs)
        yield RunPlanned("revert", changes, dry_run=False)
        self._prepare()
        for number, job in enumerate(self._jobs, start=1):
            change = job.change
            yield ChangeStarted("revert", change.qualified, change.change_id, number, total)
            duration_ms = yield from self._revert_one(job)
            self._reverted += 1
            yield ChangeReverted(change.qualified, change.change_id, duration_ms)
        yield RunFinished("revert", total, round((time.monotonic() - started) * 1000))

    def _prepare(self) -> None:
        """Make the place where a script says how far it has come, if one of these has to."""
        if self._registry.has_details or all(job.script.is_transactional for job in self._jobs):
            return
        write_registry(
            self._connection,
            self._recorder.create_details(),
            lock_timeout=self._settings.lock_timeout,
        )

    def _revert_one(self, job: _Job) -> Generator[Event, None, int]:
        try:
            return (
                yield from carry_out(
                    self._connection,
                    self._notices,
                    "revert",
                    job.change,
                    lambda: self._attempt(job),
                    attempts=self._settings.attempts,
                    is_whole=job.script.is_transactional,
                )
            )
        except StatementFailed as error:
            self._fail(job, error)

    def _attempt(self, job: _Job) -> int:
        """Revert a change; return the milliseconds that its script took."""
        timeout = self._settings.lock_timeout
        self._begin(job)
        started = time.monotonic()
        rows = self._recorder.reverted(job.change)
        if job.script.is_transactional:
            apply_change(self._connection, job.script, verify=None, lock_timeout=timeout)
        else:
            roll_back(self._connection)
            run_script(
                self._connection,
                job.script,
                change=job.change,
                recorder=self._recorder,
                lock_timeout=timeout,
            )
            self._begin(job)
            rows = [*rows, self._recorder.end_progress(job.change)]
        duration_ms = round((time.monotonic() - started) * 1000)
        self._stamp = record_change(self._connection, rows, commit=True)
        return duration_ms

    def _begin(self, job: _Job) -> None:
        """Open a transaction in which the registry is still what was read."""
        if begin_change(self._connection, lock_timeout=self._settings.lock_timeout) != self._stamp:
            raise RevertFailed(
                f"revert failed: {job.change.qualified}: somebody else wrote into the registry",
                change=job.change.qualified,
                hint="Look with `muniment status` and decide again.",
            )

    def _fail(self, job: _Job, error: StatementFailed) -> NoReturn:
        name = job.change.qualified
        as_it_was = (
            f"{name} is deployed as it was"
            if job.script.is_transactional
            else f"{name} is not a transaction: what its script has done stays, and the same "
            "command goes on from there"
        )
        state = (
            f"{as_it_was}; {self._reverted} of {len(self._jobs)} changes are reverted. "
            f"{blocked_by(self._connection, error)}"
        )
        raise migration_error("revert", job.change, error, state=state.strip()) from error


def _plan(
    connection: Connection,
    projects: Projects,
    names: Sequence[str],
    keep: Target | None,
    *,
    for_a_change: bool = True,
) -> tuple[Registry, list[_Job]]:
    """Check everything that can be checked now, and return what there is to revert."""
    registry = read_registry(connection, for_a_change=for_a_change)
    for name in names:
        check_history(registry, projects.plan(name))
    _refuse_half_deployed(registry)
    kept = _kept(registry, projects, keep) if keep else None
    order = [change.change_id for change in registry.changes]
    later = registry.changes[order.index(kept.change_id) + 1 :] if kept else registry.changes
    going = [change for change in reversed(later) if change.project in names]
    _refuse_if_required(connection, registry, [change.change_id for change in going])
    changes = [projects.plan(change.project).find(change.change_id) for change in going]
    return registry, [_Job(change, projects.script(change, "revert")) for change in changes]


def _refuse_half_deployed(registry: Registry) -> None:
    """Refuse while a change is neither there nor not there, for whatever it needs.

    Raises:
        RevertRefused: With its name, and the way out.
    """
    for half in registry.half_done:
        if half.action == "deploy":
            raise RevertRefused(
                f"revert refused: {half.qualified}: its deploy was begun and is not finished",
                change=half.qualified,
                hint="Finish it with `muniment deploy`, then revert. If that cannot be, undo "
                "what its script has done, and delete its row from muniment.change_progress.",
            )


def _kept(registry: Registry, projects: Projects, keep: Target) -> Change:
    """Return the change that stays.

    Raises:
        PlanError: There is no such change, or it is not deployed.
    """
    plan = projects.plan(keep.project)
    check_history(registry, plan)
    deployed = replace(plan, changes=plan.changes[: len(registry.of(keep.project))])
    try:
        return deployed.find(keep.spec or "@HEAD")
    except PlanError:
        planned = plan.find(keep.spec or "@HEAD")
        raise PlanError(
            f"{planned.qualified} is not deployed",
            path=str(plan.path),
            line=planned.line,
            hint="Only what is deployed can be kept; see `muniment status`.",
        ) from None


def _refuse_if_required(connection: Connection, registry: Registry, going: Sequence[str]) -> None:
    """Refuse if a change that stays requires one that goes.

    Raises:
        RevertRefused: With the names of those that require it.
    """
    if not going:
        return
    dependents = read_dependents(connection, going)
    if not dependents:
        return
    names = {change.change_id: change.qualified for change in registry.changes}
    wanted = dependents[0][1]
    by = ", ".join(names[dependent] for dependent, required in dependents if required == wanted)
    projects = sorted({names[dependent].partition(":")[0] for dependent, _ in dependents})
    raise RevertRefused(
        f"revert refused: {names[wanted]}: required by {by}",
        change=names[wanted],
        hint=f"Nothing has been changed. Revert that first, or name {' and '.join(projects)} too.",
    )

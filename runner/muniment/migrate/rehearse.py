"""Rehearse a deploy: everything forth, back, and forth again, in one transaction that is undone.

What is rehearsed is what a deploy would run, with the same scripts, checks and records, and then
the way back, which otherwise nobody tries before it is needed. In between each change is taken as
far as a transaction can be without its end: constraints that are deferred to the commit are checked
where the commit would be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from muniment._db import Connection
from muniment.errors import ConnectFailed, ScriptError
from muniment.migrate import locks
from muniment.migrate.attempts import blocked_by
from muniment.migrate.batch import Part, StatementFailed, roll_back, run_batch
from muniment.migrate.change import (
    CLEAN,
    Job,
    apply_change,
    begin_change,
    begin_next_change,
    record_change,
    session_settings,
)
from muniment.migrate.events import (
    ChangeRehearsed,
    ChangeStarted,
    Event,
    NothingToDo,
    RunFinished,
    RunPlanned,
)
from muniment.migrate.failures import failed_event, migration_error
from muniment.migrate.notices import Notices
from muniment.migrate.pending import (
    plan_jobs,
    plans_of,
    preparations,
    record_rows,
    refuse_drift,
)
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, Target
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import Registry, read_registry
from muniment.migrate.script import Script
from muniment.migrate.settings import Settings

__all__ = ["rehearse"]


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """A change that is to be deployed, and the script that would take it back."""

    job: Job
    revert: Script

    @property
    def change(self) -> Change:
        """The change."""
        return self.job.change


class _Stale(Exception):
    """Somebody without the deploy lock wrote into the registry; what was planned may be wrong."""


def rehearse(
    connection: Connection,
    projects: Projects,
    targets: Sequence[Target] = (),
    *,
    settings: Settings,
    allow_drift: bool = False,
) -> Generator[Event, None, None]:
    """Do what a deploy would do, take it back by the revert scripts, do it again, and keep nothing.

    All of it is one transaction, which is rolled back: what one statement locks stays locked to the
    end. A change that loses a fight over a lock is not tried again, because what is held meanwhile
    would only grow older.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        targets: What is wanted; none means all projects that are not optional.
        settings: In whose name, and how patiently.
        allow_drift: Rehearse although scripts of deployed changes have changed since.

    Yields:
        What happens, as it happens.

    Raises:
        PlanError: A plan, a script or the deployed history is not in order.
        ScriptError: A script is not one transaction.
        DriftFound: A script of a deployed change has changed since.
        LockTimedOut: Another deploy went on all the time.
        DeployFailed: A requirement, a conflict or a deploy script.
        VerifyFailed: A verify script failed.
        RevertRefused: A revert script protects data.
        RevertFailed: A revert script failed.
        StoreError: The registry cannot be read or written, or the connection is lost.
    """
    steps = projects.steps(targets)
    yield from locks.acquire(connection, wait=settings.lock_wait)
    try:
        with Notices(connection) as notices:
            run = _Run(connection, projects, steps, settings, allow_drift, notices)
            yield from run.events()
    finally:
        locks.release(connection)


class _Run:
    """A rehearsal that holds the lock."""

    def __init__(
        self,
        connection: Connection,
        projects: Projects,
        steps: Sequence[Change],
        settings: Settings,
        allow_drift: bool,
        notices: Notices,
    ) -> None:
        self._connection = connection
        self._projects = projects
        self._steps = steps
        self._settings = settings
        self._allow_drift = allow_drift
        self._notices = notices
        self._recorder = Recorder(connection, settings.committer)
        self._number = 0
        self._total = 0

    def events(self) -> Iterator[Event]:
        """Rehearse, planning again as often as the registry changes before it begins."""
        started = time.monotonic()
        while True:
            registry = read_registry(self._connection, for_a_change=True)
            changes = self._planned(registry)
            if not changes:
                yield NothingToDo("rehearse")
                return
            yield RunPlanned(
                "rehearse", tuple(one.change.qualified for one in changes), dry_run=False
            )
            try:
                yield from self._rehearse(registry, changes)
            except _Stale:
                roll_back(self._connection)
                continue
            break
        roll_back(self._connection)
        yield RunFinished("rehearse", len(changes), round((time.monotonic() - started) * 1000))

    def _planned(self, registry: Registry) -> list[_Rehearsal]:
        """Check everything that can be checked now, and return what there is to rehearse."""
        jobs = plan_jobs(registry, self._projects, self._steps)
        if not self._allow_drift:
            refuse_drift(registry, self._projects, self._steps)
        changes = [_Rehearsal(job, self._projects.script(job.change, "revert")) for job in jobs]
        scripts = [(one.change, one.job.scripts.deploy) for one in changes]
        scripts += [(one.change, one.revert) for one in changes]
        begun = {half.change_id for half in registry.half_done if half.action == "revert"}
        # A deploy would bring these to their end first.
        scripts += [
            (step, self._projects.script(step, "revert"))
            for step in self._steps
            if step.change_id in begun
        ]
        _refuse_not_transactional(scripts)
        return changes

    def _rehearse(self, registry: Registry, changes: Sequence[_Rehearsal]) -> Iterator[Event]:
        self._number, self._total = 0, 3 * len(changes)
        first = changes[0].change
        yield from self._carry_out("deploy", first, partial(self._begin, registry, changes))
        for one in changes:
            yield from self._step("deploy", one.change, partial(self._deploy, one.job))
        for one in reversed(changes):
            yield from self._step("revert", one.change, partial(self._revert, one))
        for one in changes:
            yield from self._step("redeploy", one.change, partial(self._deploy, one.job))

    def _step(self, step: str, change: Change, work: Callable[[], int]) -> Iterator[Event]:
        self._number += 1
        yield ChangeStarted(
            "rehearse", change.qualified, change.change_id, self._number, self._total
        )
        duration_ms = yield from self._carry_out(step, change, work)
        yield ChangeRehearsed(change.qualified, change.change_id, step, duration_ms)

    def _carry_out(
        self, step: str, change: Change, work: Callable[[], int]
    ) -> Generator[Event, None, int]:
        """Do a part of the rehearsal; tell what the server says, and what a failure means."""
        self._notices.forget()
        try:
            duration_ms = work()
        except StatementFailed as error:
            roll_back(self._connection)
            yield from self._notices.of(change)
            yield failed_event("rehearse", change, error)
            action = "revert" if step == "revert" else "deploy"
            state = self._state(step, error)
            raise migration_error(action, change, error, state=state) from error
        except ConnectFailed as error:
            raise ConnectFailed(
                f"rehearsal of {change.qualified}: {error.message}",
                sqlstate=error.sqlstate,
                hint="Nothing of it remains: it never commits.",
            ) from error
        yield from self._notices.of(change)
        return duration_ms

    def _state(self, step: str, error: StatementFailed) -> str:
        """Return sentences on what the database is like now, and where to look."""
        state = "This was a rehearsal: nothing of it remains."
        if step == "redeploy":
            state += (
                " The change went well before the way back: a revert script leaves something, "
                "or takes too much."
            )
        return f"{state} {blocked_by(self._connection, error)}".strip()

    def _begin(self, registry: Registry, changes: Sequence[_Rehearsal]) -> int:
        """Open the transaction, and make the place for records as a deploy would."""
        timeout = self._settings.lock_timeout
        if registry.exists:
            if begin_change(self._connection, lock_timeout=timeout) != registry.stamp:
                raise _Stale
        else:
            part = Part.of("begin", *CLEAN, "BEGIN", *session_settings(timeout))
            run_batch(self._connection, [part])
        plans = plans_of(self._projects, self._steps)
        jobs = [one.job for one in changes]
        statements, _ = preparations(registry, plans, jobs, self._recorder)
        record_change(self._connection, statements, commit=False)
        return 0

    def _deploy(self, job: Job) -> int:
        """Deploy a change; return the milliseconds that its scripts took."""
        started = time.monotonic()
        scripts = job.scripts
        timeout = self._settings.lock_timeout
        apply_change(self._connection, scripts.deploy, verify=scripts.verify, lock_timeout=timeout)
        duration_ms = round((time.monotonic() - started) * 1000)
        tool = self._settings.tool
        self._record(record_rows(self._recorder, job, duration_ms=duration_ms, deployed_with=tool))
        return duration_ms

    def _revert(self, one: _Rehearsal) -> int:
        """Revert a change; return the milliseconds that its script took."""
        started = time.monotonic()
        timeout = self._settings.lock_timeout
        apply_change(self._connection, one.revert, verify=None, lock_timeout=timeout)
        duration_ms = round((time.monotonic() - started) * 1000)
        self._record(self._recorder.reverted(one.change))
        return duration_ms

    def _record(self, statements: Sequence[str]) -> None:
        """Record a change, and do what its commit and a new session would do."""
        record_change(self._connection, statements, commit=False)
        begin_next_change(self._connection, lock_timeout=self._settings.lock_timeout)


def _refuse_not_transactional(scripts: Sequence[tuple[Change, Script]]) -> None:
    """Refuse what would commit on the way.

    Raises:
        ScriptError: The script of a change is not one transaction.
    """
    found = [(change.qualified, one) for change, one in scripts if not one.is_transactional]
    if found:
        names = ", ".join(dict.fromkeys(name for name, _ in found))
        raise ScriptError(
            f"cannot be rehearsed, because its script is not one transaction: {names}",
            path=found[0][1].path,
            line=1,
            hint="Nothing has been changed. Rehearse what comes before it, and try this one on a "
            "copy of the database.",
        )

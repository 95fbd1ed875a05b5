"""Deploy changes: each one with its proof and its record in one transaction, or not at all."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Literal

from muniment._db import Connection
from muniment.errors import ConnectFailed, MigrationError, MunimentError, ScriptError, StoreError
from muniment.migrate import locks
from muniment.migrate.attempts import blocked_by, carry_out, try_again
from muniment.migrate.autocommit import run_script
from muniment.migrate.batch import Part, StatementFailed, roll_back, run_batch
from muniment.migrate.change import (
    CLEAN,
    Job,
    apply_change,
    begin_change,
    begin_next_change,
    prove_change,
    record_change,
    session_settings,
    write_registry,
)
from muniment.migrate.events import (
    ChangeDeployed,
    ChangeReverted,
    ChangeStarted,
    Event,
    NothingToDo,
    RegistryCreated,
    RunFinished,
    RunPlanned,
    TagPlanned,
    TagRecorded,
)
from muniment.migrate.failures import failed_event, migration_error
from muniment.migrate.notices import Notices
from muniment.migrate.pending import (
    interrupted_reverts,
    new_tags,
    plan_jobs,
    plans_of,
    preparations,
    record_rows,
    refuse_drift,
)
from muniment.migrate.plan import Change, Tag
from muniment.migrate.projects import Projects, Target
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import Registry, read_registry
from muniment.migrate.revert import revert_changes
from muniment.migrate.settings import Settings

__all__ = ["Mode", "deploy"]

Mode = Literal["change", "tag", "all"]


def deploy(
    connection: Connection,
    projects: Projects,
    targets: Sequence[Target] = (),
    *,
    settings: Settings,
    verify: bool = True,
    dry_run: bool = False,
    allow_drift: bool = False,
    mode: Mode = "change",
    single_transaction: bool = False,
) -> Generator[Event, None, None]:
    """Deploy what the targets need and what is not deployed yet, in the order of the plans.

    Everything that can be checked is checked before anything is changed: plans, history, scripts,
    requirements and conflicts. Then each change is one transaction of its own, so that a run that
    ends early, by a failure or by `kill -9`, leaves whole changes, and the next run goes on.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        targets: What is wanted; none means all projects that are not optional.
        settings: In whose name, and how patiently.
        verify: Whether each change must pass its verify script before it is committed.
        dry_run: Write nothing and take no lock; say what would be done.
        allow_drift: Deploy although scripts of deployed changes have changed since.
        mode: What to do after a failure with what the run has deployed before: ``change`` keeps it,
            ``tag`` goes back to the last tag among it, ``all`` to where the run began (sqitch's
            ``--mode``). A change whose deploy is not one transaction stays half done; the next
            deploy goes on with it.
        single_transaction: Deploy all of it in one transaction, so that a failure leaves nothing.
            Its locks are held until the end.

    Yields:
        What happens, as it happens.

    Raises:
        PlanError: A plan, a script or the deployed history is not in order.
        DriftFound: A script of a deployed change has changed since.
        LockTimedOut: Another deploy went on all the time.
        DeployFailed: A requirement or a conflict, or a script, which then was rolled back.
        VerifyFailed: A verify script failed, and its change was rolled back.
        StoreError: The registry cannot be read or written, or the connection is lost.
    """
    steps = projects.steps(targets)
    if dry_run:
        yield from _say(read_registry(connection), projects, steps, allow_drift)
        return
    yield from locks.acquire(connection, wait=settings.lock_wait)
    try:
        with Notices(connection) as notices:
            kind = _SingleTransaction if single_transaction else _Run
            run = kind(connection, projects, steps, settings, verify, allow_drift, mode, notices)
            yield from run.events()
    finally:
        locks.release(connection)


class _Stale(Exception):
    """Somebody without the deploy lock wrote into the registry; what was planned may be wrong."""


class _Run:
    """A deploy that holds the lock."""

    def __init__(
        self,
        connection: Connection,
        projects: Projects,
        steps: Sequence[Change],
        settings: Settings,
        verify: bool,
        allow_drift: bool,
        mode: Mode,
        notices: Notices,
    ) -> None:
        self._connection = connection
        self._projects = projects
        self._steps = steps
        self._settings = settings
        self._verify = verify
        self._allow_drift = allow_drift
        self._mode = mode
        self._notices = notices
        self._recorder = Recorder(connection, settings.committer)
        self._stamp = ""
        self._pending = 0
        # By this run, in order.
        self._deployed: list[Change] = []

    def events(self) -> Iterator[Event]:
        """Deploy, planning again as often as the registry changes under it."""
        started = time.monotonic()
        while True:
            registry = yield from self._finish_reverts()
            jobs = self._check(registry)
            yield from self._prepare(registry, jobs)
            self._pending = len(jobs)
            try:
                yield from self._deploy_all(jobs)
            except _Stale:
                roll_back(self._connection)
                continue
            break
        if self._deployed:
            elapsed = round((time.monotonic() - started) * 1000)
            yield RunFinished("deploy", len(self._deployed), elapsed)
        else:
            yield NothingToDo("deploy")

    def _finish_reverts(self) -> Generator[Event, None, Registry]:
        """Bring reverts to an end that were interrupted between two statements; read what is."""
        while True:
            registry = read_registry(self._connection, for_a_change=True)
            self._check(registry)
            changes = interrupted_reverts(registry, self._steps)
            if not changes:
                return registry
            yield from revert_changes(
                self._connection,
                self._projects,
                registry,
                changes,
                settings=self._settings,
                notices=self._notices,
            )

    def _check(self, registry: Registry) -> list[Job]:
        """Check everything that can be checked now, and return what there is to deploy."""
        jobs = plan_jobs(registry, self._projects, self._steps)
        if not self._allow_drift:
            refuse_drift(registry, self._projects, self._steps)
        return jobs

    def _prepare(self, registry: Registry, jobs: Sequence[Job]) -> Iterator[Event]:
        """Make what the records need: the registry, the projects, and tags planned since."""
        plans = plans_of(self._projects, self._steps)
        statements, tags = preparations(registry, plans, jobs, self._recorder)
        self._stamp = registry.stamp
        if not statements:
            return
        self._stamp = write_registry(
            self._connection, statements, lock_timeout=self._settings.lock_timeout
        )
        if not registry.exists:
            yield RegistryCreated()
        for change, tag in tags:
            yield TagRecorded(change.qualified, f"@{tag.name}")

    def _deploy_all(self, jobs: Sequence[Job]) -> Iterator[Event]:
        if jobs:
            names = tuple(job.change.qualified for job in jobs)
            yield RunPlanned("deploy", names, dry_run=False)
        for number, job in enumerate(jobs, start=1):
            change = job.change
            yield ChangeStarted("deploy", change.qualified, change.change_id, number, len(jobs))
            duration_ms = yield from self._deploy_one(job)
            yield self._done(change, duration_ms)

    def _done(self, change: Change, duration_ms: int) -> ChangeDeployed:
        """Count a change that is committed."""
        self._pending -= 1
        self._deployed.append(change)
        return ChangeDeployed(
            change.qualified,
            change.change_id,
            tuple(f"@{tag.name}" for tag in change.tags),
            self._verify,
            duration_ms,
        )

    def _deploy_one(self, job: Job) -> Generator[Event, None, int]:
        try:
            return (
                yield from carry_out(
                    self._connection,
                    self._notices,
                    "deploy",
                    job.change,
                    lambda: self._attempt(job),
                    attempts=self._settings.attempts,
                    is_whole=job.scripts.deploy.is_transactional,
                )
            )
        except StatementFailed as error:
            raise (yield from self._fail(job, error)) from error

    def _attempt(self, job: Job) -> int:
        """Deploy a change; return the milliseconds that its scripts took."""
        timeout = self._settings.lock_timeout
        self._begin()
        started = time.monotonic()
        scripts = job.scripts
        verify = scripts.verify if self._verify else None
        if scripts.deploy.is_transactional:
            apply_change(self._connection, scripts.deploy, verify=verify, lock_timeout=timeout)
        else:
            # What follows has transactions of its own, or none; the deploy lock remains.
            roll_back(self._connection)
            run_script(
                self._connection,
                scripts.deploy,
                change=job.change,
                recorder=self._recorder,
                lock_timeout=timeout,
            )
            if verify is not None:
                prove_change(self._connection, verify, lock_timeout=timeout)
            self._begin()
        duration_ms = round((time.monotonic() - started) * 1000)
        rows = self._rows(job, duration_ms)
        if not scripts.deploy.is_transactional:
            rows.append(self._recorder.end_progress(job.change))
        self._stamp = record_change(self._connection, rows, commit=True)
        return duration_ms

    def _rows(self, job: Job, duration_ms: int) -> list[str]:
        """Return what records a change."""
        return record_rows(
            self._recorder, job, duration_ms=duration_ms, deployed_with=self._settings.tool
        )

    def _begin(self) -> None:
        """Open a transaction in which the registry is still what was read."""
        if begin_change(self._connection, lock_timeout=self._settings.lock_timeout) != self._stamp:
            raise _Stale

    def _fail(self, job: Job, error: StatementFailed) -> Generator[Event, None, MigrationError]:
        """Note the failure in the history, as sqitch does, and return what it means."""
        self._note_failure(job)
        # Before anything is reverted: who was in the way may be gone then.
        in_the_way = blocked_by(self._connection, error)
        total = len(self._steps)
        left = total - self._pending
        if job.scripts.deploy.is_transactional:
            remains = "Nothing of this change remains"
            before = len(self._deployed)
            try:
                yield from self._go_back()
            except MunimentError as failure:
                # What went wrong first is what must be mended first.
                in_the_way += f"Going back has failed too: {failure.message}. "
            left -= before - len(self._deployed)
        else:
            # What it needs must stay under it.
            remains = "This change is not a transaction: what its script has done stays"
        state = (
            f"{remains}; {left} of {total} changes are deployed. {in_the_way}"
            "Mend the cause and run the same command again: it goes on from there."
        )
        return migration_error("deploy", job.change, error, state=state)

    def _note_failure(self, job: Job) -> None:
        # The failure that the caller must hear of is the first one, not one of writing it down.
        with suppress(StoreError):
            write_registry(
                self._connection,
                [self._recorder.failed(job.change)],
                lock_timeout=self._settings.lock_timeout,
            )

    def _go_back(self) -> Generator[Event, None, None]:
        """Revert what the mode says after a failure."""
        changes = self._deployed
        if self._mode == "tag":
            tagged = [number for number, change in enumerate(changes, start=1) if change.tags]
            changes = changes[max(tagged, default=0) :]
        if self._mode == "change" or not changes:
            return
        events = revert_changes(
            self._connection,
            self._projects,
            read_registry(self._connection, for_a_change=True),
            changes[::-1],
            settings=self._settings,
            notices=self._notices,
        )
        for event in events:
            if isinstance(event, ChangeReverted):
                self._deployed.pop()
            yield event


class _SingleTransaction(_Run):
    """A deploy that holds the lock and commits once."""

    _statements: Sequence[str] = ()
    _tags: Sequence[tuple[Change, Tag]] = ()
    _registry_exists = True

    def _prepare(self, registry: Registry, jobs: Sequence[Job]) -> Iterator[Event]:
        """Keep what the records need until the transaction begins."""
        if not jobs:
            yield from super()._prepare(registry, jobs)
            return
        self._stamp = registry.stamp
        self._registry_exists = registry.exists
        plans = plans_of(self._projects, self._steps)
        self._statements, self._tags = preparations(registry, plans, jobs, self._recorder)

    def _begin(self) -> None:
        """Open the transaction, and make in it what the records need."""
        if self._registry_exists:
            super()._begin()
        else:
            timeout = self._settings.lock_timeout
            part = Part.of("begin", *CLEAN, "BEGIN", *session_settings(timeout))
            run_batch(self._connection, [part])
        if self._statements:
            run_batch(self._connection, [Part.of("record in the registry", *self._statements)])

    def _deploy_all(self, jobs: Sequence[Job]) -> Iterator[Event]:
        if not jobs:
            return
        _refuse_not_transactional(jobs)
        yield RunPlanned("deploy", tuple(job.change.qualified for job in jobs), dry_run=False)
        for number in count(1):
            # Grows as changes are applied: the one that fails is the one after these.
            durations: list[int] = []
            try:
                yield from self._attempt_all(jobs, durations)
                break
            except ConnectFailed as error:
                raise ConnectFailed(
                    f"deploy in a single transaction: {error.message}",
                    sqlstate=error.sqlstate,
                    hint="All of this run is there, or nothing; `muniment status` says which. "
                    "Then run the same command again.",
                ) from error
            except StatementFailed as error:
                roll_back(self._connection)
                job = jobs[min(len(durations), len(jobs) - 1)]
                try:
                    yield from try_again(job.change, error, number, self._settings.attempts)
                except StatementFailed:
                    yield failed_event("deploy", job.change, error)
                    raise self._fail_all(job, error) from error
        if not self._registry_exists:
            yield RegistryCreated()
        for change, tag in self._tags:
            yield TagRecorded(change.qualified, f"@{tag.name}")
        for job, duration_ms in zip(jobs, durations, strict=True):
            yield self._done(job.change, duration_ms)

    def _fail_all(self, job: Job, error: StatementFailed) -> MigrationError:
        self._note_failure(job)
        state = (
            "Nothing of this run remains but a line of history. "
            f"{blocked_by(self._connection, error)}"
            "Mend the cause and run the same command again."
        )
        return migration_error("deploy", job.change, error, state=state)

    def _attempt_all(self, jobs: Sequence[Job], durations: list[int]) -> Iterator[Event]:
        """Deploy all changes in one transaction."""
        self._begin()
        for number, job in enumerate(jobs, start=1):
            change = job.change
            yield ChangeStarted("deploy", change.qualified, change.change_id, number, len(jobs))
            self._notices.forget()
            started = time.monotonic()
            apply_change(
                self._connection,
                job.scripts.deploy,
                verify=job.scripts.verify if self._verify else None,
                lock_timeout=self._settings.lock_timeout,
            )
            duration_ms = round((time.monotonic() - started) * 1000)
            record_change(self._connection, self._rows(job, duration_ms), commit=False)
            begin_next_change(self._connection, lock_timeout=self._settings.lock_timeout)
            durations.append(duration_ms)
            yield from self._notices.of(change)
        run_batch(self._connection, [Part.of("commit", "COMMIT")])


def _refuse_not_transactional(jobs: Sequence[Job]) -> None:
    """Refuse what cannot be a part of one transaction.

    Raises:
        ScriptError: With the first script that cannot.
    """
    for job in jobs:
        if not job.scripts.deploy.is_transactional:
            raise ScriptError(
                f"{job.change.qualified} cannot be a part of one transaction",
                path=job.scripts.deploy.path,
                line=1,
                hint="Its header says `-- transactional: false`. Nothing has been changed: deploy "
                "without --single-transaction.",
            )


def _say(
    registry: Registry, projects: Projects, steps: Sequence[Change], allow_drift: bool
) -> Iterator[Event]:
    """Say what a deploy would do now, and refuse where it would refuse."""
    jobs = plan_jobs(registry, projects, steps)
    if not allow_drift:
        refuse_drift(registry, projects, steps)
    reverts = [change.qualified for change in interrupted_reverts(registry, steps)]
    names = [job.change.qualified for job in jobs]
    if reverts:
        yield RunPlanned("revert", tuple(reverts), dry_run=True)
    for change, tag in new_tags(registry, plans_of(projects, steps)):
        yield TagPlanned(change.qualified, f"@{tag.name}")
    if names or reverts:
        yield RunPlanned("deploy", (*reverts, *names), dry_run=True)
    else:
        yield NothingToDo("deploy")

"""Adopt changes: take as deployed what is in the database already, once it is proved to be.

For objects that were made by hand, by a restored dump or by another tool. No deploy script is run.
What is written is what `sqitch deploy --log-only` writes, but only after every verify script has
passed, and all of it in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

from muniment._db import Connection
from muniment.errors import VerifyFailed
from muniment.migrate import locks
from muniment.migrate.batch import StatementFailed
from muniment.migrate.change import Job
from muniment.migrate.events import (
    ChangeAdopted,
    ChangeStarted,
    Event,
    NothingToDo,
    RegistryCreated,
    RunFinished,
    RunPlanned,
    TagRecorded,
)
from muniment.migrate.notices import Notices
from muniment.migrate.pending import plan_jobs, plans_of, preparations, record_rows
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, Target
from muniment.migrate.proof import prove, write_unless_changed
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import Registry, read_registry
from muniment.migrate.settings import Settings

__all__ = ["adopt"]


def adopt(
    connection: Connection,
    projects: Projects,
    targets: Sequence[Target] = (),
    *,
    settings: Settings,
    dry_run: bool = False,
) -> Generator[Event, None, None]:
    """Record what the targets need and what is not recorded yet as deployed, without running it.

    Every verify script must pass first, each in a transaction that is rolled back. It goes on after
    a failure, because the whole list is what helps. Of a change that is reworked by another one
    that is adopted too, the script is left out: the later instance has replaced it.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        targets: What is there; none means all projects that are not optional.
        settings: In whose name, and how patiently.
        dry_run: Write nothing and take no deploy lock; run the verify scripts, and say what would
            be done.

    Yields:
        What happens, as it happens.

    Raises:
        PlanError: A plan, a script or the deployed history is not in order.
        LockTimedOut: Another deploy went on all the time.
        DeployFailed: A requirement is not met, or a conflict is deployed.
        VerifyFailed: Verify scripts failed, and nothing was written.
        StoreError: The registry cannot be read or written, or the connection is lost.
    """
    steps = projects.steps(targets)
    with Notices(connection) as notices:
        if dry_run:
            registry = read_registry(connection)
            jobs = plan_jobs(registry, projects, steps)
            yield from _prove(connection, jobs, settings, notices)
            names = tuple(job.change.qualified for job in jobs)
            yield RunPlanned("adopt", names, dry_run=True) if names else NothingToDo("adopt")
            return
        yield from locks.acquire(connection, wait=settings.lock_wait)
        try:
            yield from _adopt(connection, projects, steps, settings, notices)
        finally:
            locks.release(connection)


def _adopt(
    connection: Connection,
    projects: Projects,
    steps: Sequence[Change],
    settings: Settings,
    notices: Notices,
) -> Iterator[Event]:
    """Prove and record under the deploy lock, again as often as the registry changes meanwhile."""
    started = time.monotonic()
    plans = plans_of(projects, steps)
    recorder = Recorder(connection, settings.committer)
    while True:
        registry = read_registry(connection, for_a_change=True)
        jobs = plan_jobs(registry, projects, steps)
        statements, tags = preparations(registry, plans, jobs, recorder)
        if jobs:
            names = tuple(job.change.qualified for job in jobs)
            yield RunPlanned("adopt", names, dry_run=False)
        yield from _prove(connection, jobs, settings, notices)
        statements += _records(recorder, registry, jobs, settings)
        timeout = settings.lock_timeout
        if not statements or write_unless_changed(
            connection, registry, statements, lock_timeout=timeout
        ):
            break
    if jobs and not registry.exists:
        yield RegistryCreated()
    for change, tag in tags:
        yield TagRecorded(change.qualified, f"@{tag.name}")
    for job in jobs:
        yield ChangeAdopted(
            job.change.qualified,
            job.change.change_id,
            tuple(f"@{tag.name}" for tag in job.change.tags),
        )
    if jobs:
        yield RunFinished("adopt", len(jobs), round((time.monotonic() - started) * 1000))
    else:
        yield NothingToDo("adopt")


def _prove(
    connection: Connection, jobs: Sequence[Job], settings: Settings, notices: Notices
) -> Iterator[Event]:
    """Run the verify scripts of changes, all of them.

    Raises:
        VerifyFailed: Some failed; with their names.
    """
    newest = {(job.change.project, job.change.name): job for job in jobs}
    provable = [job for job in jobs if newest[job.change.project, job.change.name] is job]
    failed: list[str] = []
    for number, job in enumerate(provable, start=1):
        change = job.change
        yield ChangeStarted("verify", change.qualified, change.change_id, number, len(provable))
        try:
            yield from prove(connection, notices, change, job.scripts.verify, settings)
        except StatementFailed:
            failed.append(change.qualified)
    if failed:
        raise VerifyFailed(
            f"verify failed: {len(failed)} of {len(provable)} changes: {', '.join(failed)}",
            change=failed[0],
            hint="Nothing has been recorded. Make what is missing and run the same command again, "
            f"or adopt what comes before {failed[0]} and deploy the rest.",
        )


def _records(
    recorder: Recorder, registry: Registry, jobs: Sequence[Job], settings: Settings
) -> list[str]:
    """Return what records changes as deployed."""
    statements: list[str] = []
    half_done = {half.change_id for half in registry.half_done}
    for job in jobs:
        tool = f"{settings.tool}, adopt"
        statements += record_rows(recorder, job, duration_ms=None, deployed_with=tool)
        if job.change.change_id in half_done:
            # Somebody has brought it to its end by hand, which its verify script has just proved.
            statements.append(recorder.end_progress(job.change))
    return statements

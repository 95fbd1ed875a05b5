"""Verify what is deployed: every verify script, and whether history and plan agree."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

from muniment._db import Connection
from muniment.errors import PlanError, VerifyFailed
from muniment.migrate.batch import StatementFailed
from muniment.migrate.change import prove_change
from muniment.migrate.events import (
    ChangeFailed,
    ChangesPending,
    ChangeStarted,
    ChangeVerified,
    Event,
    NothingToDo,
    RunFinished,
    RunPlanned,
)
from muniment.migrate.failures import failed_event
from muniment.migrate.history import differences
from muniment.migrate.plan import Change, Plan
from muniment.migrate.projects import Projects
from muniment.migrate.registry import Registry, read_registry

__all__ = ["verify"]


def verify(
    connection: Connection,
    projects: Projects,
    names: Sequence[str] = (),
    *,
    lock_timeout: float = 5.0,
) -> Generator[Event, None, None]:
    """Run the verify scripts of all that is deployed, each in a transaction that is rolled back.

    It takes no lock, and goes on after a failure: the whole list is what helps. Of a reworked
    change only the newest instance can be verified; the older ones it has replaced.

    Args:
        connection: A session for this alone, in autocommit mode.
        projects: The plans and scripts.
        names: The projects to verify; none means all.
        lock_timeout: Seconds that a statement may wait for a lock.

    Yields:
        What happens, as it happens.

    Raises:
        VerifyFailed: A script failed, or the history is not the beginning of the plan.
        StoreError: The registry cannot be read, or the connection is lost.
    """
    started = time.monotonic()
    registry = read_registry(connection)
    plans = [projects.plan(name) for name in names or projects.names]
    changes = _deployed(registry, plans)
    if not changes:
        yield NothingToDo("verify")
        return
    yield RunPlanned("verify", tuple(change.qualified for change in changes), dry_run=False)
    failed: dict[str, None] = {}
    for event in _differences(registry, plans):
        failed[event.change] = None
        yield event
    for number, change in enumerate(changes, start=1):
        yield ChangeStarted("verify", change.qualified, change.change_id, number, len(changes))
        outcome = _verify_one(connection, projects, change, lock_timeout)
        if isinstance(outcome, ChangeFailed):
            failed[change.qualified] = None
        yield outcome
    pending = _pending(registry, plans)
    if pending:
        yield ChangesPending(pending)
    if failed:
        raise VerifyFailed(
            f"verify failed: {len(failed)} of {len(changes)} changes: {', '.join(failed)}",
            change=next(iter(failed)),
        )
    yield RunFinished("verify", len(changes), round((time.monotonic() - started) * 1000))


def _differences(registry: Registry, plans: Sequence[Plan]) -> Iterator[ChangeFailed]:
    for plan in plans:
        for change, message in differences(registry, plan):
            yield _failed(change, message)


def _pending(registry: Registry, plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return what is planned and not deployed of the projects that are deployed at all."""
    deployed = {change.change_id for change in registry.changes}
    return tuple(
        change.qualified
        for plan in plans
        if registry.of(plan.project)
        for change in plan.changes
        if change.change_id not in deployed
    )


def _deployed(registry: Registry, plans: Sequence[Plan]) -> list[Change]:
    """Return the deployed changes that can be verified, in the order of deployment."""
    planned = {change.change_id: change for plan in plans for change in plan.changes}
    found = (planned.get(one.change_id) for one in registry.changes)
    return [change for change in found if change is not None and not change.rework_tags]


def _verify_one(
    connection: Connection, projects: Projects, change: Change, lock_timeout: float
) -> ChangeVerified | ChangeFailed:
    started = time.monotonic()
    try:
        script = projects.script(change, "verify")
        prove_change(connection, script, lock_timeout=lock_timeout)
    except StatementFailed as error:
        return failed_event("verify", change, error)
    except PlanError as error:
        return _failed(change.qualified, error.message, error.hint)
    duration_ms = round((time.monotonic() - started) * 1000)
    return ChangeVerified(change.qualified, change.change_id, duration_ms)


def _failed(change: str, message: str, hint: str | None = None) -> ChangeFailed:
    """Return the event of a failure that is not the server's."""
    return ChangeFailed("verify", change, None, None, None, None, message, None, hint)

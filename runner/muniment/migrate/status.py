"""What is deployed, what is not, and what has drifted: reading only, without a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from muniment._db import Connection
from muniment.errors import PlanError
from muniment.migrate.history import differences
from muniment.migrate.plan import Change, Plan
from muniment.migrate.projects import OPTIONAL_PROJECTS, Projects
from muniment.migrate.registry import Deployed, Registry, read_registry
from muniment.migrate.script import Kind

__all__ = ["Drift", "ProjectStatus", "check", "find_drifts", "status"]


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """Where a database is in one plan.

    Attributes:
        project: The project.
        planned: How many changes its plan has.
        deployed: How many are deployed.
        head: The one that was deployed last.
        head_tags: The tags on it, with ``@``.
        pending: What is planned and not deployed, in the order of the plan.
        differences: How what is deployed is not the beginning of the plan, as sentences.
    """

    project: str
    planned: int
    deployed: int
    head: Deployed | None
    head_tags: tuple[str, ...]
    pending: tuple[str, ...]
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """A script of a deployed change that is not what it was, or a change that is not planned.

    Attributes:
        change: The change; with a tag if it has been reworked.
        kind: ``deploy``, ``revert`` or ``verify``; ``plan`` where the plan is what differs.
        path: The script or the plan.
        deployed_hash: Its SHA-1 when the change was deployed.
        current_hash: Its SHA-1 now; None if it is missing.
    """

    change: str
    kind: str
    path: str
    deployed_hash: str | None
    current_hash: str | None


def status(
    connection: Connection, projects: Projects, names: Sequence[str] = ()
) -> list[ProjectStatus]:
    """Return where a database is in each plan. It needs no registry, and only the right to read.

    Args:
        connection: Any session outside of a transaction.
        projects: The plans.
        names: The projects to look at; none means all but optional ones that are not deployed.

    Raises:
        PlanError: A plan is not in order.
        StoreError: The registry cannot be read.
    """
    registry = read_registry(connection)
    shown = names or [
        name for name in projects.names if name not in OPTIONAL_PROJECTS or registry.of(name)
    ]
    return [_status(registry, projects.plan(name)) for name in shown]


def check(connection: Connection, projects: Projects, names: Sequence[str] = ()) -> list[Drift]:
    """Compare the scripts of all that is deployed with their hashes in the registry.

    The deploy script's hash is sqitch's; those of the two others are known of changes that this
    package has deployed.

    Args:
        connection: Any session outside of a transaction.
        projects: The plans and scripts.
        names: The projects to look at; none means all.

    Raises:
        PlanError: A plan is not in order.
        StoreError: The registry cannot be read.
    """
    return find_drifts(read_registry(connection), projects, names or projects.names)


def find_drifts(registry: Registry, projects: Projects, names: Sequence[str]) -> list[Drift]:
    """Do what :func:`check` does, for a registry that has been read already."""
    found: list[Drift] = []
    for name in names:
        plan = projects.plan(name)
        planned = {change.change_id: change for change in plan.changes}
        for deployed in registry.of(name):
            change = planned.get(deployed.change_id)
            if change is None:
                path = str(plan.path)
                found.append(Drift(deployed.qualified, "plan", path, deployed.change_id, None))
            else:
                found += _drifts(projects, change, deployed)
    return found


def _status(registry: Registry, plan: Plan) -> ProjectStatus:
    deployed = registry.of(plan.project)
    head = deployed[-1] if deployed else None
    ids = {change.change_id for change in deployed}
    return ProjectStatus(
        project=plan.project,
        planned=len(plan.changes),
        deployed=len(deployed),
        head=head,
        head_tags=tuple(
            tag
            for (_, tag), change_id in registry.tags.items()
            if head and change_id == head.change_id
        ),
        pending=tuple(change.name for change in plan.changes if change.change_id not in ids),
        differences=tuple(message for _, message in differences(registry, plan)),
    )


def _drifts(projects: Projects, change: Change, deployed: Deployed) -> list[Drift]:
    hashes: dict[Kind, str | None] = {
        "deploy": deployed.script_hash,
        "revert": deployed.revert_hash,
        "verify": deployed.verify_hash,
    }
    found: list[Drift] = []
    for kind, recorded in hashes.items():
        if recorded is None:
            continue
        try:
            current = projects.script_hash(change, kind)
        except PlanError:
            current = None
        if current != recorded:
            path = str(projects.script_path(change, kind))
            found.append(Drift(_spec(change), kind, path, recorded, current))
    return found


def _spec(change: Change) -> str:
    """Return what names this instance of a change, of which there may be several."""
    return "@".join((change.qualified, *change.rework_tags[:1]))

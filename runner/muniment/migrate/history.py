"""What is deployed against what is planned: whether they agree, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence

from muniment.errors import DeployFailed, PlanError
from muniment.migrate.plan import Change, Plan, Tag
from muniment.migrate.registry import Registry

__all__ = [
    "check_history",
    "check_project",
    "differences",
    "met_requirements",
    "pending_steps",
]


def differences(registry: Registry, plan: Plan) -> list[tuple[str, str]]:
    """Say how what is deployed of a project is not the beginning of its plan.

    Returns:
        For each deployed change that is out of place its qualified name, and a sentence.
    """
    positions = {change.change_id: change.index for change in plan.changes}
    found: list[tuple[str, str]] = []
    for index, change in enumerate(registry.of(plan.project)):
        planned = positions.get(change.change_id)
        if planned is None:
            found.append((change.qualified, f"{change.qualified} is deployed and not planned"))
        elif planned != index:
            message = (
                f"{change.qualified} is number {planned + 1} in the plan "
                f"and was deployed as number {index + 1}"
            )
            found.append((change.qualified, message))
    return found


def check_history(registry: Registry, plan: Plan) -> None:
    """Check that what is deployed of a project is a prefix of its plan.

    An id covers the whole line and all lines before it, so an edit of any of them shows here.

    Raises:
        PlanError: It is not; ``line`` is the first line that differs.
    """
    deployed = registry.of(plan.project)
    for one, change in zip(deployed, plan.changes, strict=False):
        if one.change_id != change.change_id:
            raise PlanError(
                f"{change.qualified} is not what is deployed: the database has {one.qualified} "
                f"({one.change_id}) in its place, the plan {change.change_id}",
                path=str(plan.path),
                line=change.line,
                hint="A line that has been deployed cannot be edited, moved or removed: restore it "
                "and plan another change, or revert to the change before it.",
            )
    if len(deployed) > len(plan.changes):
        surplus = deployed[len(plan.changes)]
        raise PlanError(
            f"{surplus.qualified} ({surplus.change_id}) is deployed and not planned",
            path=str(plan.path),
            line=plan.changes[-1].line if plan.changes else 1,
            hint="Is this plan older than the database? Take the newer one, or revert with it.",
        )


def check_project(registry: Registry, plan: Plan) -> None:
    """Check that a plan may use its project name and URI in this database (``register_project``).

    Raises:
        PlanError: The name is registered with another URI, or the URI with another name.
    """
    if plan.project in registry.projects:
        registered = registry.projects[plan.project]
        if registered != plan.uri:
            raise PlanError(
                f"project {plan.project} is registered with {_uri(registered)}, "
                f"the plan has {_uri(plan.uri)}",
                path=str(plan.path),
            )
    elif plan.uri is not None and plan.uri in registry.projects.values():
        other = next(name for name, uri in registry.projects.items() if uri == plan.uri)
        raise PlanError(f"URI {plan.uri} is that of project {other} already", path=str(plan.path))


def pending_steps(registry: Registry, steps: Sequence[Change]) -> list[Change]:
    """Return the steps that are not deployed yet."""
    deployed = {change.change_id for change in registry.changes}
    return [step for step in steps if step.change_id not in deployed]


def met_requirements(
    registry: Registry,
    pending: Sequence[Change],
    new_tags: Sequence[tuple[Change, Tag]] = (),
) -> list[tuple[tuple[str, str], ...]]:
    """Find, for each pending change, which deployed or earlier pending changes it requires.

    Args:
        registry: What is deployed.
        pending: What is to be deployed, in order.
        new_tags: Tags on deployed changes that will be recorded before the first of these.

    Returns:
        For each change what it requires, as written and as the id of the change that meets it.

    Raises:
        DeployFailed: A requirement would not be met, or a conflict would be deployed.
    """
    history = registry.history()
    for tagged, tag in new_tags:
        history.tags[tagged.project, f"@{tag.name}"] = tagged.change_id
    found: list[tuple[tuple[str, str], ...]] = []
    for change in pending:
        for conflict in change.conflicts:
            if history.resolve(conflict) is not None:
                raise DeployFailed(
                    f"deploy failed: {change.qualified}: conflicts with {conflict.text}, "
                    "which is deployed",
                    change=change.qualified,
                    hint=f"Nothing has been changed. Revert {conflict.text} first.",
                )
        requires: list[tuple[str, str]] = []
        for required in change.requires:
            change_id = history.resolve(required)
            if change_id is None:
                raise DeployFailed(
                    f"deploy failed: {change.qualified}: requires {required.text}, "
                    "which is not deployed",
                    change=change.qualified,
                    hint=f"Nothing has been changed. Deploy {required.text} first.",
                )
            requires.append((required.text, change_id))
        found.append(tuple(requires))
        history.add(change)
    return found


def _uri(uri: str | None) -> str:
    return f"URI {uri}" if uri else "no URI"

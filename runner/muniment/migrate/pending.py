"""What there is to deploy, and all that can be refused before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence

from muniment.errors import DriftFound, PlanError, RevertRefused, ScriptError
from muniment.migrate.autocommit import check_progress
from muniment.migrate.change import Job
from muniment.migrate.history import (
    check_history,
    check_project,
    met_requirements,
    pending_steps,
)
from muniment.migrate.plan import Change, Plan, Tag
from muniment.migrate.projects import Projects
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import HalfDone, Registry
from muniment.migrate.script import Kind
from muniment.migrate.status import find_drifts

__all__ = [
    "interrupted_reverts",
    "new_tags",
    "plan_jobs",
    "plans_of",
    "preparations",
    "record_rows",
    "refuse_drift",
]


def plans_of(projects: Projects, steps: Sequence[Change]) -> list[Plan]:
    """Return the plans that some steps are of, each once."""
    return [projects.plan(name) for name in {step.project: None for step in steps}]


def plan_jobs(registry: Registry, projects: Projects, steps: Sequence[Change]) -> list[Job]:
    """Check everything that can be checked now, and return what there is to deploy.

    Args:
        registry: What is deployed.
        projects: The plans and scripts.
        steps: What is wanted, in an order in which it can be deployed.

    Raises:
        PlanError: A plan, a script or the deployed history is not in order.
        DeployFailed: A requirement would not be met, or a conflict would be deployed.
    """
    plans = plans_of(projects, steps)
    for plan in plans:
        check_project(registry, plan)
        check_history(registry, plan)
        for half in registry.half_done:
            if half.project == plan.project:
                _check_half_done(projects, plan, half)
    pending = pending_steps(registry, steps)
    requires = met_requirements(registry, pending, new_tags(registry, plans))
    jobs = [
        Job(change, projects.scripts(change), met)
        for change, met in zip(pending, requires, strict=True)
    ]
    _refuse_copies(registry, jobs)
    _refuse_unedited(projects, jobs)
    return jobs


def preparations(
    registry: Registry, plans: Sequence[Plan], jobs: Sequence[Job], recorder: Recorder
) -> tuple[list[str], list[tuple[Change, Tag]]]:
    """Return what must be written before the first change, and the tags among it.

    Args:
        registry: What is deployed.
        plans: The plans of all that is wanted.
        jobs: What there is to deploy of them.
        recorder: Writes the statements.
    """
    pending = {job.change.project for job in jobs}
    tags = new_tags(registry, plans)
    statements: list[str] = []
    if jobs and not registry.exists:
        statements += recorder.create_registry()
    if jobs and not registry.has_details:
        statements += recorder.create_details()
    statements += [
        recorder.register(plan)
        for plan in plans
        if plan.project in pending and plan.project not in registry.projects
    ]
    statements += [recorder.tag(change, tag) for change, tag in tags]
    return statements, tags


def refuse_drift(registry: Registry, projects: Projects, steps: Sequence[Change]) -> None:
    """Refuse to build upon changes whose scripts are not what was deployed.

    Raises:
        DriftFound: With the scripts, and the ways out.
    """
    drifts = find_drifts(registry, projects, list({step.project: None for step in steps}))
    if not drifts:
        return
    first = drifts[0].change
    listed = "".join(
        f"\n  {drift.path} {'has changed since' if drift.current_hash else 'is missing'}"
        for drift in drifts
    )
    raise DriftFound(
        f"deploy refused: {first}: a script is not what was deployed{listed}",
        change=first,
        hint="Nothing has been changed. Restore the script and plan another change for what is to "
        f"be new. If the edit is meant, accept it: muniment bless {first} --reason '...'. "
        "--allow-drift leaves it open.",
    )


def _refuse_copies(registry: Registry, jobs: Sequence[Job]) -> None:
    """Refuse what the registry would refuse half-way: it has a unique key on project and hash.

    Raises:
        ScriptError: Two changes have the same deploy script, such as a rework before its edit.
    """
    owners = {(one.project, one.script_hash): one.change_id for one in registry.changes}
    for job in jobs:
        script = job.scripts.deploy
        key = (job.change.project, script.sha1)
        if owners.setdefault(key, job.change.change_id) != job.change.change_id:
            raise ScriptError(
                "another change of this project has the very same deploy script",
                path=script.path,
                line=1,
                hint="The registry holds a script only once. After a rework, edit the new one.",
            )


def _refuse_unedited(projects: Projects, jobs: Sequence[Job]) -> None:
    """Refuse a rework that has another header than what it reworks, and does the same.

    Raises:
        ScriptError: With the script that is still to be edited.
    """
    for job in jobs:
        change = job.change
        before = projects.plan(change.project).changes[: change.index]
        older = next((one for one in reversed(before) if one.name == change.name), None)
        if older is None:
            continue
        if projects.script(older, "deploy").body == job.scripts.deploy.body:
            raise ScriptError(
                f"the rework of {change.qualified} does what the change did before",
                path=job.scripts.deploy.path,
                line=1,
                hint=f"Edit it; {projects.script_path(older, 'deploy')} keeps what was.",
            )


def new_tags(registry: Registry, plans: Sequence[Plan]) -> list[tuple[Change, Tag]]:
    """Return the tags that plans have put on changes after they were deployed."""
    deployed = {change.change_id for change in registry.changes}
    return [
        (change, tag)
        for plan in plans
        for change in plan.changes
        if change.change_id in deployed
        for tag in change.tags
        if tag.tag_id not in registry.tag_ids
    ]


def interrupted_reverts(registry: Registry, steps: Sequence[Change]) -> list[Change]:
    """Return the steps whose revert was interrupted, and is to be finished before anything else.

    Whoever began it has said that it is meant; there is nothing to decide any more. It is otherwise
    where a statement of it has failed.

    Raises:
        RevertRefused: A revert has failed half-way: what is to become of the change?
    """
    planned = {step.change_id: step for step in steps}
    found: list[Change] = []
    for half in registry.half_done:
        if half.action != "revert" or half.change_id not in planned:
            continue
        if half.error is not None:
            raise RevertRefused(
                f"deploy refused: {half.qualified}: its revert has failed half-way: {half.error}",
                change=half.qualified,
                hint="Nothing has been changed. Finish the revert with `muniment revert`. Or, to "
                "keep the change, put back by hand what the revert has taken, and delete its row "
                "from muniment.change_progress.",
            )
        found.append(planned[half.change_id])
    return found


def record_rows(
    recorder: Recorder, job: Job, *, duration_ms: int | None, deployed_with: str
) -> list[str]:
    """Return what records that a change is deployed.

    Args:
        recorder: Writes the statements.
        job: The change and its scripts.
        duration_ms: Milliseconds that these took; None if they were not run here.
        deployed_with: Tool and version.
    """
    rows = recorder.deployed(job.change, script_hash=job.scripts.deploy.sha1, requires=job.requires)
    details = recorder.details(
        job.change,
        revert_hash=job.scripts.revert_hash,
        verify_hash=job.scripts.verify.sha1,
        duration_ms=duration_ms,
        deployed_with=deployed_with,
    )
    return [*rows, details]


def _check_half_done(projects: Projects, plan: Plan, half: HalfDone) -> None:
    """Check that a change that is half done is still the one that was begun.

    Raises:
        PlanError: Its line is no longer in the plan.
        ScriptError: Its script is another one.
    """
    change = next((one for one in plan.changes if one.change_id == half.change_id), None)
    if change is None:
        raise PlanError(
            f"{half.qualified} ({half.change_id}) is half done and no longer planned",
            path=str(plan.path),
            line=plan.changes[-1].line if plan.changes else 1,
            hint="Restore its line. If it is to go, undo what its script has done, and delete its "
            "row from muniment.change_progress.",
        )
    kind: Kind = "deploy" if half.action == "deploy" else "revert"
    check_progress(projects.script(change, kind), half)

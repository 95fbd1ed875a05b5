"""The projects of one sql directory: their plans, their scripts, and what has to go with what.

The layout is fixed: ``plans/<project>.plan`` and ``{deploy,revert,verify}/<project>/<stem>.sql``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from muniment.errors import ConfigError, PlanError
from muniment.migrate.plan import Change, Dependency, Plan, read_plan
from muniment.migrate.script import Kind, Script, check_header, hash_script, read_script

__all__ = ["OPTIONAL_PROJECTS", "Projects", "Scripts", "Target", "find_sql_directory"]

# Deployed only when named: `citus` needs a cluster that most installations do not have.
OPTIONAL_PROJECTS = frozenset({"citus"})


@dataclass(frozen=True, slots=True)
class Target:
    """What a user asks for: a project, to its end or to the change that ``spec`` names."""

    project: str
    spec: str | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``PROJECT`` or ``PROJECT:CHANGE-SPEC``."""
        project, _, spec = text.partition(":")
        return cls(project, spec or None)


@dataclass(frozen=True, slots=True)
class Scripts:
    """What it takes to deploy a change: two scripts to run, and the hash of the one kept for later.

    Attributes:
        deploy: The script that is run.
        verify: The script that proves it.
        revert_hash: SHA-1 of the script that would undo it.
    """

    deploy: Script
    verify: Script
    revert_hash: str


class Projects:
    """The plans below one sql directory, read when they are first asked for."""

    def __init__(self, directory: Path) -> None:
        """Take a directory that holds ``plans``.

        Raises:
            ConfigError: It does not.
        """
        self.directory = directory
        plans = directory / "plans"
        if not plans.is_dir():
            raise ConfigError(
                f"no plans directory: {plans}",
                hint="Give --sql-dir a directory that holds plans, deploy, revert and verify.",
            )
        self._names = sorted(path.stem for path in plans.glob("*.plan"))
        self._plans: dict[str, Plan] = {}

    @property
    def names(self) -> list[str]:
        """The names of all projects, sorted."""
        return list(self._names)

    @property
    def default_targets(self) -> list[Target]:
        """What no target at all means: every project that is not optional."""
        return [Target(name) for name in self._names if name not in OPTIONAL_PROJECTS]

    def __contains__(self, project: object) -> bool:
        """Whether there is a plan for a project."""
        return project in self._names

    def plan(self, project: str) -> Plan:
        """Return the plan of a project.

        Raises:
            PlanError: There is no such plan, it is not in order, or it names another project.
        """
        if project not in self._plans:
            self._plans[project] = self._read_plan(project)
        return self._plans[project]

    def find(self, target: Target) -> Change | None:
        """Return the change up to which a target reaches; None where its plan is empty.

        Raises:
            PlanError: There is no such project or change.
        """
        plan = self.plan(target.project)
        if target.spec is not None:
            return plan.find(target.spec)
        return plan.changes[-1] if plan.changes else None

    def steps(self, targets: Sequence[Target]) -> list[Change]:
        """Put the changes that the targets need into an order in which they can be deployed.

        A project that is only required is taken along as far as the last of its changes that is
        required, and no further: what comes later may ask more of the server.

        Args:
            targets: What is wanted; none means :attr:`default_targets`.

        Raises:
            PlanError: There is no such project or change, or projects require each other in a
                circle.
        """
        order = _Order(self)
        for target in targets or self.default_targets:
            last = self.find(target)
            if last is not None:
                for change in order.reach(last):
                    order.take(change)
        return order.taken

    def required(self, change: Change) -> list[Change]:
        """Return what a change requires of other projects that have a plan here.

        Raises:
            PlanError: One of them is not planned.
        """
        return list(_Order(self).required(change))

    def script_path(self, change: Change, kind: Kind) -> Path:
        """Return where one of the scripts of a change is.

        The newest instance of a reworked change has the plain name, an older one that of a tag;
        which tag, the deploy scripts decide (App::Sqitch::Plan::Change, ``_path_segments``).
        """
        stem = change.stems[0]
        if len(change.stems) > 1:
            deploy = self.directory / "deploy" / change.project
            stem = next((one for one in change.stems if (deploy / f"{one}.sql").exists()), stem)
        return self.directory / kind / change.project / f"{stem}.sql"

    def script(self, change: Change, kind: Kind) -> Script:
        """Read and check one script of a change.

        Raises:
            PlanError: It is missing.
            ScriptError: It cannot be run, or its header differs from the plan.
        """
        script = read_script(self.script_path(change, kind), kind)
        check_header(script, change)
        return script

    def scripts(self, change: Change) -> Scripts:
        """Read and check what it takes to deploy a change; raises as :meth:`script` does."""
        return Scripts(
            deploy=self.script(change, "deploy"),
            verify=self.script(change, "verify"),
            revert_hash=self.script_hash(change, "revert"),
        )

    def script_hash(self, change: Change, kind: Kind) -> str:
        """Return the hash of one script of a change.

        Raises:
            PlanError: It is missing.
        """
        return hash_script(self.script_path(change, kind))

    def _read_plan(self, project: str) -> Plan:
        path = self.directory / "plans" / f"{project}.plan"
        if project not in self._names:
            from difflib import get_close_matches

            close = get_close_matches(project, self._names)
            known = " or ".join(close) if close else ", ".join(self._names)
            raise PlanError(f"no such project: {project}", hint=f"Did you mean {known}?")
        plan = read_plan(path)
        if plan.project != project:
            raise PlanError(
                f"the plan is of project {plan.project}, its name says {project}", path=str(path)
            )
        return plan


class _Order:
    """Steps taken so far, and how far into each plan they reach."""

    def __init__(self, projects: Projects) -> None:
        self.taken: list[Change] = []
        self._projects = projects
        self._reached: dict[str, int] = {}
        # What is being taken just now, outermost first; a circle is to come back into it.
        self._pending: list[Change] = []

    def reach(self, last: Change) -> list[Change]:
        """Return how far into each project a change leads, a project after those it requires.

        Taken in this order, projects follow each other as whole blocks, which reads better than
        what :meth:`take` alone makes: it fetches what is required at the last moment.
        """
        ends = {last.project: last}
        requires: dict[str, set[str]] = {}
        waiting = [last]
        while waiting:
            end = waiting.pop()
            for change in self._projects.plan(end.project).changes[: end.index + 1]:
                for required in self.required(change):
                    requires.setdefault(change.project, set()).add(required.project)
                    known = ends.get(required.project)
                    if known is None or known.index < required.index:
                        ends[required.project] = required
                        waiting.append(required)
        ordered: list[str] = []
        self._visit(last.project, requires, ordered, set())
        return [ends[project] for project in ordered]

    def _visit(
        self, project: str, requires: dict[str, set[str]], ordered: list[str], seen: set[str]
    ) -> None:
        seen.add(project)
        for required in sorted(requires.get(project, ())):
            if required not in seen:
                self._visit(required, requires, ordered, seen)
        ordered.append(project)

    def take(self, last: Change) -> None:
        """Take a change with everything before it and everything that those require."""
        if any(outer.project == last.project for outer in self._pending):
            self._check_circle(last)
            return
        plan = self._projects.plan(last.project)
        while self._reached.get(last.project, 0) <= last.index:
            change = plan.changes[self._reached.get(last.project, 0)]
            self._pending.append(change)
            for required in self.required(change):
                self.take(required)
            self._pending.pop()
            self.taken.append(change)
            self._reached[last.project] = change.index + 1

    def required(self, change: Change) -> Iterator[Change]:
        """Yield what a change requires of other projects that have a plan here.

        A project without one is somebody else's: whether it is deployed, the database says.
        """
        for dependency in change.requires:
            if dependency.project != change.project and dependency.project in self._projects:
                yield self._find(change, dependency)

    def _find(self, change: Change, dependency: Dependency) -> Change:
        plan = self._projects.plan(dependency.project)
        spec = dependency.text.partition(":")[2]
        if "@" not in spec:
            # A bare name means its first instance, as in App::Sqitch::Plan::ChangeList, find().
            first = next((one for one in plan.changes if spec in (one.name, one.change_id)), None)
            if first is not None:
                return first
        try:
            return plan.find(spec)
        except PlanError as error:
            raise PlanError(
                f"{change.qualified} requires {dependency.text}, which is not planned",
                path=str(self._projects.plan(change.project).path),
                line=change.line,
                hint=error.hint,
            ) from error

    def _check_circle(self, last: Change) -> None:
        if last.index < self._reached.get(last.project, 0):
            return
        circle = [*self._pending, last]
        raise PlanError(
            "circular requirement: " + " -> ".join(change.qualified for change in circle),
            path=str(self._projects.plan(self._pending[-1].project).path),
            line=self._pending[-1].line,
            hint="Projects may require each other's changes only in an order that can be deployed.",
        )


def find_sql_directory(explicit: Path | None = None) -> Path:
    """Return the directory that holds the plans and scripts.

    Args:
        explicit: The one the user names, which is then taken.

    Returns:
        That one, else the copy in the wheel, else ``sql`` of the checkout that an editable install
        runs from, which has no such copy. It is relative to the working directory where it is below
        that, because all messages about scripts begin with it.

    Raises:
        ConfigError: This installation has none.
    """
    if explicit is not None:
        return _shortest(explicit)
    package = Path(__file__).resolve().parent.parent
    for directory in (package / "_sql", package.parent.parent / "sql"):
        if (directory / "plans").is_dir():
            return _shortest(directory)
    raise ConfigError("no sql directory in this installation", hint="Give --sql-dir.")


def _shortest(path: Path) -> Path:
    try:
        return path.absolute().relative_to(Path.cwd())
    except ValueError:
        return path

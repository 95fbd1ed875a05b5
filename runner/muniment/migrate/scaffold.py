"""Begin a change, tag one or rework one: the files that it takes, and the line in the plan.

Each is first drafted, which only reads and checks, and then written, all or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from shutil import copymode
from typing import get_args

from muniment.errors import PlanError
from muniment.migrate.plan import Change, Plan, change_line, parse_plan, tag_line
from muniment.migrate.projects import Projects, Target
from muniment.migrate.script import FIRST_LINES, Kind
from muniment.migrate.settings import Committer

__all__ = ["Draft", "NewChange", "NewTag", "draft_change", "draft_rework", "draft_tag"]

# What is written fails until it is filled in: a change that proves nothing cannot be deployed, and
# one that cannot be undone cannot be reverted.
_DEPLOY = """\
-- Deploy {qualified} to pg
{requires}--
-- Why this is so, in one to four lines: what a reviewer cannot see in the SQL.
-- Locks: none.  Docs: {docs}

BEGIN;

SET LOCAL ROLE muniment_owner;

COMMIT;
"""
_REVERT = """\
-- Revert {qualified} from pg
--
-- What is lost, and when this refuses.

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $revert$
BEGIN
    RAISE EXCEPTION '{qualified}: the revert is not written yet';
END;
$revert$;

COMMIT;
"""
_VERIFY = """\
-- Verify {qualified} on pg

BEGIN;

DO $verify$
BEGIN
    RAISE EXCEPTION '{qualified}: the verification is not written yet';
END;
$verify$;

ROLLBACK;
"""
_TEST = """\
-- Subject: {project}.{name}    Docs: {docs}
BEGIN;
SELECT plan(1);

-- Shape ---------------------------------------------------------------------

SELECT fail('the tests of {qualified} are written');

-- Behaviour -----------------------------------------------------------------

-- Access --------------------------------------------------------------------

SELECT * FROM finish(true);
ROLLBACK;
"""

_KINDS: tuple[Kind, ...] = get_args(Kind)
# The lines of a header that a plan line must agree with.
_PLANNED_FIELD = re.compile(r"--\s*(requires|conflicts):")


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change to begin, or one to rework.

    Attributes:
        project: The project whose plan it goes into.
        name: Its name.
        requires: What it requires, as a plan has it: ``a``, ``a@tag``, ``other:a``.
        conflicts: What it conflicts with, written in the same way.
        note: One imperative sentence with a period.
        planner: Who plans it.
        planned_at: When; an aware time.
    """

    project: str
    name: str
    requires: Sequence[str]
    conflicts: Sequence[str]
    note: str
    planner: Committer
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag to put on a change.

    Attributes:
        project: The project whose plan it goes into.
        name: Its name, with or without ``@``.
        change: The change that it goes on, as :meth:`Plan.find` takes it; None for the last one.
        note: One sentence.
        planner: Who plans it.
        planned_at: When; an aware time.
    """

    project: str
    name: str
    change: str | None
    note: str
    planner: Committer
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written so that something is planned.

    Attributes:
        projects: The projects as they will be.
        change: The change as it will be: the new one, or the one with the new tag.
        created: The text of each file that is not there yet.
        replaced: The text that each file has now, and the one that it will have. The plan is the
            last, which makes that the moment from which the change exists.
    """

    projects: Projects
    change: Change
    created: Mapping[Path, str]
    replaced: Mapping[Path, tuple[str, str]]

    def write(self) -> list[Path]:
        """Write all of it, or nothing; never over a file that was not there a moment ago.

        Returns:
            The files that were written, the plan last.

        Raises:
            PlanError: A file is there already, has changed since the draft, or cannot be written.
        """
        try:
            with self._undone_on_failure() as begun:
                self._write(begun)
        except FileExistsError as error:
            raise PlanError("the file is there already", path=str(error.filename)) from error
        except OSError as error:
            raise PlanError(f"cannot write: {error.strerror}", path=error.filename) from error
        return [*self.created, *self.replaced]

    def _write(self, begun: list[Path]) -> None:
        for path, text in self.created.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                begun.append(path)
                file.write(text.encode())
        # The old text is put aside too, so that to undo it takes no room on a full disk.
        for path, texts in self.replaced.items():
            for aside, text in zip(_asides(path), texts, strict=True):
                aside.write_bytes(text.encode())
                copymode(path, aside)
        for path, (before, _) in self.replaced.items():
            if path.read_bytes() != before.encode():
                raise PlanError(
                    "somebody has changed it just now",
                    path=str(path),
                    hint="Nothing has been written. Run the same command again.",
                )
            begun.append(path)
            _asides(path)[1].replace(path)

    @contextmanager
    def _undone_on_failure(self) -> Iterator[list[Path]]:
        """Yield the list to note in what was begun; on a failure put it back as it was."""
        begun: list[Path] = []
        try:
            yield begun
        except BaseException:
            for path in begun:
                with suppress(OSError):
                    if path in self.created:
                        path.unlink(missing_ok=True)
                    else:
                        _asides(path)[0].replace(path)
            # What could not be put back is still there under its other name.
            self._forget_asides(but=begun)
            raise
        self._forget_asides()

    def _forget_asides(self, *, but: Collection[Path] = ()) -> None:
        for path in self.replaced:
            old, new = _asides(path)
            for aside in [new] if path in but else [old, new]:
                with suppress(OSError):
                    aside.unlink()


def draft_change(projects: Projects, new: NewChange) -> Draft:
    """Draft a change that begins: three scripts, a test, and the line at the end of the plan.

    Args:
        projects: Where; the tests are in ``tests/pgtap`` beside the sql directory.
        new: What.

    Raises:
        PlanError: The name is illegal or taken, something required is not planned, or a file is
            there already.
    """
    plan = projects.plan(new.project)
    qualified = f"{new.project}:{new.name}"
    for change in plan.changes:
        if change.name == new.name:
            raise PlanError(
                f"{qualified} is planned already",
                path=str(plan.path),
                line=change.line,
                hint="Edit it in place as long as it has no tag after it. "
                f"To change it once it is released, run `muniment rework {qualified}`.",
            )
    before = _read(plan.path)
    # As sqitch does, to set off what comes after a release.
    is_released = bool(plan.changes and plan.changes[-1].tags)
    blank = [""] if is_released and before.splitlines()[-1].strip() else []
    line = _line(new, list(dict.fromkeys(new.requires)))
    after = _inserted(before, [*blank, line])
    planned = _planned(projects, plan.path, after, qualified)
    change = planned.plan(new.project).changes[-1]
    _check_requirements(planned, change)
    return _checked(
        Draft(planned, change, _new_files(planned, change), {plan.path: (before, after)})
    )


def draft_tag(projects: Projects, new: NewTag) -> Draft:
    """Draft a tag: its line in the plan, after the change that it goes on and the tags of that.

    Args:
        projects: Where.
        new: What.

    Raises:
        PlanError: The name is illegal or taken, there is no such change, or a change that is
            planned after it requires what could not be named any more.
    """
    plan = projects.plan(new.project)
    name = new.name.removeprefix("@")
    line = tag_line(
        name,
        planned_at=new.planned_at,
        planner_name=new.planner.name,
        planner_email=new.planner.email,
        note=new.note,
    )
    for change in plan.changes:
        for tag in change.tags:
            if tag.name == name:
                raise PlanError(
                    f"{new.project} has the tag @{name} already",
                    path=str(plan.path),
                    line=tag.line,
                    hint=f"It is on {change.name}. A tag stays where it is; choose another name.",
                )
    if not plan.changes:
        raise PlanError(
            f"{new.project} has no change to put the tag @{name} on", path=str(plan.path)
        )
    spec = None if new.change is None else new.change.removeprefix(f"{new.project}:")
    tagged = plan.changes[-1] if spec is None else plan.find(spec)
    number = max([tagged.line, *(tag.line for tag in tagged.tags)])
    before = _read(plan.path)
    after = _inserted(before, [line], number)
    planned = _planned(projects, plan.path, after, f"{new.project}:@{name}")
    change = planned.plan(new.project).changes[tagged.index]
    return Draft(planned, change, {}, {plan.path: (before, after)})


def draft_rework(projects: Projects, new: NewChange) -> Draft:
    """Draft another instance of a change that is released, as `sqitch rework` does.

    The scripts as they are get the name of the first tag of the last tagged change. The new ones
    begin as the old ones, but for the header, which has what the new plan line requires; and the
    new revert script begins as the old deploy script, because that is what it goes back to.

    Args:
        projects: Where.
        new: What.

    Raises:
        PlanError: There is no such change, no tag after it, or a file is there already.
        ScriptError: A script of it is not in order.
    """
    plan = projects.plan(new.project)
    qualified = f"{new.project}:{new.name}"
    instances = [change for change in plan.changes if change.name == new.name]
    if not instances:
        raise PlanError(
            f"{qualified} is not planned",
            path=str(plan.path),
            hint=f"`muniment plan {new.project}` lists what is.",
        )
    older = instances[-1]
    tagged = [change for change in plan.changes[older.index :] if change.tags]
    if not tagged:
        raise PlanError(
            f"{qualified} is not released: no tag comes after it",
            path=str(plan.path),
            line=older.line,
            hint="Edit its scripts in place. "
            f"If it is out already, run `muniment tag {new.project} NAME` first.",
        )
    tag = tagged[-1].tags[0].name
    before = _read(plan.path)
    requires = dict.fromkeys([f"{new.name}@{tag}", *new.requires])
    after = _inserted(before, [_line(new, list(requires))])
    planned = _planned(projects, plan.path, after, qualified)
    change = planned.plan(new.project).changes[-1]
    _check_requirements(planned, change)
    texts = {kind: projects.script(older, kind).text for kind in _KINDS}
    paths = {kind: projects.script_path(older, kind) for kind in _KINDS}
    deploy, revert = texts["deploy"], texts["revert"]
    return _checked(
        Draft(
            planned,
            change,
            {
                paths[kind].with_name(f"{paths[kind].stem}@{tag}.sql"): texts[kind]
                for kind in _KINDS
            },
            {
                paths["deploy"]: (deploy, _with_header(deploy, "deploy", change)),
                paths["revert"]: (revert, _with_header(deploy, "revert", change)),
                plan.path: (before, after),
            },
        )
    )


class _PlannedProjects(Projects):
    """The projects as they will be, when one of the plans is what it is not yet."""

    def __init__(self, projects: Projects, plan: Plan) -> None:
        super().__init__(projects.directory)
        self._new = plan

    def plan(self, project: str) -> Plan:
        return self._new if project == self._new.project else super().plan(project)


def _planned(projects: Projects, path: Path, text: str, what: str) -> Projects:
    with _told_of(what, path):
        return _PlannedProjects(projects, parse_plan(text, path=path))


def _check_requirements(planned: Projects, change: Change) -> None:
    """Refuse what requires something that is not planned, or could never be deployed."""
    with _told_of(change.qualified, planned.plan(change.project).path):
        for required in change.requires:
            planned.plan(required.project)
        planned.steps([Target(change.project)])


@contextmanager
def _told_of(what: str, path: Path) -> Iterator[None]:
    """Tell of a fault in a plan that is not written yet without a line, which nobody could find."""
    try:
        yield
    except PlanError as error:
        reason = error.message.removeprefix(f"{path}:{error.line}: ")
        raise PlanError(f"cannot plan {what}: {reason}", hint=error.hint) from error


def _checked(draft: Draft) -> Draft:
    for path in draft.created:
        if path.exists():
            raise PlanError("the file is there already", path=str(path))
    return draft


def _read(path: Path) -> str:
    # Bytes, so that the line ends of the plan stay what they are.
    return path.read_bytes().decode()


def _line(new: NewChange, requires: Sequence[str]) -> str:
    return change_line(
        new.name,
        requires=requires,
        conflicts=list(dict.fromkeys(new.conflicts)),
        planned_at=new.planned_at,
        planner_name=new.planner.name,
        planner_email=new.planner.email,
        note=new.note,
    )


def _inserted(text: str, lines: Sequence[str], after: int | None = None) -> str:
    """Put lines after the one with a number, or at the end, with the line ends that a plan has."""
    rows = re.findall(r"[^\n]*\n|[^\n]+", text)
    end = "\r\n" if rows[0].endswith("\r\n") else "\n"
    at = len(rows) if after is None else after
    if not rows[at - 1].endswith("\n"):
        rows[at - 1] += end
    return "".join([*rows[:at], *(f"{line}{end}" for line in lines), *rows[at:]])


def _with_header(deploy: str, kind: Kind, change: Change) -> str:
    """Return the text of a deploy script as one of ``change``: with a header that says so."""
    lines = deploy.splitlines(keepends=True)
    header = list(takewhile(lambda line: line.startswith("--"), lines))
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    fields = _fields(change) if kind == "deploy" else []
    return "".join(
        [
            *(
                f"{line}{end}"
                for line in [FIRST_LINES[kind].format(change=change.qualified), *fields]
            ),
            *(line for line in header[1:] if not _PLANNED_FIELD.match(line)),
            *lines[len(header) :],
        ]
    )


def _fields(change: Change) -> list[str]:
    """Return the lines of a header that repeat the plan."""
    return [
        *(f"-- requires: {required.text}" for required in change.requires),
        *(f"-- conflicts: {conflict.text}" for conflict in change.conflicts),
    ]


def _new_files(projects: Projects, change: Change) -> dict[Path, str]:
    fields = {
        "project": change.project,
        "name": change.name,
        "qualified": change.qualified,
        "docs": f"docs/schema/{change.project}.md#{change.name.replace('_', '-')}",
        "requires": "".join(f"{line}\n" for line in _fields(change)),
    }
    tests = projects.directory.parent / "tests" / "pgtap" / change.project
    return {
        projects.script_path(change, "deploy"): _DEPLOY.format(**fields),
        projects.script_path(change, "revert"): _REVERT.format(**fields),
        projects.script_path(change, "verify"): _VERIFY.format(**fields),
        tests / f"{change.name}.sql": _TEST.format(**fields),
    }


def _asides(path: Path) -> tuple[Path, Path]:
    """Return where the old and the new text of a file wait while it is replaced."""
    return path.with_name(f".{path.name}.old"), path.with_name(f".{path.name}.new")

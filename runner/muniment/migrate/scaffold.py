"""Begin a new change: its three scripts, its test, and its line in the plan."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from muniment.errors import PlanError
from muniment.migrate.plan import Change, change_line, parse_plan
from muniment.migrate.projects import Projects
from muniment.migrate.settings import Committer

__all__ = ["NewChange", "scaffold"]

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


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change to begin.

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


def scaffold(projects: Projects, new: NewChange) -> list[Path]:
    """Write the files of a new change, then its line at the end of the plan; all or nothing.

    Args:
        projects: Where; the tests are in ``tests/pgtap`` beside the sql directory.
        new: What.

    Returns:
        The files that were written, the plan last.

    Raises:
        PlanError: The name is illegal or taken, something required is not planned, or a file is
            there already.
    """
    plan = projects.plan(new.project)
    if any(change.name == new.name for change in plan.changes):
        raise PlanError(
            f"{new.project}:{new.name} is planned already",
            path=str(plan.path),
            hint="To change what is released, plan a change of another name.",
        )
    text = _extended_plan(plan.path, new)
    change = parse_plan(text, path=plan.path).changes[-1]
    for required in change.requires:
        if required.project != new.project:
            projects.plan(required.project).find(required.text.partition(":")[2])
    files = _files(projects, change)
    for path in files:
        if path.exists():
            raise PlanError("the file is there already", path=str(path))
    _write_all({**files, plan.path: text})
    return [*files, plan.path]


def _extended_plan(path: Path, new: NewChange) -> str:
    line = change_line(
        new.name,
        requires=new.requires,
        conflicts=new.conflicts,
        planned_at=new.planned_at,
        planner_name=new.planner.name,
        planner_email=new.planner.email,
        note=new.note,
    )
    # Bytes, so that the line ends of the plan stay what they are.
    text = path.read_bytes().decode()
    if not text.endswith("\n"):
        text += "\n"
    return f"{text}{line}\n"


def _files(projects: Projects, change: Change) -> dict[Path, str]:
    fields = {
        "project": change.project,
        "name": change.name,
        "qualified": change.qualified,
        "docs": f"docs/schema/{change.project}.md#{change.name.replace('_', '-')}",
        "requires": "".join(
            [
                *(f"-- requires: {required.text}\n" for required in change.requires),
                *(f"-- conflicts: {conflict.text}\n" for conflict in change.conflicts),
            ]
        ),
    }
    tests = projects.directory.parent / "tests" / "pgtap" / change.project
    return {
        projects.script_path(change, "deploy"): _DEPLOY.format(**fields),
        projects.script_path(change, "revert"): _REVERT.format(**fields),
        projects.script_path(change, "verify"): _VERIFY.format(**fields),
        tests / f"{change.name}.sql": _TEST.format(**fields),
    }


def _write_all(files: dict[Path, str]) -> None:
    """Write files beside their places, then put them there in order; undo it all on an error.

    The last one is replaced, which makes it the moment from which the change exists.
    """
    *new, _ = files
    waiting = {path: path.with_name(f".{path.name}.new") for path in files}
    placed: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            waiting[path].write_bytes(text.encode())
        for path, source in waiting.items():
            source.replace(path)
            placed.append(path)
    except BaseException:
        for leftover in [*waiting.values(), *(path for path in placed if path in new)]:
            with suppress(FileNotFoundError):
                leftover.unlink()
        raise

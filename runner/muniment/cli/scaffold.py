"""`muniment new`, `tag` and `rework`: what changes a plan, and the files that go with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from muniment.cli._options import committer
from muniment.cli._visible import visible
from muniment.errors import ConfigError
from muniment.migrate.projects import Projects, find_sql_directory
from muniment.migrate.scaffold import (
    Draft,
    NewChange,
    NewTag,
    draft_change,
    draft_rework,
    draft_tag,
)

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _note_option(command: F) -> F:
    """Add `--note`, which must say something: sqitch asks for one until it gets it."""

    def check(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
        if not value.strip():
            raise click.BadParameter("say in one sentence what this is for.")
        return value

    return click.option(
        "-n", "--note", required=True, callback=check, help="One imperative sentence with a period."
    )(command)


def _requirement_options(command: F) -> F:
    """Add `--requires` and `--conflicts`."""
    command = click.option(
        "--conflicts",
        multiple=True,
        metavar="[PROJECT:]CHANGE",
        help="What must not be deployed; may be repeated.",
    )(command)
    return click.option(
        "--requires",
        multiple=True,
        metavar="[PROJECT:]CHANGE",
        help="What must be deployed before; may be repeated.",
    )(command)


def _dry_run_option(command: F) -> F:
    """Add `--dry-run`."""
    return click.option(
        "--dry-run", is_flag=True, help="Say what would be written, and write nothing."
    )(command)


def _sql_dir_option(command: F) -> F:
    """Add `--sql-dir` of what writes: never the package's own scripts from somewhere else."""
    return click.option(
        "--sql-dir",
        envvar="MUNIMENT_SQL_DIR",
        metavar="DIRECTORY",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("sql"),
        show_default=True,
        help="The directory with plans, deploy, revert and verify.",
    )(command)


@click.command()
@click.argument("change", metavar="PROJECT:NAME")
@_requirement_options
@_note_option
@_dry_run_option
@_sql_dir_option
def new(
    change: str,
    requires: tuple[str, ...],
    conflicts: tuple[str, ...],
    note: str,
    dry_run: bool,
    sql_dir: Path,
) -> None:
    """Write the scripts and the test of a new change, and its line in the plan.

    Prints the files. They fail until they are filled in. Where there are files for yoyo, those are
    made anew too.
    """
    project, name = _split(change, "PROJECT:NAME")
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name for a change: lower case, digits and _ only.")
    wanted = _change(project, name, requires, conflicts, note)
    draft = draft_change(_projects(sql_dir), wanted)
    _carry_out(draft, draft.change.line, dry_run)


@click.command()
@click.argument("project")
@click.argument("name")
@click.option(
    "--change",
    metavar="CHANGE",
    help="The change to tag, also as @TAG, CHANGE@TAG or @HEAD^ [default: the last one].",
)
@_note_option
@_dry_run_option
@_sql_dir_option
def tag(
    project: str, name: str, change: str | None, note: str, dry_run: bool, sql_dir: Path
) -> None:
    """Tag a change as released: write the line @NAME into the plan of a project.

    What is before a tag is never edited again; `muniment rework` changes it. The next deploy
    records the tag in databases that have the change.
    """
    draft = draft_tag(
        _projects(sql_dir),
        NewTag(
            project=project,
            name=name,
            change=change,
            note=note,
            planner=committer(),
            planned_at=datetime.now(UTC),
        ),
    )
    _carry_out(draft, draft.change.tags[-1].line, dry_run)
    if not dry_run:
        click.echo(f"tagged {draft.change.qualified} with @{name.removeprefix('@')}", err=True)


@click.command()
@click.argument("change", metavar="PROJECT:CHANGE")
@_requirement_options
@_note_option
@_dry_run_option
@_sql_dir_option
def rework(
    change: str,
    requires: tuple[str, ...],
    conflicts: tuple[str, ...],
    note: str,
    dry_run: bool,
    sql_dir: Path,
) -> None:
    """Begin a new instance of a change that is tagged, such as a function with another body.

    Keeps the scripts as they are under the name of the tag (CHANGE@TAG.sql), writes the line into
    the plan and prints the files. The new scripts begin as the old ones, the new revert script as
    the old deploy script: edit all three before you deploy.
    """
    project, name = _split(change, "PROJECT:CHANGE")
    draft = draft_rework(_projects(sql_dir), _change(project, name, requires, conflicts, note))
    _carry_out(draft, draft.change.line, dry_run)
    if not dry_run:
        _tell_what_to_edit(draft)


def _split(change: str, form: str) -> tuple[str, str]:
    project, _, name = change.partition(":")
    if not (project and name):
        raise click.UsageError(f"{change!r} is not {form}.")
    return project, name


def _change(
    project: str, name: str, requires: tuple[str, ...], conflicts: tuple[str, ...], note: str
) -> NewChange:
    return NewChange(
        project=project,
        name=name,
        requires=requires,
        conflicts=conflicts,
        note=note,
        planner=committer(),
        planned_at=datetime.now(UTC),
    )


def _projects(sql_dir: Path) -> Projects:
    return Projects(find_sql_directory(sql_dir))


def _carry_out(draft: Draft, line: int, dry_run: bool) -> None:
    """Write a draft, or say what that would be; ``line`` is the number of the new plan line."""
    if dry_run:
        _tell_what_would_be(draft, line)
    else:
        _write(draft)


def _tell_what_would_be(draft: Draft, line: int) -> None:
    """Print the files that a draft and, where yoyo is used, that would write; and the plan line."""
    directory = draft.projects.directory / "yoyo"
    changed: list[tuple[str, Path]] = []
    if directory.is_dir():
        from muniment.migrate.yoyo import compare_files, migration_files

        for finding in compare_files(directory, migration_files(draft.projects)):
            if finding.state != "foreign":
                what = "delete" if finding.state == "stale" else "write"
                changed.append((what, finding.path))
    for path in [*draft.created, *draft.replaced]:
        click.echo(f"would write {path}")
    for what, path in changed:
        click.echo(f"would {what} {path}")
    plan, (_, after) = list(draft.replaced.items())[-1]
    planned = after.split("\n")[line - 1].rstrip()
    click.echo(visible(f"would add to {plan}: {planned}"))


def _write(draft: Draft) -> None:
    """Write a draft and, where yoyo is used, the files for that; print what was written."""
    directory = draft.projects.directory / "yoyo"
    if not directory.is_dir():
        for path in draft.write():
            click.echo(path)
        return
    from muniment.migrate.yoyo import migration_files, write_files

    # First, because it refuses a name that is too long for yoyo.
    files = migration_files(draft.projects)
    for path in draft.write():
        click.echo(path)
    try:
        for finding in write_files(directory, files):
            if finding.state in {"missing", "edited"}:
                click.echo(finding.path)
            else:
                done = "deleted" if finding.state == "stale" else "left alone"
                click.echo(f"{done} {finding.path}, which is {finding.state}", err=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write the files for yoyo: {error.filename}: {error.strerror}",
            hint="The plan is written. Mend the cause, then run `muniment yoyo generate`.",
        ) from error


def _tell_what_to_edit(draft: Draft) -> None:
    change, projects = draft.change, draft.projects
    older = change.requires[0].text
    test = projects.directory.parent / "tests" / "pgtap" / change.project / f"{change.name}.sql"
    todo = [
        (projects.script_path(change, "deploy"), f"from {older} to what it is to be"),
        (projects.script_path(change, "revert"), f"back to {older}, whose deploy script this was"),
        (projects.script_path(change, "verify"), "what proves the new one"),
        *([(test, "what the new one promises")] if test.is_file() else []),
    ]
    click.echo("now edit:", err=True)
    for path, what in todo:
        click.echo(f"  {path}: {what}", err=True)

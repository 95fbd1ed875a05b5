"""`muniment new`: begin a change."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click

from muniment.cli._options import committer, sql_dir_option
from muniment.migrate.projects import Projects, find_sql_directory
from muniment.migrate.scaffold import NewChange, scaffold

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@click.command()
@click.argument("change", metavar="PROJECT:NAME")
@click.option("--requires", multiple=True, metavar="CHANGE", help="What must be deployed before.")
@click.option("--conflicts", multiple=True, metavar="CHANGE", help="What must not be deployed.")
@click.option("-n", "--note", required=True, help="One imperative sentence with a period.")
@sql_dir_option
def new(
    change: str,
    requires: tuple[str, ...],
    conflicts: tuple[str, ...],
    note: str,
    sql_dir: Path | None,
) -> None:
    """Write the scripts and the test of a new change, and its line in the plan.

    Works on ./sql unless --sql-dir says otherwise. Prints the files. They fail until they are
    filled in.
    """
    project, colon, name = change.partition(":")
    if not (project and colon and name):
        raise click.UsageError(f"{change!r} is not PROJECT:NAME.")
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name for a change: lower case, digits and _ only.")
    written = scaffold(
        # Never the package's own scripts from somewhere else: this writes.
        Projects(find_sql_directory(sql_dir or Path("sql"))),
        NewChange(
            project=project,
            name=name,
            requires=requires,
            conflicts=conflicts,
            note=note,
            planner=committer(),
            planned_at=datetime.now(UTC),
        ),
    )
    for path in written:
        click.echo(path)

"""`muniment yoyo`: what `yoyo apply`, `yoyo rollback` and `yoyo list` need to run the plans."""

from __future__ import annotations

from pathlib import Path

import click

from muniment.cli._options import (
    committer,
    dsn_option,
    refuse_other_registry,
    resolve_dsn,
    sql_dir_option,
)
from muniment.migrate.projects import Projects, find_sql_directory

# The answer is no: the files are not what they would be if they were made now.
EXIT_NO = 3


@click.group()
def yoyo() -> None:
    """Let yoyo-migrations deploy the plans too, on the same record of what is deployed."""


@yoyo.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; exit with 3 if not fresh.")
@sql_dir_option
def generate(is_check: bool, sql_dir: Path | None) -> int:
    """Make the migration files that yoyo reads, one a change, in `yoyo` beside the plans.

    Prints each file that was missing, stale or edited. One that yoyo would run too, although
    muniment has not made it, is foreign: it is left alone, and the exit code is 3.
    """
    from muniment.migrate.yoyo import compare_files, migration_files, write_files

    projects = Projects(find_sql_directory(sql_dir))
    directory = projects.directory / "yoyo"
    files = migration_files(projects)
    is_fresh = True
    for finding in (compare_files if is_check else write_files)(directory, files):
        click.echo(f"{finding.path} {'is' if is_check else 'was'} {finding.state}")
        is_fresh = is_fresh and not is_check and finding.state != "foreign"
    if is_fresh:
        return 0
    hint = "Run `muniment yoyo generate`." if is_check else "Move what is foreign elsewhere."
    click.echo(f"hint: {hint}", err=True)
    return EXIT_NO


@yoyo.command()
@dsn_option
def install(dsn: str | None) -> None:
    """Make the view that yoyo takes for its own table, in the first schema of the search_path.

    The first `yoyo` command in the checkout does it too. It is for a database that yoyo is to reach
    as postgresql+psycopg://, before that makes a table of its own.
    """
    refuse_other_registry()
    from muniment import __version__
    from muniment._db import connect
    from muniment.cli._render import render
    from muniment.migrate import yoyo as state
    from muniment.migrate.settings import Settings

    settings = Settings(committer=committer(), tool=f"muniment {__version__}")
    with connect(resolve_dsn(dsn)) as connection:
        was_there = state.is_installed(connection)
        render(state.install(connection, settings=settings), as_json=False)
    click.echo("the view is there already" if was_there else "made the view", err=True)

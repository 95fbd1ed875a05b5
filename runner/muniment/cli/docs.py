"""`muniment docs`: the pages that are made and not written: the schemas, and the commands."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli._options import dsn_option, resolve_dsn, sql_dir_option
from muniment.errors import AccessDenied, ConfigError
from muniment.migrate.projects import Projects, find_sql_directory

if TYPE_CHECKING:
    from muniment._db import Connection

# The answer is no: a page is not what it would be if it were made now.
EXIT_NO = 3

_CHECK_HELP = "Write nothing; exit with 3 and name each page that is stale."


@click.group()
def docs() -> None:
    """Make the reference pages: the data dictionary, and the list of commands."""


@docs.command()
@click.option("--check", "is_check", is_flag=True, help=_CHECK_HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("docs/schema"),
    show_default=True,
    metavar="DIRECTORY",
    help="Where the pages go.",
)
@sql_dir_option
@dsn_option
def build(is_check: bool, out: Path, sql_dir: Path | None, dsn: str | None) -> int:
    """Make a page a schema from what is deployed: tables, keys, rights, policies, functions.

    The words are those of COMMENT ON. Reads only; prints the pages that it wrote.
    """
    projects = Projects(find_sql_directory(sql_dir))
    pages = _schema_pages(resolve_dsn(dsn), projects, out)
    return _put(pages, is_check=is_check, make="muniment docs build")


@docs.command()
@click.option("--check", "is_check", is_flag=True, help=_CHECK_HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/reference/commands.md"),
    show_default=True,
    metavar="FILE",
    help="Where the page goes.",
)
def commands(is_check: bool, out: Path) -> int:
    """Make the page of all commands from what their --help says. Needs no database."""
    return _put({out: commands_page()}, is_check=is_check, make="muniment docs commands")


@docs.command()
@click.option("--check", "is_check", is_flag=True, help=_CHECK_HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runner/muniment/tables"),
    show_default=True,
    metavar="DIRECTORY",
    help="Where the modules go.",
)
@sql_dir_option
@dsn_option
def tables(is_check: bool, out: Path, sql_dir: Path | None, dsn: str | None) -> int:
    """Make the modules of muniment.tables from what is deployed: one a schema that has tables.

    They are SQLAlchemy's description of each table, for code that imports it. Reads only; prints
    the modules that it wrote.
    """
    from muniment._db import connect, dict_row

    try:
        from muniment.tables.generate import make_modules
    except ImportError:
        raise ConfigError(
            "no SQLAlchemy: the package sqlalchemy is not installed",
            hint="Run `pip install 'muniment[contract]'`.",
        ) from None
    projects = Projects(find_sql_directory(sql_dir))
    with (
        connect(resolve_dsn(dsn)) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        modules = make_modules(
            lambda statement: cursor.execute(statement.encode()).fetchall(), projects.names
        )
    sources = {out / f"{schema}.py": text for schema, text in modules.items()}
    return _put(sources, is_check=is_check, make="muniment docs tables")


def _schema_pages(dsn: str, projects: Projects, out: Path) -> dict[Path, str]:
    """Return the pages of a database by the path that each one has.

    Raises:
        ConfigError: Nothing of muniment's is deployed there.
        StoreError: The database cannot be reached or read.
    """
    from muniment._db import connect
    from muniment.dictionary import read_catalog
    from muniment.dictionary_pages import make_pages

    with connect(dsn) as connection:
        catalog = read_catalog(connection)
        _tell_pending(connection, projects)
    if not catalog.schemas:
        raise ConfigError(
            "nothing to document: no schema of this database belongs to muniment_owner",
            hint="Run `muniment deploy` on it first.",
        )
    sql_link = Path(os.path.relpath(projects.directory, out)).as_posix()
    made = make_pages(catalog, projects, sql_link=sql_link)
    return {out / f"{schema}.md": text for schema, text in made.items()}


def _tell_pending(connection: Connection, projects: Projects) -> None:
    """Say on stderr what the pages cannot have, because it is planned and not deployed."""
    from muniment.migrate import engine

    try:
        found = engine.status(connection, projects)
    except AccessDenied:
        # The catalog is for every login to read, the registry is not.
        return
    for one in found:
        if one.deployed and one.pending:
            names = ", ".join(f"{one.project}:{name}" for name in one.pending)
            click.echo(f"not deployed, so described by the plan alone: {names}", err=True)


def _put(pages: Mapping[Path, str], *, is_check: bool, make: str) -> int:
    """Write the pages that have changed, or say which ones have; return the exit code.

    Args:
        pages: The text of each file.
        is_check: Whether to write nothing.
        make: The command that makes the pages.
    """
    stale = [
        path
        for path, text in pages.items()
        if not path.is_file() or path.read_bytes() != text.encode()
    ]
    if not stale:
        click.echo("all pages are fresh", err=True)
        return 0
    if is_check:
        for path in stale:
            click.echo(f"{path} is {'stale' if path.is_file() else 'missing'}")
        click.echo(f"hint: Run `{make}`.", err=True)
        return EXIT_NO
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pages[path].encode())
        click.echo(path)
    return 0


# The page of the commands ---------------------------------------------------

_COMMANDS_HEAD = """\
<!-- Made by `muniment docs commands` from the help of each command. Do not edit. -->

# Commands

stdout is data; stderr is progress and errors. Exit codes:

| code | means |
| --- | --- |
| 0 | done |
| 1 | failed: one line says what, on what and why; a line `hint:` says what to do next |
| 2 | the command line is wrong |
| 3 | the answer is no: pending under `--check`, drift, a verification failed, a page is stale |
| 130 | interrupted |

A database is named by `--dsn`, else by `MUNIMENT_DSN` or `DATABASE_URL`, else by libpq's `PG*`
variables, else it is that of `muniment up` in this directory or above.
"""


def commands_page() -> str:
    """Return the page of all commands, in the order in which `muniment --help` lists them."""
    from muniment.cli import cli

    found = list(_walk(cli, click.Context(cli, info_name="muniment")))
    lines = [_COMMANDS_HEAD, "| command | |", "| --- | --- |"]
    for ctx in found:
        name = ctx.command_path
        about = ctx.command.get_short_help_str(limit=200)
        lines.append(f"| [`{name}`](#{name.replace(' ', '-')}) | {about} |")
    for ctx in found:
        lines += ["", *_command_section(ctx)]
    return "\n".join(lines) + "\n"


def _walk(group: click.Group, ctx: click.Context) -> Iterator[click.Context]:
    """Yield the context of each command below a group, that of a subgroup before its commands."""
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=ctx)
        yield below
        if isinstance(command, click.Group):
            yield from _walk(command, below)


def _command_section(ctx: click.Context) -> Iterator[str]:
    yield f"## {ctx.command_path}"
    yield ""
    yield "```text"
    yield " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
    yield "```"
    yield ""
    yield inspect.cleandoc(ctx.command.help or "")
    records = [
        record
        for parameter in ctx.command.get_params(ctx)
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts
        if (record := parameter.get_help_record(ctx)) is not None
    ]
    if records:
        yield ""
        yield "| option | |"
        yield "| --- | --- |"
        for record in records:
            declaration, text = (part.replace("|", r"\|") for part in record)
            # click puts two blanks before what it adds in brackets.
            yield f"| `{declaration}` | {' '.join(text.split())} |"

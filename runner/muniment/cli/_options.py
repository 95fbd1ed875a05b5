"""Options that several commands share, and where they take their values from.

This is the only module that reads the environment: the packages below it are given what they need.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from muniment.errors import ConfigError
from muniment.migrate.settings import Committer

F = TypeVar("F", bound=Callable[..., Any])

# Any of these says that libpq knows where to go (PostgreSQL docs, "Environment Variables").
LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGUSER")


def dsn_option(command: F) -> F:
    """Add `--dsn`, whose value the command passes to :func:`resolve_dsn`."""
    return click.option(
        "--dsn",
        envvar=["MUNIMENT_DSN", "DATABASE_URL"],
        metavar="DSN",
        help="The database as a libpq string or URI [else DATABASE_URL, PG*, `muniment up`].",
    )(command)


def resolve_dsn(dsn: str | None) -> str:
    """Return the DSN to use: the option or DATABASE_URL, else libpq's own, else the embedded one.

    Args:
        dsn: The value of `--dsn`, or None.

    Returns:
        A libpq connection string; an empty one where libpq's environment decides.

    Raises:
        ConfigError: Nothing names a database.
    """
    if dsn:
        # As SQLAlchemy and yoyo write it, who have other drivers to tell psycopg from.
        return dsn.replace("+psycopg://", "://", 1)
    if any(os.environ.get(name) for name in LIBPQ_VARIABLES):
        return ""
    from muniment.embedded import running_dsn

    embedded = running_dsn()
    if embedded is None:
        raise ConfigError(
            "no database named",
            hint="Run `muniment up` for a server of its own, or give --dsn or DATABASE_URL.",
        )
    return embedded


def dsn_from_environment() -> str | None:
    """Return what `--dsn` is when it is not given, for programs that have no such option."""
    return os.environ.get("MUNIMENT_DSN") or os.environ.get("DATABASE_URL")


def sql_dir_option(command: F) -> F:
    """Add `--sql-dir`, which names the directory with the plans and scripts."""
    return click.option(
        "--sql-dir",
        envvar="MUNIMENT_SQL_DIR",
        metavar="DIRECTORY",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="The directory with plans, deploy, revert and verify [default: muniment's own].",
    )(command)


def json_option(command: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def projects_argument(command: F) -> F:
    """Add the names of projects, as ``names``; none means all."""
    return click.argument("names", nargs=-1, metavar="[PROJECT]...")(command)


def lock_options(command: F) -> F:
    """Add `--lock-wait` and `--lock-timeout`, both in seconds."""
    command = click.option(
        "--lock-timeout",
        type=Seconds(min=0.001, max=86_400),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="How long a statement may wait for a lock.",
    )(command)
    return click.option(
        "--lock-wait",
        type=Seconds(min=0, max=86_400),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for another deploy to end.",
    )(command)


class Seconds(click.FloatRange):
    """A number of seconds within bounds. NaN is within none, though no comparison says so."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail with a usage error."""
        number = float(super().convert(value, param, ctx))
        if number != number:
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return number


def is_interactive() -> bool:
    """Whether a person watches: stderr is a terminal, and it is not that of a build server."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def committer() -> Committer:
    """Return in whose name to deploy, found where sqitch finds it (App::Sqitch, user_name).

    That is SQITCH_FULLNAME and SQITCH_EMAIL, else ``[user]`` of sqitch.conf (here, in ~/.sqitch, in
    /etc/sqitch), else the operating system's user at this host.
    """
    configured = _sqitch_user()
    return Committer(
        name=os.environ.get("SQITCH_FULLNAME") or configured.get("name") or _full_name(),
        email=os.environ.get("SQITCH_EMAIL")
        or configured.get("email")
        or f"{getpass.getuser()}@{socket.gethostname()}",
    )


def refuse_other_registry() -> None:
    """Refuse to work beside a sqitch that is told to keep its record elsewhere.

    Raises:
        ConfigError: sqitch.conf names another registry for PostgreSQL or for a target.
    """
    for path, sections in _sqitch_configurations():
        for section, settings in sections.items():
            is_ours = section == 'engine "pg"' or section.startswith("target ")
            if is_ours and settings.get("registry", "sqitch") != "sqitch":
                raise ConfigError(
                    f"{path}: [{section}] has the registry {settings['registry']}",
                    hint="muniment keeps its record in the schema sqitch, and would not see what "
                    "sqitch deploys. Take the line out; move an existing registry with "
                    f"ALTER SCHEMA {settings['registry']} RENAME TO sqitch;",
                )


def _sqitch_user() -> dict[str, str]:
    found: dict[str, str] = {}
    for _path, sections in _sqitch_configurations():
        found |= sections.get("user", {})
    return found


def _sqitch_configurations() -> Iterator[tuple[Path, dict[str, dict[str, str]]]]:
    """Yield sqitch's configuration files; what a later one says holds."""
    for variable, default in (
        ("SQITCH_SYSTEM_CONFIG", "/etc/sqitch/sqitch.conf"),
        ("SQITCH_USER_CONFIG", "~/.sqitch/sqitch.conf"),
        ("SQITCH_CONFIG", "sqitch.conf"),
    ):
        path = Path(os.environ.get(variable) or default).expanduser()
        if path.is_file():
            yield path, _sections(path)


def _sections(path: Path) -> dict[str, dict[str, str]]:
    """Return the sections of a file in git's configuration format."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.strip()
        if text.startswith("["):
            kind, _, name = text.strip("[]").strip().partition(" ")
            section = found.setdefault(f"{kind.lower()} {name}".strip(), {})
        elif not text.startswith(("#", ";")):
            name, separator, value = text.partition("=")
            if separator:
                section[name.strip().lower()] = value.strip().strip('"')
    return found


def _full_name() -> str:
    name = getpass.getuser()
    try:
        from pwd import getpwnam
    except ImportError:  # Windows
        return name
    try:
        # The first field is the name, the others an office and telephones.
        return getpwnam(name).pw_gecos.partition(",")[0] or name
    except KeyError:
        return name

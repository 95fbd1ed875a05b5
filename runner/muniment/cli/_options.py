"""Options that several commands share, and where they take their values from.

With :mod:`muniment.settings`, which reads the shelf's, this is the only module that takes settings
from the environment: the packages below it are given what they need.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from muniment.errors import ConfigError
from muniment.migrate.settings import Committer

if TYPE_CHECKING:
    from muniment._db import Connection
    from muniment.settings import Settings
    from muniment.shelf import Shelf

F = TypeVar("F", bound=Callable[..., Any])

# Any of these names a shelf; without one there is none, whatever the bucket would be called.
SHELF_VARIABLES = ("AGENTS_BUCKET_NAME", "AGENTS_S3_ENDPOINT_URL", "PRAMAAN_ENV")

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


@contextmanager
def shelf_of(connection: Connection) -> Iterator[Shelf | None]:
    """Yield the shelf that belongs to a database, or None when nothing names one.

    It is the shelf of the settings if they name any, else that of `muniment up` if the connection
    leads to its database: rows of one database never name the objects of another.

    Args:
        connection: Where the ledger is.

    Raises:
        ConfigError: A setting is not what it can be.
    """
    settings = shelf_settings(connection)
    if settings is None:
        yield None
        return
    from muniment.shelf import Shelf

    with Shelf(settings) as shelf:
        yield shelf


def shelf_settings(connection: Connection | None) -> Settings | None:
    """Return the settings of the shelf of a database, or None when nothing names one.

    Args:
        connection: Where the ledger is; None stands for the server of `muniment up`.
    """
    if any(os.environ.get(name) for name in SHELF_VARIABLES):
        from muniment.settings import get_settings

        return get_settings()
    from muniment.embedded import running_server, running_shelf
    from muniment.embedded.postgres import DATABASE

    shelf, server = running_shelf(), running_server()
    if shelf is None or server is None:
        return None
    # A connection by the Unix socket has a directory for a host.
    host = None if connection is None else connection.info.host
    if connection is not None and (
        connection.info.port != server.port
        or connection.info.dbname != DATABASE
        or not (host == "127.0.0.1" or Path(host or "").resolve() == server.directory.resolve())
    ):
        return None
    from muniment.embedded.bucket import settings_of

    return settings_of(shelf)


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


class OtherRegistry(NamedTuple):
    """Where sqitch is told to keep its record, if not in the schema ``sqitch``.

    Attributes:
        place: The file and the section that say so.
        schema: The schema.
    """

    place: str
    schema: str

    @property
    def way_out(self) -> str:
        """What to do about it, as a sentence."""
        quoted = '"{}"'.format(self.schema.replace('"', '""'))
        return (
            "Take the line out; move an existing registry with "
            f"ALTER SCHEMA {quoted} RENAME TO sqitch;"
        )


def find_other_registry() -> OtherRegistry | None:
    """Return which registry other than ``sqitch`` a sqitch that runs here would use.

    A target says so itself, else its engine does, else ``[core]`` (App::Sqitch::Target,
    ``_fetch``). Those of other databases than PostgreSQL do not count.
    """
    settings = _sqitch_settings()
    sections = ["core", "engine.pg"]
    for section, keys in settings.items():
        kind, _, name = section.partition(".")
        uri = keys["uri"].value if "uri" in keys else name
        if kind == "target" and _PG_URI.match(uri):
            sections.append(section)
    # What is said for all of PostgreSQL is used wherever a target does not say it.
    if _registry(settings, "engine.pg"):
        sections.remove("core")
    for section in sections:
        found = _registry(settings, section)
        if found and found.value != "sqitch":
            return OtherRegistry(f"{found.path}: [{_heading(section)}]", found.value)
    return None


def refuse_other_registry() -> None:
    """Refuse to work beside a sqitch that is told to keep its record elsewhere.

    Raises:
        ConfigError: sqitch.conf names another registry for PostgreSQL or for a target.
    """
    other = find_other_registry()
    if other is not None:
        raise ConfigError(
            f"{other.place} has the registry {other.schema}",
            hint="muniment keeps its record in the schema sqitch, and would not see what sqitch "
            f"deploys. {other.way_out}",
        )


class _Setting(NamedTuple):
    """What a configuration file of sqitch says, and which one it is."""

    value: str
    path: Path


# As URI::db takes them: `db:` may be left out, and some names are other names of PostgreSQL.
_PG_URI = re.compile(r"(db:)?(pg|postgres|postgresql|pgsql):", re.IGNORECASE)


def _registry(settings: Mapping[str, Mapping[str, _Setting]], section: str) -> _Setting | None:
    """Return the registry that a section names; an empty one is none."""
    found = settings.get(section, {}).get("registry")
    return found if found and found.value else None


def _heading(section: str) -> str:
    kind, dot, name = section.partition(".")
    return f'{kind} "{name}"' if dot else kind


def _sqitch_user() -> dict[str, str]:
    # Blanks at the end of a line belong to what it says.
    return {key: found.value.strip() for key, found in _sqitch_settings().get("user", {}).items()}


def _sqitch_settings() -> dict[str, dict[str, _Setting]]:
    """Return what sqitch's configuration files say, by section and key; the last one holds."""
    settings: dict[str, dict[str, _Setting]] = {}
    for variable, default in (
        ("SQITCH_SYSTEM_CONFIG", "/etc/sqitch/sqitch.conf"),
        ("SQITCH_USER_CONFIG", "~/.sqitch/sqitch.conf"),
        ("SQITCH_CONFIG", "sqitch.conf"),
    ):
        path = Path(os.environ.get(variable) or default).expanduser()
        if os.path.isfile(path):  # noqa: PTH113  (Path.is_file() raises where it may not look)
            text = path.read_text(encoding="utf-8", errors="replace")
            for section, key, value in _read_settings(text):
                settings.setdefault(section, {})[key] = _Setting(value, path)
    return settings


# git's configuration format, as Config::GitLike reads it. A comment begins where a word would; a
# setting may stand on the line of its heading, and go on after a backslash at the end of a line.
_ENTRY = re.compile(
    r"""
    \s*
    (?: \[ (?P<section> [^\s\[\]"]+ ) (?: [\t ]* "(?P<name> [^\n]*? )" )? \]
      | (?P<key> [^\[=\n\#;] [^=\n]*? ) [\t ]* = [\t ]*
        (?P<value> (?: "(?: [^"\\] | \\. )*" | \\\r?. | [\t ]+ (?! [\t \#;] )
                     | (?! [\#;] ) [^\t \\\n"]+ )*+ )
        [^\n]*
      | [^\n]+
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|\\(?:\r?\n|.)|[\t ]+', re.DOTALL)


def _read_settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the settings of a file: ``section`` or ``section.name``, key, value."""
    section = ""
    for found in _ENTRY.finditer(text):
        if found["section"]:
            name = _unescaped(found["name"] or "")
            section = f"{found['section'].lower()}.{name}" if name else found["section"].lower()
        elif found["key"]:
            yield section, found["key"].lower(), _PIECE.sub(_plain, found["value"])


def _plain(piece: re.Match[str]) -> str:
    """Return what a quoted text, an escape or some blanks in a value mean."""
    if piece[1] is not None:
        return _unescaped(piece[1])
    return " " if piece[0].isspace() else _unescaped(piece[0])


def _unescaped(text: str) -> str:
    meanings = {"n": "\n", "t": "\t", "b": "\b", "\n": "", "\r\n": ""}
    return _ESCAPED.sub(lambda found: meanings.get(found[1], found[1]), text)


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

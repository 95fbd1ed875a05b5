"""The tools: what each is given to deploy, and how it is run.

Each gets the same statements in the form that its own manual has, one transaction a change, and a
database of its own. What a tool would do on its own beside deploying is off: dbmate's dump of the
schema. What it cannot do is not asked of it: only muniment and sqitch have verify scripts.
"""

# ruff: noqa: D102  (a method that overrides one does what that says)

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

from benchmarks.npm import Unavailable, dbmate
from benchmarks.workloads import Workload

# What the processes of loops.py measure themselves.
MUNIMENT_LOOP = "muniment's loop, verified"
MUNIMENT_ENGINE = "the same with lock, plans, scripts and a new registry"
BARE_LOOP = "the bare loop"

_LOOPS = Path(__file__).with_name("loops.py")
_ALEMBIC_ENVIRONMENT = """\
import os

from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_ALEMBIC_VERSION = """\
from alembic import op

revision = {revision!r}
down_revision = {parent!r}


def upgrade():
    op.get_bind().exec_driver_sql({deploy!r})


def downgrade():
    op.get_bind().exec_driver_sql({revert!r})
"""


@dataclass(frozen=True)
class Database:
    """A database, as the tools want to be told of it."""

    host: str
    port: int
    user: str
    password: str
    name: str

    def uri(self, scheme: str = "postgresql", *, options: str = "?sslmode=disable") -> str:
        """Return the connection URI in the dialect of a tool."""
        place = f"{self.host}:{self.port}/{quote(self.name, safe='')}"
        return f"{scheme}://{self.user}:{quote(self.password, safe='')}@{place}{options}"

    @property
    def libpq(self) -> dict[str, str]:
        """The variables of libpq."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.name,
            "PGSSLMODE": "disable",
        }


@dataclass(frozen=True)
class Command:
    """A command line, where it is run, and what it finds in its environment."""

    arguments: Sequence[str | Path]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class CommandFailed(Exception):
    """A tool did not do what it was asked; the message has what it said."""


def run(commands: Sequence[Command]) -> tuple[float, str]:
    """Run commands one after the other; return the seconds they took, and what the last printed.

    Raises:
        CommandFailed: One of them failed.
    """
    seconds = 0.0
    done = None
    for command in commands:
        environment = _clean_environment() | dict(command.environment)
        begun = perf_counter()
        done = subprocess.run(  # noqa: S603
            command.arguments,
            cwd=command.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds += perf_counter() - begun
        if done.returncode != 0:
            shown = " ".join(map(str, command.arguments))
            raise CommandFailed(f"{shown}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds, done.stdout if done else ""


def _clean_environment() -> dict[str, str]:
    """Return the environment without what names a database or configures one of the tools."""
    ours = ("PG", "MUNIMENT_", "SQITCH_", "DBMATE_", "DATABASE_URL", "YOYO_")
    names = {"SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "bench@example.org"}
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | names


class Contender(ABC):
    """A way to deploy a workload.

    Attributes:
        name: The command line, as tables show it.
        tool: Whose it is.
        verifies: Whether it proves each change.
        is_whole: Whether its process is one that somebody would run.
        recorded: A query for how many changes it has recorded.
    """

    name: str
    tool: str
    verifies = False
    is_whole = True
    recorded = "SELECT count(*) FROM sqitch.changes"

    def __init__(self, workload: Workload, directory: Path) -> None:
        """Take a workload, and an empty directory of one's own to write it into."""
        self.workload = workload
        self.directory = directory

    @abstractmethod
    def version(self) -> str:
        """Return the version of the tool.

        Raises:
            Unavailable: It is not on this machine.
        """

    def write(self) -> None:  # noqa: B027  (some read the plans as they are)
        """Write the workload in the tool's own form."""

    @abstractmethod
    def deploy(self, database: Database) -> list[Command]:
        """Return what deploys the workload."""

    def idle(self, _database: Database) -> dict[str, list[Command]]:
        """Return what has nothing to do once it is deployed, by the names in the tables."""
        return {}

    def inner(self, _output: str) -> dict[str, float]:
        """Return the seconds that the deploy itself measured, by the names in the tables."""
        return {}


class Muniment(Contender):
    """muniment as it is used: each change is verified in its own transaction."""

    name = "muniment deploy"
    tool = "muniment"
    verifies = True

    def version(self) -> str:
        return version("muniment")

    def deploy(self, database: Database) -> list[Command]:
        return [self._command(database, "deploy", *self.workload.projects)]

    def idle(self, database: Database) -> dict[str, list[Command]]:
        return {
            "muniment status": [self._command(database, "status")],
            "muniment deploy": self.deploy(database),
        }

    def _command(self, database: Database, *arguments: str) -> Command:
        environment = {"DATABASE_URL": database.uri(), "MUNIMENT_SQL_DIR": str(self.workload.sql)}
        return Command([_script("muniment"), *arguments], self.workload.directory, environment)


class MunimentUnverified(Muniment):
    """The same without verification, to compare with those that have none."""

    name = "muniment deploy --no-verify"
    verifies = False

    def deploy(self, database: Database) -> list[Command]:
        return [self._command(database, "deploy", "--no-verify", *self.workload.projects)]

    def idle(self, _database: Database) -> dict[str, list[Command]]:
        return {}


class Engine(Muniment):
    """muniment's engine as a library, on an open connection."""

    name = "muniment.migrate.engine"
    is_whole = False

    def deploy(self, database: Database) -> list[Command]:
        return [_loop("engine", self, database, self.workload.sql, *self.workload.projects)]

    def idle(self, _database: Database) -> dict[str, list[Command]]:
        return {}

    def inner(self, output: str) -> dict[str, float]:
        seconds = json.loads(output)
        return {
            MUNIMENT_LOOP: seconds["loop"],
            MUNIMENT_ENGINE: seconds["engine"],
        }


class Sqitch(Contender):
    """sqitch as it is used by default."""

    name = "sqitch deploy"
    tool = "sqitch"
    options: tuple[str, ...] = ()

    def version(self) -> str:
        program = shutil.which("sqitch")
        if program is None:
            raise Unavailable("no sqitch on PATH (Debian, Ubuntu: apt-get install sqitch)")
        return _first_line(program, "--version").split()[-1]

    def deploy(self, database: Database) -> list[Command]:
        return self._commands(database, "deploy", *self.options)

    def idle(self, database: Database) -> dict[str, list[Command]]:
        return {
            "sqitch status": self._commands(database, "status"),
            "sqitch deploy": self._commands(database, "deploy"),
        }

    def _commands(self, database: Database, verb: str, *options: str) -> list[Command]:
        """Return one command a project: sqitch knows no others."""
        return [
            Command(["sqitch", verb, *options, project], self.workload.directory, database.libpq)
            for project in self.workload.projects
        ]


class SqitchVerified(Sqitch):
    """sqitch with the scripts that muniment runs too."""

    name = "sqitch deploy --verify"
    verifies = True
    options = ("--verify",)

    def idle(self, _database: Database) -> dict[str, list[Command]]:
        return {}


class Yoyo(Contender):
    """yoyo on plain SQL files, without muniment."""

    name = "yoyo apply"
    tool = "yoyo"
    recorded = "SELECT count(*) FROM _yoyo_migration"

    def version(self) -> str:
        return version("yoyo-migrations")

    def write(self) -> None:
        for step in self.workload.steps:
            (self.directory / f"{step.name}.sql").write_text(step.deploy)
            (self.directory / f"{step.name}.rollback.sql").write_text(step.revert)

    def deploy(self, database: Database) -> list[Command]:
        # A password in the arguments is nothing to imitate; this server lives for a minute.
        options = ["--batch", "--no-config-file", "--database", database.uri("postgresql+psycopg")]
        return [Command([_script("yoyo"), "apply", *options, self.directory], self.directory)]

    def idle(self, database: Database) -> dict[str, list[Command]]:
        return {self.name: self.deploy(database)}


class Dbmate(Contender):
    """dbmate's program itself, not the script of Node that npm puts before it."""

    name = "dbmate up"
    tool = "dbmate"
    recorded = "SELECT count(*) FROM schema_migrations"

    def version(self) -> str:
        return _first_line(dbmate(), "--version").split()[-1]

    def write(self) -> None:
        for step in self.workload.steps:
            text = f"-- migrate:up\n{step.deploy}\n\n-- migrate:down\n{step.revert}\n"
            (self.directory / f"{step.name}.sql").write_text(text)

    def deploy(self, database: Database) -> list[Command]:
        options = ("--no-dump-schema", "--migrations-dir", self.directory)
        environment = {"DATABASE_URL": database.uri("postgres")}
        return [Command([dbmate(), *options, "up"], self.directory, environment)]

    def idle(self, database: Database) -> dict[str, list[Command]]:
        return {self.name: self.deploy(database)}


class Alembic(Contender):
    """alembic with raw SQL and a transaction a revision, as the others have."""

    name = "alembic upgrade head"
    tool = "alembic"
    # It keeps the last revision only, and every revision names the one before.
    recorded = "SELECT split_part(version_num, '_', 1)::integer FROM alembic_version"

    def version(self) -> str:
        try:
            return f"{version('alembic')} (SQLAlchemy {version('sqlalchemy')})"
        except PackageNotFoundError:
            raise Unavailable("not installed: pip install --editable '.[bench]'") from None

    def write(self) -> None:
        versions = self.directory / "versions"
        versions.mkdir()
        (self.directory / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
        (self.directory / "env.py").write_text(_ALEMBIC_ENVIRONMENT)
        parent = None
        for step in self.workload.steps:
            # alembic_version.version_num is a varchar(32).
            revision = step.name[:32]
            text = _ALEMBIC_VERSION.format(
                revision=revision,
                parent=parent,
                deploy=step.deploy.replace("%", "%%"),
                revert=step.revert.replace("%", "%%"),
            )
            (versions / f"{step.name}.py").write_text(text)
            parent = revision

    def deploy(self, database: Database) -> list[Command]:
        environment = {"DATABASE_URL": database.uri("postgresql+psycopg")}
        options = ("--config", self.directory / "alembic.ini")
        command: list[str | Path] = [_script("alembic"), *options, "upgrade", "head"]
        return [Command(command, self.directory, environment)]

    def idle(self, database: Database) -> dict[str, list[Command]]:
        return {self.name: self.deploy(database)}


class Bare(Contender):
    """No tool at all: what any of them must do at least, with psycopg."""

    name = "bare psycopg loop"
    tool = "psycopg"
    recorded = "SELECT count(*) FROM bench_registry"

    def version(self) -> str:
        return version("psycopg")

    def write(self) -> None:
        for step in self.workload.steps:
            (self.directory / f"{step.name}.sql").write_text(step.deploy)

    def deploy(self, database: Database) -> list[Command]:
        return [_loop("bare", self, database, self.directory)]

    def inner(self, output: str) -> dict[str, float]:
        return {BARE_LOOP: json.loads(output)["loop"]}


CONTENDERS: tuple[type[Contender], ...] = (
    Muniment,
    MunimentUnverified,
    SqitchVerified,
    Sqitch,
    Yoyo,
    Dbmate,
    Alembic,
    Bare,
    Engine,
)


def _loop(name: str, contender: Contender, database: Database, *arguments: str | Path) -> Command:
    """Return the command that runs one of the processes of loops.py."""
    environment = {"DATABASE_URL": database.uri()}
    return Command([sys.executable, _LOOPS, name, *arguments], contender.directory, environment)


def _script(name: str) -> Path:
    """Return a command of this Python environment."""
    return Path(sys.executable).with_name(name)


def _first_line(program: str | Path, *arguments: str) -> str:
    shown = subprocess.run(  # noqa: S603
        [program, *arguments], capture_output=True, text=True, check=True
    )
    return shown.stdout.splitlines()[0]

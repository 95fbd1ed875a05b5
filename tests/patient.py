"""A database that `muniment doctor` looks at, and that is treated with the commands it prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from muniment._db import connect
from muniment.embedded.programs import wheel_directory
from muniment.migrate.doctor import Examined, Finding, examine
from muniment.migrate.projects import Projects

# The servers of tests are started with -F, which is one thing that is always wrong with them.
ALWAYS_ILL = {"durability"}

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


class Patient:
    """A database, and the plans that it is held to.

    Attributes:
        dsn: The database, as a superuser.
        sql: The sql directory.
        directory: Where commands are typed.
    """

    def __init__(self, dsn: str, sql: Path, directory: Path | None = None) -> None:
        self.dsn = dsn
        self.sql = sql
        self.directory = directory or sql.parent

    def examine(self, *, dsn: str | None = None, idle_after: float = 300) -> dict[str, Examined]:
        """Return what each check says, by its name."""
        with connect(dsn or self.dsn, application_name="muniment doctor") as connection:
            found = examine(connection, Projects(self.sql), idle_after=idle_after)
            return {examined.check: examined for examined in found}

    def ill(self, *, idle_after: float = 300) -> dict[str, tuple[Finding, ...]]:
        """Return what is wrong, by check; nothing may remain unknown."""
        found = self.examine(idle_after=idle_after)
        unknown = {name: one.unknown for name, one in found.items() if one.unknown}
        assert not unknown
        return {
            name: one.findings
            for name, one in found.items()
            if one.findings and name not in ALWAYS_ILL
        }

    def finding(self, check: str, *, idle_after: float = 300) -> Finding:
        """Return the one thing that is wrong."""
        ill = self.ill(idle_after=idle_after)
        assert list(ill) == [check], ill
        (finding,) = ill[check]
        return finding

    def treat(self, finding: Finding) -> None:
        """Type what repairs a finding, where it says."""
        for step in finding.repair:
            assert step.by != "hand", step
            if step.by == "sql":
                self.run(psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", step.command)
            else:
                self.run("/bin/sh", "-c", step.command)

    def run(self, *command: str) -> str:
        """Run a command that must succeed, with the database in the environment."""
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def muniment(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `muniment`, and say how it went."""
        return subprocess.run(
            [sys.executable, "-m", "muniment", *arguments],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Return an environment in which nothing has to be said about database and plans."""
        known = ("MUNIMENT", "PG", "DATABASE_URL")
        inherited = {key: text for key, text in os.environ.items() if not key.startswith(known)}
        place = conninfo_to_dict(self.dsn)
        libpq = {name: str(place[key]) for key, name in _VARIABLES.items() if key in place}
        path = [str(Path(sys.executable).parent), str(Path(psql()).parent), inherited["PATH"]]
        return {
            **inherited,
            **libpq,
            "PATH": os.pathsep.join(path),
            "DATABASE_URL": self.dsn,
            "MUNIMENT_SQL_DIR": str(self.sql),
            "SQITCH_FULLNAME": "Doc Tor",
            "SQITCH_EMAIL": "doctor@example.org",
        }


def psql() -> str:
    """Return a psql, which need not be installed."""
    return shutil.which("psql") or str(wheel_directory() / "psql")

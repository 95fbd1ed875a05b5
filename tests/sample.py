"""Small projects that tests make up: plans, scripts and a sqitch.conf in a directory of their own.

Without other instructions the change `p:a` creates the table `a`, its revert drops it, and its
verify script reads it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from muniment.migrate.engine import Committer, Projects, Settings, Target
from muniment.migrate.plan import change_line

PLANNER = ("Ann Other", "ann@example.org")
SETTINGS = Settings(Committer("Carl Committer", "carl@example.org"), tool="tests 1.0")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Sample:
    """A directory with projects in it.

    Attributes:
        directory: Where sqitch is run.
        sql: The sql directory in it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sql = directory / "sql"
        (self.sql / "plans").mkdir(parents=True)
        (directory / "sqitch.conf").write_text("[core]\n\tengine = pg\n")
        self._moment = BEGINNING

    def project(self, name: str, *, uri: str | None = None) -> None:
        """Begin a project."""
        pragmas = ["%syntax-version=1.0.0", f"%project={name}"] + ([f"%uri={uri}"] if uri else [])
        self.plan_path(name).write_text("\n".join(pragmas) + "\n\n")
        with (self.directory / "sqitch.conf").open("a") as config:
            config.write(f'[target "{name}"]\n\turi = db:pg:\n')
            config.write(f"\tplan_file = sql/plans/{name}.plan\n")
            for kind in ("deploy", "revert", "verify"):
                config.write(f"\t{kind}_dir = sql/{kind}/{name}\n")
                # Without it sqitch looks for the scripts of reworked changes below `./`.
                config.write(f"\treworked_{kind}_dir = sql/{kind}/{name}\n")

    def add(
        self,
        change: str,
        *,
        requires: Sequence[str] = (),
        conflicts: Sequence[str] = (),
        deploy: str | None = None,
        revert: str | None = None,
        verify: str | None = None,
        note: str = "",
        transactional: bool = True,
    ) -> None:
        """Plan a change at the end of its project, and write its scripts.

        Args:
            change: As ``project:name``.
            requires: As a plan has it.
            conflicts: As a plan has it.
            deploy: The statements of the script, without envelope and header.
            revert: The same.
            verify: The same.
            note: The note.
            transactional: Whether its deploy and its revert script are a transaction each.
        """
        project, _, name = change.partition(":")
        if not self.plan_path(project).exists():
            self.project(project)
        self._append(
            project,
            change_line(
                name,
                requires=requires,
                conflicts=conflicts,
                planned_at=self._tick(),
                planner_name=PLANNER[0],
                planner_email=PLANNER[1],
                note=note,
            ),
        )
        table = name.replace("/", "_")
        header = [f"-- requires: {one}" for one in requires]
        header += [f"-- conflicts: {one}" for one in conflicts]
        deploy = deploy or f"CREATE TABLE {table} (id integer);"
        self.write("deploy", change, deploy, header, transactional=transactional)
        revert = revert or f"DROP TABLE {table};"
        self.write("revert", change, revert, transactional=transactional)
        self.write("verify", change, verify or f"TABLE {table};")

    def write(
        self,
        kind: str,
        change: str,
        body: str,
        header: Sequence[str] = (),
        *,
        transactional: bool = True,
    ) -> None:
        """Write one script of a change in house style around ``body``."""
        first = {"deploy": "-- Deploy {} to pg", "revert": "-- Revert {} from pg"}.get(
            kind, "-- Verify {} on pg"
        )
        end = "ROLLBACK" if kind == "verify" else "COMMIT"
        if transactional:
            lines = [first.format(change), *header, "", "BEGIN;", "", body, "", f"{end};", ""]
        else:
            lines = [first.format(change), *header, "-- transactional: false", "", body, ""]
        path = self.path(kind, change)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines))

    def tag(self, project: str, tag: str, *, note: str = "") -> None:
        """Put a tag on the last change of a project."""
        moment = self._tick().strftime("%Y-%m-%dT%H:%M:%SZ")
        line = f"@{tag} {moment} {PLANNER[0]} <{PLANNER[1]}>"
        self._append(project, f"{line} # {note}" if note else line)

    def rework(self, change: str, tag: str, *, deploy: str, revert: str, verify: str) -> None:
        """Rework a change that was tagged, as `sqitch rework` does."""
        name = change.partition(":")[2]
        for kind in ("deploy", "revert", "verify"):
            path = self.path(kind, change)
            shutil.copy(path, path.with_name(f"{path.stem}@{tag}.sql"))
        self.add(change, requires=[f"{name}@{tag}"], deploy=deploy, revert=revert, verify=verify)

    def path(self, kind: str, change: str) -> Path:
        """Return where a script of the newest instance of a change is."""
        project, _, name = change.partition(":")
        return self.sql / kind / project / f"{name}.sql"

    def plan_path(self, project: str) -> Path:
        """Return where the plan of a project is."""
        return self.sql / "plans" / f"{project}.plan"

    @property
    def projects(self) -> Projects:
        """The projects as the engine reads them, read anew."""
        return Projects(self.sql)

    def targets(self, *texts: str) -> list[Target]:
        """Read targets as a user writes them."""
        return [Target.parse(text) for text in texts]

    def sqitch(self, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run sqitch here on a database."""
        variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
        connection = conninfo_to_dict(dsn)
        environment = {variables[key]: str(connection[key]) for key in variables}
        names = {"SQITCH_FULLNAME": "Sqi Tch", "SQITCH_EMAIL": "sqitch@example.org"}
        return subprocess.run(
            ["sqitch", *arguments],
            cwd=self.directory,
            env={**os.environ, **environment, **names, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
        )

    def _append(self, project: str, line: str) -> None:
        with self.plan_path(project).open("a") as plan:
            plan.write(f"{line}\n")

    def _tick(self) -> datetime:
        self._moment += timedelta(minutes=1)
        return self._moment

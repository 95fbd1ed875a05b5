"""What is deployed: trivial changes made for the purpose, and the plans of this repository."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from tests.sample import Sample

from muniment.migrate.engine import Committer, Projects, Settings, deploy, find_sql_directory

ROOT = Path(__file__).parent.parent

# Everything of the schemas but what is in the rows.
_OBJECTS = """
SELECT concat_ws(' ',
    (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = ANY (schemas)),
    (SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace = ANY (schemas)),
    (SELECT count(*) FROM pg_catalog.pg_constraint WHERE connamespace = ANY (schemas)),
    (SELECT count(*) FROM pg_catalog.pg_policy AS policy
        INNER JOIN pg_catalog.pg_class AS class ON class.oid = policy.polrelid
        WHERE relnamespace = ANY (schemas)),
    (SELECT count(*) FROM pg_catalog.pg_trigger AS trigger
        INNER JOIN pg_catalog.pg_class AS class ON class.oid = trigger.tgrelid
        WHERE relnamespace = ANY (schemas))
)
FROM (
    SELECT array_agg(oid) AS schemas FROM pg_catalog.pg_namespace
    WHERE nspname = ANY (string_to_array('{projects}', ' '))
) AS own"""
_TABLES = """
SELECT count(*)::text FROM pg_catalog.pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^t[0-9]+$'"""


@dataclass(frozen=True)
class Step:
    """One change without the envelope of its scripts, for tools that have their own."""

    name: str
    deploy: str
    revert: str


@dataclass(frozen=True)
class Workload:
    """Something to deploy.

    Attributes:
        key: What it is called in JSON.
        title: What it is called in tables.
        directory: Where sqitch is run.
        sql: The sql directory.
        projects: Its projects, in the order in which they can be deployed.
        steps: Its changes, likewise.
        objects: A query for what a complete deploy leaves behind, as one text.
        expected: Its answer.
    """

    key: str
    title: str
    directory: Path
    sql: Path
    projects: tuple[str, ...]
    steps: tuple[Step, ...]
    objects: str
    expected: str

    def missing(self, dsn: str) -> str | None:
        """Say what is wrong with a database in which this was deployed, if anything is."""
        found = ask(dsn, self.objects)
        return None if found == self.expected else f"{found} objects instead of {self.expected}"


def made(directory: Path, changes: int) -> Workload:
    """Make a project of trivial changes: a table each."""
    sample = Sample(directory)
    for number in range(1, changes + 1):
        table = f"t{number:03}"
        sample.add(
            f"bench:{table}",
            deploy=f"CREATE TABLE {table} (id bigint PRIMARY KEY, note text NOT NULL DEFAULT '');",
            verify=f"SELECT id, note FROM {table} WHERE false;",  # noqa: S608
            revert=f"DROP TABLE {table};",
        )
    return Workload(
        "made",
        f"{changes} trivial changes",
        sample.directory,
        sample.sql,
        ("bench",),
        _steps(sample.projects),
        _TABLES,
        str(changes),
    )


def own(dsn: str, directory: Path, only: Sequence[str] = ()) -> Workload:
    """Return the plans of this repository.

    Args:
        dsn: A new database, in which they are deployed once: to know what that leaves behind, and
            so that no tool has to make the roles, which belong to the whole server.
        directory: Where those that are asked for are copied to; not there yet.
        only: The projects that are asked for, with all that they require; all if there are none.
    """
    root, sql = ROOT, find_sql_directory()
    if only:
        root = directory
        for project in only:
            for kind in ("deploy", "revert", "verify"):
                shutil.copytree(sql / kind / project, root / "sql" / kind / project)
            (root / "sql" / "plans").mkdir(exist_ok=True)
            shutil.copy(sql / "plans" / f"{project}.plan", root / "sql" / "plans")
        shutil.copy(ROOT / "sqitch.conf", root)
        sql = root / "sql"
    projects = Projects(sql)
    settings = Settings(Committer("Bench", "bench@example.org"), tool="muniment benchmarks")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _event in deploy(connection, projects, settings=settings):
            pass
    names = tuple({change.project: None for change in projects.steps([])})
    # Scripts end as the owner, which is not who may write the registry of a tool whose session or
    # transaction goes on; sqitch has another session for that, and muniment resets its own.
    steps = _steps(projects, end="RESET ROLE;\n")
    objects = _OBJECTS.format(projects=" ".join(names))
    title = f"the {len(steps)} changes of {' and '.join(names)}"
    return Workload(
        "own", title, root, projects.directory.absolute(), names, steps, objects, ask(dsn, objects)
    )


def ask(dsn: str, query: LiteralString | str) -> str:
    """Return the only value of a query, as text."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return str(row[0]) if row else ""


def _steps(projects: Projects, *, end: str = "") -> tuple[Step, ...]:
    return tuple(
        Step(
            f"{number:03}_{change.project}_{change.name}",
            f"{projects.script(change, 'deploy').body}\n{end}",
            f"{projects.script(change, 'revert').body}\n{end}",
        )
        for number, change in enumerate(projects.steps([]), start=1)
    )

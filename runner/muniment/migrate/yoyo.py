"""yoyo-migrations beside the engine: a file for each change, and what is deployed as yoyo sees it.

yoyo runs files of its own and remembers them in a table of its own. Here each file hands its change
to the engine, and the table is a view of sqitch's registry (yoyo.sql): there is one memory, so
yoyo, sqitch and muniment cannot disagree.

This module follows yoyo's conventions (read at 9.0.0) but does not import it; what yoyo calls is in
:mod:`muniment.yoyo`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from muniment._db import Connection, sql, translated
from muniment.errors import DeployFailed, PlanError, RevertRefused, StoreError
from muniment.migrate import locks
from muniment.migrate.deploy import deploy
from muniment.migrate.events import Event, NothingToDo
from muniment.migrate.history import pending_steps
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, Target
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import read_registry
from muniment.migrate.revert import revert
from muniment.migrate.settings import Settings

__all__ = [
    "Finding",
    "compare_files",
    "deploy_one",
    "install",
    "is_installed",
    "migration_files",
    "migration_id",
    "revert_one",
    "write_files",
]

MIGRATION_TABLE = "_yoyo_migration"

# What yoyo's columns take; a file name, with its suffix, takes 255 bytes (Linux, macOS, Windows).
LONGEST_ID = 250

_FIRST_LINE = '"""Made by `muniment yoyo generate`. Edit plans and scripts, never this file."""'
_FILE = """\
{first_line}

from __future__ import annotations

from yoyo import step

from muniment.yoyo import PlannedChange

__depends__: set[str] = {depends}
# The engine opens the transaction, in which are the script, its verification and the record.
__transactional__ = False

change = PlannedChange(__file__, {project}, {change_id})
step(change.deploy, change.revert)
"""

_TABLE = """
SELECT
    current_schema() AS schema,
    (
        SELECT relkind::text
        FROM pg_catalog.pg_class AS class
        INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE nspname = current_schema()
            AND relname = %s
    ) AS kind
"""


# The files -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that is not as it would be if it were made now.

    Attributes:
        path: The file.
        state: It is ``missing``; ``stale``, being of a change that is not planned; ``edited``,
            which a requirement that has got another id looks like too; or ``foreign``, not made by
            muniment, although yoyo would run it.
    """

    path: Path
    state: Literal["missing", "stale", "edited", "foreign"]


def migration_id(change: Change) -> str:
    """Return the name that a change has in yoyo: that of its file, without suffix.

    All of it is in a row of the registry, from which the view makes it too.
    """
    moment = change.planned_at
    digits = f"{moment.year:04}{moment:%m%d%H%M%S}"
    name = change.name.replace("/", ".")
    return f"{digits}_{change.project}.{name}_{change.change_id[:8]}"


def migration_files(projects: Projects) -> dict[str, str]:
    """Return name and text of the file of each change, but for projects that are optional.

    A file depends on the change before it in its project, because a project is deployed in the
    order of its plan, and on what its change requires of others.

    Raises:
        PlanError: A plan is not in order, or a name is too long for yoyo.
    """
    return {
        f"{_checked_id(projects, change)}.py": _text(projects, change)
        for change in projects.steps([])
    }


def compare_files(directory: Path, files: dict[str, str]) -> list[Finding]:
    """Compare a directory with what :func:`migration_files` wants in it."""
    found = {path.name: path for path in _migrations_in(directory)}
    findings = [Finding(directory / name, "missing") for name in files if name not in found]
    for name, path in found.items():
        text = path.read_text(encoding="utf-8", errors="replace")
        if name in files:
            if text != files[name]:
                findings.append(Finding(path, "edited"))
        elif text.startswith(_FIRST_LINE):
            findings.append(Finding(path, "stale"))
        else:
            findings.append(Finding(path, "foreign"))
    return sorted(findings, key=lambda finding: finding.path)


def write_files(directory: Path, files: dict[str, str]) -> Iterator[Finding]:
    """Write what is missing or edited, delete what is stale, leave alone what is foreign.

    Yields:
        What was found, after it was dealt with.
    """
    for finding in compare_files(directory, files):
        if finding.state == "stale":
            finding.path.unlink()
        elif finding.state != "foreign":
            directory.mkdir(parents=True, exist_ok=True)
            finding.path.write_bytes(files[finding.path.name].encode())
        yield finding


def _migrations_in(directory: Path) -> list[Path]:
    """Return what yoyo would run (yoyo.migrations, ``_is_migration_file``)."""
    if not directory.is_dir():
        return []
    return [path for path in directory.iterdir() if path.suffix in {".py", ".sql"}]


def _checked_id(projects: Projects, change: Change) -> str:
    found = migration_id(change)
    if len(found.encode()) > LONGEST_ID:
        raise PlanError(
            f"{change.qualified}: too long a name for yoyo",
            path=str(projects.plan(change.project).path),
            line=change.line,
            hint=f"yoyo knows it as {found}, which may have {LONGEST_ID} bytes.",
        )
    return found


def _text(projects: Projects, change: Change) -> str:
    before = projects.plan(change.project).changes[: change.index][-1:]
    depends = [migration_id(one) for one in (*before, *projects.required(change))]
    listed = "".join(f"    {_quoted(one)},\n" for one in dict.fromkeys(depends))
    return _FILE.format(
        first_line=_FIRST_LINE,
        depends=f"{{\n{listed}}}" if listed else "set()",
        project=_quoted(change.project),
        change_id=_quoted(change.change_id),
    )


def _quoted(text: str) -> str:
    """Return a Python literal in ASCII, since yoyo reads a file in the encoding of the locale."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped.encode("ascii", "backslashreplace").decode()}"'


# The view --------------------------------------------------------------------


def is_installed(connection: Connection) -> bool:
    """Whether yoyo, in this session, would find the view."""
    with translated("cannot look for yoyo's tables"):
        row = connection.execute(_TABLE, (MIGRATION_TABLE,), prepare=False).fetchone()
    return row is not None and row[1] == "v"


def install(connection: Connection, *, settings: Settings) -> Generator[Event, None, bool]:
    """Make the view in the schema that this session makes tables in, unless it is there.

    A table that yoyo has made there is replaced, if all that it has marked is deployed.

    Args:
        connection: A session outside of a transaction.
        settings: In whose name a registry is made if there is none, and how patiently.

    Yields:
        Who holds the deploy lock, if somebody does.

    Returns:
        Whether it was made now.

    Raises:
        LockTimedOut: Another deploy went on all the time.
        StoreError: yoyo has marked what is not deployed, or the server refuses.
    """
    if is_installed(connection):
        return False
    yield from locks.acquire(connection, wait=settings.lock_wait)
    try:
        # Another one may have made it while this one waited.
        if is_installed(connection):
            return False
        registry = read_registry(connection, for_a_change=True)
        recorder = Recorder(connection, settings.committer)
        statements: list[str] = []
        if not registry.exists:
            statements += recorder.create_registry()
        if not registry.has_details:
            statements += recorder.create_details()
        with translated("cannot make yoyo's view"), connection.transaction():
            timeout = round(settings.lock_timeout * 1000)
            connection.execute(f"SET LOCAL lock_timeout = {timeout}")
            for statement in statements:
                connection.execute(statement)
            _make_view(connection)
    finally:
        locks.release(connection)
    return True


def _make_view(connection: Connection) -> None:
    row = connection.execute(_TABLE, (MIGRATION_TABLE,)).fetchone()
    assert row is not None  # noqa: S101  (no FROM: one row)
    schema, kind = row
    if schema is None:
        raise StoreError(
            "cannot make yoyo's view: no schema of the search_path exists",
            hint="Make the schema public, or set another search_path for this role.",
        )
    quoted = sql.Identifier(schema).as_string(connection)
    table = f"{quoted}.{MIGRATION_TABLE}"
    marked: list[tuple[str, str]] = []
    if kind is not None:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        marked = connection.execute(
            f"SELECT migration_hash, migration_id FROM {table} ORDER BY migration_id"  # noqa: S608
        ).fetchall()
        connection.execute(f"DROP TABLE {table}")
    for statement in _view_statements(quoted):
        connection.execute(statement)
    deployed = {key for (key,) in connection.execute(f"SELECT migration_hash FROM {table}")}  # noqa: S608
    strange = [name for key, name in marked if key not in deployed]
    if strange:
        listed = ", ".join(sql.Literal(name).as_string(connection) for name in strange)
        repair = f"DELETE FROM {table} WHERE migration_id IN ({listed});"  # noqa: S608
        raise StoreError(
            f"cannot make yoyo's view: {table} marks what is not deployed: {', '.join(strange)}",
            hint="Nothing has been changed. If these are another application's, give yoyo another "
            "schema here: CREATE SCHEMA yoyo; and `--database muniment://?schema=yoyo`. If they "
            f"are of no use: {repair}",
        )


def _view_statements(schema: str) -> list[str]:
    text = Path(__file__).with_name("yoyo.sql").read_text(encoding="utf-8")
    statements = re.split(r";\n(?=\n|\Z)", text)
    return [one.replace("{schema}", schema) for one in statements if one.strip()]


# One change ------------------------------------------------------------------


def deploy_one(
    connection: Connection, projects: Projects, change: Change, *, settings: Settings
) -> Iterator[Event]:
    """Deploy one change as the engine does, and nothing else; nothing where it is deployed.

    Args:
        connection: A session for this alone, in autocommit mode and outside of a transaction.
        projects: The plans and scripts.
        change: The change.
        settings: In whose name, and how patiently.

    Yields:
        What happens, as it happens.

    Raises:
        DeployFailed: Something that must be there before it is not deployed; and all that
            :func:`muniment.migrate.engine.deploy` raises.
        StoreError: yoyo has marked what is not deployed, or the server refuses.
    """
    yield from install(connection, settings=settings)
    yield from locks.acquire(connection, wait=settings.lock_wait)
    try:
        target = Target(change.project, change.change_id)
        pending = pending_steps(read_registry(connection), projects.steps([target]))
        if change.change_id not in {one.change_id for one in pending}:
            yield NothingToDo("deploy")
            return
        if len(pending) > 1:
            raise DeployFailed(
                f"deploy failed: {change.qualified}: {pending[0].qualified} must be deployed first",
                change=change.qualified,
                hint=f"`yoyo apply -r {migration_id(change)}` takes along what it needs.",
            )
        yield from deploy(connection, projects, [target], settings=settings)
    finally:
        locks.release(connection)


def revert_one(
    connection: Connection, projects: Projects, change: Change, *, settings: Settings
) -> Iterator[Event]:
    """Revert one change as the engine does, and nothing else; nothing where it is not deployed.

    Args:
        connection: A session for this alone, in autocommit mode and outside of a transaction.
        projects: The plans and scripts.
        change: The change.
        settings: In whose name, and how patiently.

    Yields:
        What happens, as it happens.

    Raises:
        RevertRefused: A later change of its project is deployed; and all that
            :func:`muniment.migrate.engine.revert` raises.
        StoreError: yoyo has marked what is not deployed, or the server refuses.
    """
    yield from install(connection, settings=settings)
    yield from locks.acquire(connection, wait=settings.lock_wait)
    try:
        deployed = read_registry(connection).of(change.project)
        if change.change_id not in {one.change_id for one in deployed}:
            yield NothingToDo("revert")
            return
        if deployed[-1].change_id != change.change_id:
            raise RevertRefused(
                f"revert refused: {change.qualified}: {deployed[-1].qualified} came after it",
                change=change.qualified,
                hint="Nothing has been changed. "
                f"`yoyo rollback -r {migration_id(change)}` takes along what came after.",
            )
        keep = Target(change.project, deployed[-2].change_id) if len(deployed) > 1 else None
        yield from revert(connection, projects, [change.project], keep=keep, settings=settings)
    finally:
        locks.release(connection)

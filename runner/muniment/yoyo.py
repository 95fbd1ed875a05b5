"""What yoyo-migrations calls: the two ends of a migration file, and the way to the database.

The only module that imports yoyo. It stands above :mod:`muniment.cli`, because what a command line
would ask for comes from the environment here: yoyo's own has no option for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from logging import INFO, WARNING, getLogger
from pathlib import Path
from typing import Any

from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from muniment import __version__
from muniment._db import Connection, connect
from muniment.cli._options import (
    committer,
    dsn_from_environment,
    refuse_other_registry,
    resolve_dsn,
)
from muniment.cli._render import describe
from muniment.errors import ConfigError, MunimentError, PlanError
from muniment.migrate.events import ChangeRetrying, Event, LockWaiting
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, find_sql_directory
from muniment.migrate.settings import Settings
from muniment.migrate.yoyo import deploy_one, install, revert_one

__all__ = ["Backend", "PlannedChange"]

logger = getLogger("muniment.yoyo")

_URLS = (
    "Name it as postgresql+psycopg://USER@HOST/NAME, or as muniment:// and set DATABASE_URL; "
    "?schema=NAME is where yoyo's tables are."
)


class PlannedChange:
    """The two functions of a migration file; both leave the transaction to the engine.

    Args:
        file: The migration file, which is in ``yoyo`` beside plans and scripts.
        project: The project of the change.
        change_id: Its id.
    """

    def __init__(self, file: str, project: str, change_id: str) -> None:
        self._directory = Path(file).resolve().parents[1]
        self._project = project
        self._change_id = change_id

    def deploy(self, connection: Any) -> None:
        """Deploy it, unless it is deployed; yoyo's ``apply``."""
        self._carry_out(deploy_one, connection)

    def revert(self, connection: Any) -> None:
        """Revert it, unless it is not deployed; yoyo's ``rollback``."""
        self._carry_out(revert_one, connection)

    def _carry_out(self, action: Any, connection: Any) -> None:
        with _hints():
            refuse_other_registry()
            if not hasattr(connection, "pgconn"):
                raise ConfigError(
                    "yoyo has opened the database with another driver than psycopg 3", hint=_URLS
                )
            projects = _projects(self._directory)
            _report(action(connection, projects, self._find(projects), settings=_settings()))

    def _find(self, projects: Projects) -> Change:
        try:
            return projects.plan(self._project).find(self._change_id)
        except PlanError as error:
            raise PlanError(error.message, hint="Run `muniment yoyo generate`.") from error


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's way to a database that is found as `muniment` finds it: ``muniment://``.

    It makes the view where yoyo would make its table, and what yoyo tries out at the beginning of
    each command, with an error in the server's log, it knows.
    """

    _internal_schema_updated: bool = False

    def connect(self, dburi: Any) -> Connection:
        """Open the session; ``?schema=`` says where yoyo's tables are.

        Raises:
            ConfigError: The URI names a database after all, which would be another one, or
                sqitch.conf another registry.
        """
        with _hints():
            refuse_other_registry()
            if dburi.netloc or dburi.database or dburi.args.keys() - {"schema"}:
                raise ConfigError("muniment:// names no database of its own", hint=_URLS)
            self.schema = dburi.args.get("schema")
            return connect(resolve_dsn(dsn_from_environment()), application_name="muniment yoyo")

    def init_database(self) -> None:
        """Make the table of yoyo's lock, if it is not there."""
        self.has_transactional_ddl = True
        if self.lock_table not in self.list_tables():
            self.create_lock_table()

    def ensure_internal_schema_updated(self) -> None:
        """Make the view, if it is not there."""
        if not self._internal_schema_updated:
            with _hints():
                _report(install(self.connection, settings=_settings()))
            self._internal_schema_updated = True


@cache
def _projects(directory: Path) -> Projects:
    """Return the plans beside the migration files, read once a process."""
    return Projects(find_sql_directory(directory))


@cache
def _settings() -> Settings:
    return Settings(committer=committer(), tool=f"muniment {__version__}, yoyo")


def _report(events: Iterable[Event]) -> None:
    """Do the work, and log what happens; what somebody has to wait for is a warning."""
    for event in events:
        waits = isinstance(event, LockWaiting | ChangeRetrying)
        line = describe(event)
        if line is not None:
            logger.log(WARNING if waits else INFO, "%s", line)


@contextmanager
def _hints() -> Iterator[None]:
    """Let the traceback of an error end in its hint: yoyo shows nothing else."""
    try:
        yield
    except MunimentError as error:
        if error.hint:
            error.add_note(f"hint: {error.hint}")
        raise

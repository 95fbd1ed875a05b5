"""The ledger for tests: a database with this month in it, and logins that act as one role.

`record_room`       a new database with the ledger, three months around this one, and tools of each
                    kind: a :class:`RecordRoom`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from muniment.ledger import AsyncLedger, Ledger
from muniment.settings import Settings
from muniment.shelf import AsyncShelf, Shelf

FIRM_A = UUID("00000000-0000-4000-8000-00000000000a")
FIRM_B = UUID("00000000-0000-4000-8000-00000000000b")

TABLES = ("chat_session", "agent_run_key", "agent_run", "chat_turn", "tool_call", "run_seal")

# name, what it does to the world, when it may be done again, who is asked before.
TOOLS = [
    ("look", "read", "safe", "never"),
    ("note", "write", "with_key", "never"),
    ("send", "irreversible", "never", "never"),
    ("sign", "irreversible", "never", "always"),
]

_numbers = count(1)


class RecordRoom:
    """A database with the ledger.

    Attributes:
        dsn: The database, as its superuser.
        app: The same, as a login that can act as muniment_app and nothing else, and does.
    """

    def __init__(self, dsn: str, app: str) -> None:
        self.dsn = dsn
        self.app = app
        self._open = ExitStack()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the superuser gets, whom row security does not bind."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def do(self, statement: str, *values: Any) -> None:
        """Do something that only a superuser may."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has, of all firms."""
        counted = " UNION ALL ".join(
            f"SELECT '{table}', count(*) FROM agents.{table}"  # noqa: S608
            for table in TABLES
        )
        return dict(self.rows(counted))

    def ledger(self, *, settings: Settings | None = None, **options: Any) -> Ledger:
        """Return a ledger of firm A, which is closed when the test ends."""
        shelf = Shelf(settings) if settings is not None else None
        options = {"database": self.app, "firm_id": FIRM_A, "shelf": shelf, **options}
        made = Ledger(options.pop("database"), **options)
        if shelf is not None:
            self._open.callback(shelf.close)
        self._open.callback(made.close)
        return made

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()

    @contextmanager
    def pool(self, *, size: int = 1, **settings: Any) -> Iterator[ConnectionPool[Any]]:
        """Give a pool of the caller's, with psycopg's own defaults."""
        with ConnectionPool(
            self.app, kwargs=settings, min_size=size, max_size=size, open=True
        ) as pool:
            yield pool

    def async_pool(self, *, size: int = 1) -> AsyncConnectionPool[Any]:
        """Return a pool of the caller's, for asyncio, that is to be entered."""
        return AsyncConnectionPool(self.app, min_size=size, max_size=size, open=False)

    def async_ledger(self, *, settings: Settings | None = None, **options: Any) -> AsyncLedger:
        """Return a ledger of firm A for asyncio, that is to be entered."""
        shelf = AsyncShelf(settings) if settings is not None else None
        return AsyncLedger(self.app, firm_id=FIRM_A, shelf=shelf, **options)


@contextmanager
def login(dsn: str, *roles: str) -> Iterator[str]:
    """Make a login that is a member of some roles, and acts as the first of them."""
    name = f"ledger_login_{next(_numbers)}"
    who = sql.Identifier(name)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(who))
        for role in roles:
            owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), who))
        owner.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(who, sql.Identifier(roles[0])))
    try:
        url = urlsplit(dsn)
        yield urlunsplit(url._replace(netloc=f"{name}@{url.hostname}:{url.port}"))
    finally:
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [name]
            )
            owner.execute(sql.SQL("DROP ROLE {}").format(who))


@pytest.fixture
def record_room(ledger: str) -> Iterator[RecordRoom]:
    with psycopg.connect(ledger, autocommit=True) as owner:
        owner.execute(
            "SELECT agents.ensure_partitions((now() AT TIME ZONE 'UTC' - interval '1 month')::date)"
        )
        for tool in TOOLS:
            owner.execute(
                "INSERT INTO agents.tool_registry (tool_name, tool_version, description,"
                " input_schema, side_effect, replay, approval, is_active)"
                " VALUES (%s, '1', 'A tool of tests.', '{}', %s, %s, %s, true)",
                tool,
            )
    with login(ledger, "muniment_app") as app:
        room = RecordRoom(ledger, app)
        try:
            yield room
        finally:
            room.close()

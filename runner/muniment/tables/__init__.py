"""The contract: the tables of the ledger for code that reads and writes through SQLAlchemy.

``from muniment.tables import agents`` gives Core tables such as ``agents.tool_call``, made from the
catalog of a deployed database and equal to it on every supported server. They are a map and not
the builder: the plan owns the schema, and :func:`metadata.create_all` refuses. A worker calls
:func:`check` when it starts, and :mod:`muniment.alembic` keeps a downstream's autogenerate away
from what is here.

Needs the ``contract`` extra.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

import sqlalchemy as sa

from muniment.errors import ContractError
from muniment.tables import agents
from muniment.tables.catalog import Row, facts_of, read_facts
from muniment.tables.contract import metadata

__all__ = ["Difference", "agents", "check", "differences", "metadata"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the database has otherwise than the contract.

    Attributes:
        table: ``agents.tool_call``.
        what: ``table``, or a part of it: ``column status``, ``index tool_call_attention_ix``.
        expected: What the contract says; None when it has no such thing.
        found: What the database has; None when it has no such thing.
    """

    table: str
    what: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        """Say it in a line."""
        if self.found is None:
            return f"{self.table}: {self.what} is missing"
        if self.expected is None:
            return f"{self.table}: {self.what} is not in the contract: {self.found}"
        return f"{self.table}: {self.what}: {self.expected} expected, {self.found} found"


def differences(
    connection: sa.Connection, *, schemas: Iterable[str] = ("agents",)
) -> list[Difference]:
    """Compare the contract with a live database: columns, keys, constraints and indexes.

    Any login may ask; the catalog is open to all.

    Args:
        connection: To PostgreSQL, by any driver.
        schemas: Which projects.

    Returns:
        Every difference, by table.
    """
    wanted = sorted(schemas)
    for schema in wanted:
        import_module(f"muniment.tables.{schema}")

    def fetch(statement: str) -> list[Row]:
        return [dict(row) for row in connection.exec_driver_sql(statement).mappings()]

    live = read_facts(fetch, wanted)
    ours = facts_of(table for table in metadata.tables.values() if table.schema in wanted)
    found: list[Difference] = []
    for name in sorted(live.keys() | ours.keys()):
        if name not in live:
            found.append(Difference(name, "table", "a table", None))
            continue
        if name not in ours:
            found.append(Difference(name, "table", None, "a table"))
            continue
        expected, actual = ours[name].lines(), live[name].lines()
        found += [
            Difference(name, what, expected.get(what), actual.get(what))
            for what in sorted(expected.keys() | actual.keys())
            if expected.get(what) != actual.get(what)
        ]
    return found


def check(connection: sa.Connection, *, schemas: Iterable[str] = ("agents",)) -> None:
    """Refuse to go on with a database that is not the one this code was written for.

    Args:
        connection: To PostgreSQL, by any driver.
        schemas: Which projects.

    Raises:
        ContractError: It differs; the message names every difference.
    """
    found = differences(connection, schemas=schemas)
    if found:
        raise ContractError(
            f"the database is not as this code expects it: {'; '.join(map(str, found))}",
            hint="Deploy the same version of the plans and of this package: `muniment status`.",
        )

"""What the catalog of a deployed database says about muniment's schemas.

:mod:`muniment.dictionary_pages` makes Markdown of it. What is read depends neither on the months
that a database holds nor on what its server's version keeps in the catalog.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from muniment._db import Connection, dict_row, translated
from muniment.queries import query

__all__ = [
    "Catalog",
    "Column",
    "Constraint",
    "Definition",
    "Function",
    "Policy",
    "Right",
    "Role",
    "Schema",
    "Table",
    "read_catalog",
]


@dataclass(frozen=True, slots=True)
class Right:
    """What a role may do: ``columns`` names the columns if it is not the whole object."""

    role: str
    privilege: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``expression`` is its default, or what it is computed by if it is generated."""

    name: str
    type: str
    is_not_null: bool
    is_generated: bool
    is_identity: bool
    expression: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint.

    Attributes:
        name: Its name.
        kind: As pg_constraint.contype: ``p``, ``u``, ``f``, ``x`` or ``c``.
        definition: As the server prints it.
        columns: The columns it is on, in its order.
        target_schema: The schema that a foreign key leads to.
        target_table: The table that it leads to.
    """

    name: str
    kind: str
    definition: str
    columns: tuple[str, ...]
    target_schema: str | None
    target_table: str | None


@dataclass(frozen=True, slots=True)
class Definition:
    """An index or a trigger: its name, and what the server prints for it."""

    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A row security policy. ``command`` is as pg_policy.polcmd; ``*`` is every command."""

    name: str
    is_permissive: bool
    command: str
    roles: tuple[str, ...]
    using_expression: str | None
    check_expression: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view, without its partitions.

    Attributes:
        name: Its name.
        kind: As pg_class.relkind: ``r``, ``p``, ``v`` or ``m``.
        description: Its comment.
        is_row_security_enabled: Whether policies are asked.
        is_row_security_forced: Whether they are asked for the owner too.
        partition_key: How it is cut, as ``RANGE (started_at)``.
        is_monthly: Whether each partition is a month.
        columns: In their order.
        constraints: Keys first, then foreign keys, then checks.
        indexes: Those that no constraint brought.
        triggers: Those that somebody made.
        policies: The restrictive ones last.
        rights: Of everybody but the owner.
    """

    name: str
    kind: str
    description: str | None
    is_row_security_enabled: bool
    is_row_security_forced: bool
    partition_key: str | None
    is_monthly: bool
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Definition, ...]
    triggers: tuple[Definition, ...]
    policies: tuple[Policy, ...]
    rights: tuple[Right, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function; ``executors`` are those who may call it beside its owner."""

    name: str
    identity_arguments: str
    arguments: str
    result: str | None
    kind: str
    language: str
    volatility: str
    parallel: str
    is_strict: bool
    is_security_definer: bool
    owner: str
    settings: tuple[str, ...]
    description: str | None
    executors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """A group role of the cluster."""

    name: str
    can_login: bool
    is_above_row_security: bool
    description: str | None


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema of muniment's, with all that is in it."""

    name: str
    description: str | None
    rights: tuple[Right, ...]
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a database holds of muniment.

    Attributes:
        schemas: By name.
        roles: The roles that own or may use them.
        seeds: The rows that a change put in, by ``project:change``; each row by column.
    """

    schemas: dict[str, Schema]
    roles: tuple[Role, ...]
    seeds: dict[str, tuple[dict[str, str], ...]]


# Changes that put rows in: the table that has them, and the query that reads them.
_SEEDS = {"agents:matter_chat_tools": ("agents", "tool_registry", "matter_chat_tools")}

# Keys, then references, then what rows must hold to.
_CONSTRAINT_KINDS = "puxfc"

_Row = dict[str, Any]


def read_catalog(connection: Connection) -> Catalog:
    """Read every schema that muniment_owner owns, as of one moment.

    Args:
        connection: In autocommit mode; of a login that may read agents.tool_registry, if there is
            such a table.

    Raises:
        AccessDenied: The login may not read the rows that the dictionary tells.
        StoreError: The database refused something else.
    """
    with translated("cannot read the data dictionary"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL search_path = pg_catalog")
        schemas = _read_schemas(connection)
        return Catalog(
            schemas=schemas,
            roles=tuple(Role(**row) for row in _fetch(connection, "roles", "name")),
            seeds=_read_seeds(connection, schemas),
        )


def _fetch(connection: Connection, name: str, *order: str) -> list[_Row]:
    """Run one query of the dictionary, and sort its rows as no server's locale would.

    Lists become tuples, so that rows can be made into frozen values.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(f"dictionary.{name}")).fetchall()
    frozen = [
        {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        for row in rows
    ]
    return sorted(frozen, key=lambda row: [row[column] for column in order])


def _grouped(rows: Sequence[_Row], *columns: str) -> dict[tuple[str, ...], list[_Row]]:
    """Group rows by columns, which are taken off them; the order within a group stays."""
    groups: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        rest = {name: value for name, value in row.items() if name not in columns}
        groups.setdefault(tuple(row[column] for column in columns), []).append(rest)
    return groups


def _read_schemas(connection: Connection) -> dict[str, Schema]:
    tables = _read_tables(connection)
    functions = _grouped(
        _fetch(connection, "functions", "name", "identity_arguments"), "schema_name"
    )
    rights = _grouped(_fetch(connection, "schema_rights", "role_name", "privilege"), "schema_name")
    return {
        row["schema_name"]: Schema(
            name=row["schema_name"],
            description=row["description"],
            rights=tuple(
                Right(right["role_name"], right["privilege"])
                for right in rights.get((row["schema_name"],), ())
            ),
            tables=tuple(tables.get(row["schema_name"], ())),
            functions=tuple(
                Function(**function) for function in functions.get((row["schema_name"],), ())
            ),
        )
        for row in _fetch(connection, "schemas", "schema_name")
    }


def _read_tables(connection: Connection) -> dict[str, list[Table]]:
    """Return the tables of each schema, sorted by name."""
    of_table = ("schema_name", "table_name")
    parts = {
        name: _grouped(_fetch(connection, name, *order), *of_table)
        for name, order in {
            "columns": (),
            "constraints": ("name",),
            "indexes": ("name",),
            "triggers": ("name",),
            "policies": ("name",),
            "table_rights": (),
        }.items()
    }
    tables: dict[str, list[Table]] = {}
    for row in _fetch(connection, "tables", *of_table):
        key = (row["schema_name"], row.pop("table_name"))
        own = {name: groups.get(key, []) for name, groups in parts.items()}
        tables.setdefault(row.pop("schema_name"), []).append(
            Table(
                name=key[1],
                columns=tuple(Column(**part) for part in own["columns"]),
                constraints=_constraints(own["constraints"]),
                indexes=tuple(Definition(**part) for part in own["indexes"]),
                triggers=tuple(Definition(**part) for part in own["triggers"]),
                policies=tuple(Policy(**part) for part in own["policies"]),
                rights=_rights(own["table_rights"]),
                **row,
            )
        )
    return tables


def _constraints(rows: Sequence[_Row]) -> tuple[Constraint, ...]:
    found = [Constraint(**row) for row in rows]
    return tuple(sorted(found, key=lambda one: _CONSTRAINT_KINDS.index(one.kind)))


def _rights(rows: Sequence[_Row]) -> tuple[Right, ...]:
    """Put the columns together on which a role has the same right, in the table's order."""
    return tuple(
        Right(role, privilege, tuple(row["column_name"] for row in named if row["column_name"]))
        for (role, privilege, _), named in sorted(
            _grouped(
                [row | {"is_whole": row["column_name"] is None} for row in rows],
                *("role_name", "privilege", "is_whole"),
            ).items()
        )
    )


def _read_seeds(
    connection: Connection, schemas: dict[str, Schema]
) -> dict[str, tuple[dict[str, str], ...]]:
    return {
        change: tuple(_fetch(connection, name, "tool_name", "tool_version"))
        for change, (schema, table, name) in _SEEDS.items()
        if schema in schemas and any(one.name == table for one in schemas[schema].tables)
    }

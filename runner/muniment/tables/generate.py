"""Write the modules of :mod:`muniment.tables` from the catalog of a deployed database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from muniment.tables.catalog import ACTIONS, ColumnFacts, Fetch, TableFacts, read_facts

__all__ = ["make_modules"]

# format_type() of the catalog, and the type of SQLAlchemy that spells itself so.
TYPES = {
    "bigint": "sa.BigInteger()",
    "boolean": "sa.Boolean()",
    "bytea": "sa.LargeBinary()",
    "date": "sa.Date()",
    "double precision": "postgresql.DOUBLE_PRECISION()",
    "inet": "postgresql.INET()",
    "integer": "sa.Integer()",
    "interval": "postgresql.INTERVAL()",
    "jsonb": "postgresql.JSONB()",
    "smallint": "sa.SmallInteger()",
    "text": "sa.Text()",
    "timestamp with time zone": "sa.TIMESTAMP(timezone=True)",
    "tsvector": "postgresql.TSVECTOR()",
    "uuid": "sa.Uuid()",
}
NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")

HEAD = '''\
"""The tables of the schema {schema}. Made by `muniment docs tables`; do not edit."""

# fmt: off
# ruff: noqa: E501

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from muniment.tables.contract import PgType, as_written, metadata

__all__ = [{names}]
'''


def make_modules(fetch: Fetch, schemas: Iterable[str]) -> dict[str, str]:
    """Return the source of a module for each schema that has tables, by the schema's name.

    Args:
        fetch: Runs a query without parameters and gives rows by column name.
        schemas: Which schemas.
    """
    found = read_facts(fetch, schemas)
    by_schema: dict[str, dict[str, TableFacts]] = {}
    for qualified, facts in found.items():
        schema, _, name = qualified.partition(".")
        by_schema.setdefault(schema, {})[name] = facts
    return {schema: _module(schema, tables) for schema, tables in by_schema.items()}


def _module(schema: str, tables: Mapping[str, TableFacts]) -> str:
    text = "\n\n".join("\n".join(_table(schema, name, facts)) for name, facts in tables.items())
    head = HEAD.format(schema=schema, names=", ".join(f'"{name}"' for name in tables))
    # Only what is used, or the linter would take it out again.
    if "postgresql." not in text:
        head = head.replace("from sqlalchemy.dialects import postgresql\n", "")
    if "PgType(" not in text:
        head = head.replace("PgType, ", "")
    return f"{head}\n{text}\n"


def _table(schema: str, name: str, facts: TableFacts) -> Iterator[str]:
    yield f"{name} = sa.Table("
    yield f"    {name!r},"
    yield "    metadata,"
    for column_name, column in facts.columns.items():
        yield f"    sa.Column({', '.join(_column(column_name, column))}),"
    for constraint_name, row in facts.constraints.items():
        yield f"    {_constraint(constraint_name, row)},"
    for index_name, row in facts.indexes.items():
        yield f"    {_index(index_name, row)},"
    yield f"    schema={schema!r},"
    if facts.partition_key is not None:
        yield f"    postgresql_partition_by={facts.partition_key!r},"
    yield ")"


def _column(name: str, column: ColumnFacts) -> Iterator[str]:
    yield repr(name)
    yield _type(column.type_name)
    if column.generated is not None:
        yield f"sa.Computed(as_written({column.generated!r}), persisted=True)"
    if column.identity:
        yield f"sa.Identity(always={column.identity == 'a'})"
    if column.default is not None:
        yield f"server_default=as_written({column.default!r})"
    yield f"nullable={column.is_nullable}"


def _type(name: str) -> str:
    if name.endswith("[]"):
        return f"postgresql.ARRAY({_type(name[:-2])})"
    numeric = NUMERIC.fullmatch(name)
    if numeric:
        return f"sa.Numeric({numeric[1]}, {numeric[2]})"
    return TYPES.get(name, f"PgType({name!r})")


def _constraint(name: str, row: Mapping[str, Any]) -> str:
    if row["kind"] == "c":
        return f"sa.CheckConstraint(as_written({row['expression']!r}), name={name!r})"
    columns = row["column_names"].split(",")
    options = [f"name={name!r}"]
    if row["is_deferrable"]:
        initially = "DEFERRED" if row["is_deferred"] else "IMMEDIATE"
        options.append(f"deferrable=True, initially={initially!r}")
    if row["kind"] == "f":
        other = f"{row['other_schema']}.{row['other_table']}"
        targets = [f"{other}.{column}" for column in row["other_columns"].split(",")]
        for option, code in (("ondelete", row["on_delete"]), ("onupdate", row["on_update"])):
            if ACTIONS[code] != "NO ACTION":
                options.append(f"{option}={ACTIONS[code]!r}")
        return f"sa.ForeignKeyConstraint({columns!r}, {targets!r}, {', '.join(options)})"
    kind = "PrimaryKeyConstraint" if row["kind"] == "p" else "UniqueConstraint"
    if row["is_nulls_equal"]:
        options.append("postgresql_nulls_not_distinct=True")
    return f"sa.{kind}({', '.join(map(repr, columns))}, {', '.join(options)})"


def _index(name: str, row: Mapping[str, Any]) -> str:
    parts = [
        repr(part) if re.fullmatch(r"[a-z_][a-z0-9_]*", part) else f"as_written({part!r})"
        for part in row["parts"].split("\n")
    ]
    options = [f"unique={row['is_unique']}"]
    if row["method"] != "btree":
        options.append(f"postgresql_using={row['method']!r}")
    if row["included"]:
        options.append(f"postgresql_include={row['included'].split(',')!r}")
    if row["predicate"]:
        options.append(f"postgresql_where=as_written({row['predicate']!r})")
    return f"sa.Index({name!r}, {', '.join([*parts, *options])})"

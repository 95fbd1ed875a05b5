"""What tables are, in words that can be compared: from a live catalog, and from the metadata.

Both sides become :class:`TableFacts`, in which everything is a line of text with a name. A
difference is a name that one side lacks, or a line that is another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from muniment.queries import query

__all__ = ["ColumnFacts", "Fetch", "TableFacts", "facts_of", "read_facts"]

Row = Mapping[str, Any]
Fetch = Callable[[str], Iterable[Row]]

ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column, as the catalog spells it."""

    type_name: str
    is_nullable: bool
    default: str | None = None
    generated: str | None = None
    identity: str = ""

    def __str__(self) -> str:
        """Return it as a definition."""
        parts = [self.type_name, "NULL" if self.is_nullable else "NOT NULL"]
        if self.default is not None:
            parts.append(f"DEFAULT {self.default}")
        if self.generated is not None:
            parts.append(f"GENERATED ALWAYS AS ({self.generated})")
        if self.identity:
            parts.append(
                f"GENERATED {'ALWAYS' if self.identity == 'a' else 'BY DEFAULT'} AS IDENTITY"
            )
        return " ".join(parts)


@dataclass
class TableFacts:
    """A table. Constraints and indexes are rows of facts by name, for rendering and for comparing.

    Attributes:
        columns: In their order.
        constraints: Rows as ``tables.constraints`` gives them.
        indexes: Rows as ``tables.indexes`` gives them.
        partition_key: As in PARTITION BY, or None.
    """

    columns: dict[str, ColumnFacts] = field(default_factory=dict)
    constraints: dict[str, Row] = field(default_factory=dict)
    indexes: dict[str, Row] = field(default_factory=dict)
    partition_key: str | None = None

    def lines(self) -> dict[str, str]:
        """Return all of it as text by name: ``column run_id``, ``index tool_call_run_ix``."""
        found = {f"column {name}": str(column) for name, column in self.columns.items()}
        found |= {
            f"constraint {name}": _constraint_line(row) for name, row in self.constraints.items()
        }
        found |= {f"index {name}": _index_line(row) for name, row in self.indexes.items()}
        if self.partition_key is not None:
            found["partition key"] = self.partition_key
        return found


def read_facts(fetch: Fetch, schemas: Iterable[str]) -> dict[str, TableFacts]:
    """Return the tables of schemas by their qualified names, from a live database.

    Args:
        fetch: Runs a query without parameters and gives rows by column name.
        schemas: Which schemas.

    Raises:
        ValueError: A name is not one that needs no quotes.
    """
    names = sorted(schemas)
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the plain name of a schema")
    listed = ", ".join(f"'{name}'" for name in names)

    def rows(name: str) -> Iterable[Row]:
        return fetch(query(f"tables.{name}").decode().replace("{schemas}", listed))

    # Expressions are spelled with or without schema as the search_path has it.
    (before,) = fetch("SELECT pg_catalog.current_setting('search_path') AS path")
    list(fetch("SELECT pg_catalog.set_config('search_path', '', false) AS path"))
    tables: dict[str, TableFacts] = {}
    try:
        for row in rows("columns"):
            table = tables.setdefault(_qualified(row), TableFacts())
            table.partition_key = row["partition_key"]
            table.columns[row["column_name"]] = ColumnFacts(
                row["type_name"],
                row["is_nullable"],
                row["default_expression"],
                row["generated_expression"],
                row["identity_kind"],
            )
        for row in rows("constraints"):
            tables[_qualified(row)].constraints[row["constraint_name"]] = row
        for row in rows("indexes"):
            tables[_qualified(row)].indexes[row["index_name"]] = row
    finally:
        path = str(before["path"]).replace("'", "''")
        list(fetch(f"SELECT pg_catalog.set_config('search_path', '{path}', false) AS path"))
    return tables


def facts_of(tables: Iterable[sa.Table]) -> dict[str, TableFacts]:
    """Return the same of tables of the metadata, from what SQLAlchemy would do with them."""
    return {f"{table.schema}.{table.name}": _facts_of(table) for table in tables}


def _facts_of(table: sa.Table) -> TableFacts:
    facts = TableFacts(partition_key=table.dialect_kwargs.get("postgresql_partition_by"))
    for column in table.columns:
        facts.columns[column.name] = _column_facts(column)
    for constraint in table.constraints:
        if isinstance(constraint, sa.PrimaryKeyConstraint) and not list(constraint.columns):
            continue
        facts.constraints[str(constraint.name)] = _constraint_facts(constraint)
    for index in table.indexes:
        where = index.dialect_kwargs["postgresql_where"]
        included = index.dialect_kwargs["postgresql_include"]
        facts.indexes[str(index.name)] = {
            "method": index.dialect_kwargs["postgresql_using"] or "btree",
            "is_unique": bool(index.unique),
            "parts": "\n".join(
                part.name if isinstance(part, sa.Column) else _text(part)
                for part in index.expressions
            ),
            "included": ",".join(included) if included else None,
            "predicate": None if where is None else _text(where),
        }
    return facts


def _column_facts(column: sa.Column[Any]) -> ColumnFacts:
    type_name = column.type.compile(dialect=_DIALECT).lower().replace(", ", ",")
    default = column.server_default
    generated = _text(default.sqltext) if isinstance(default, sa.Computed) else None
    identity = ""
    if isinstance(default, sa.Identity):
        identity = "a" if default.always else "d"
    plain = _text(default.arg) if isinstance(default, sa.DefaultClause) else None
    return ColumnFacts(type_name, bool(column.nullable), plain, generated, identity)


def _constraint_facts(constraint: sa.Constraint) -> Row:
    columns = ",".join(column.name for column in getattr(constraint, "columns", ()))
    facts: dict[str, Any] = {
        "column_names": columns,
        "is_deferrable": bool(constraint.deferrable),
        "is_deferred": constraint.initially == "DEFERRED",
    }
    if isinstance(constraint, sa.PrimaryKeyConstraint):
        return facts | {"kind": "p"}
    if isinstance(constraint, sa.UniqueConstraint):
        is_equal = bool(constraint.dialect_kwargs["postgresql_nulls_not_distinct"])
        return facts | {"kind": "u", "is_nulls_equal": is_equal}
    if isinstance(constraint, sa.ForeignKeyConstraint):
        # By their names: the other table may be of a schema that is not loaded.
        targets = [element.target_fullname.rsplit(".", 2) for element in constraint.elements]
        codes = {action: code for code, action in ACTIONS.items()}
        return facts | {
            "kind": "f",
            "column_names": ",".join(constraint.column_keys),
            "other_schema": targets[0][0],
            "other_table": targets[0][1],
            "other_columns": ",".join(target[2] for target in targets),
            "on_delete": codes[constraint.ondelete or "NO ACTION"],
            "on_update": codes[constraint.onupdate or "NO ACTION"],
        }
    assert isinstance(constraint, sa.CheckConstraint)  # noqa: S101
    return facts | {"kind": "c", "expression": _text(constraint.sqltext)}


def _text(element: Any) -> str:
    """Return the text that :func:`muniment.tables.contract.as_written` was given."""
    assert isinstance(element, sa.TextClause)  # noqa: S101
    return element.text.replace("\\:", ":")


def _constraint_line(row: Row) -> str:
    kind = row["kind"]
    if kind == "c":
        return f"CHECK ({row['expression']})"
    columns = row["column_names"]
    if kind == "p":
        line = f"PRIMARY KEY ({columns})"
    elif kind == "u":
        equal = "NULLS NOT DISTINCT " if row["is_nulls_equal"] else ""
        line = f"UNIQUE {equal}({columns})"
    else:
        line = (
            f"FOREIGN KEY ({columns}) REFERENCES {row['other_schema']}.{row['other_table']} "
            f"({row['other_columns']}) ON UPDATE {ACTIONS[row['on_update']]} "
            f"ON DELETE {ACTIONS[row['on_delete']]}"
        )
    if row["is_deferrable"]:
        line += f" DEFERRABLE INITIALLY {'DEFERRED' if row['is_deferred'] else 'IMMEDIATE'}"
    return line


def _index_line(row: Row) -> str:
    line = f"{'UNIQUE ' if row['is_unique'] else ''}INDEX USING {row['method']} "
    line += f"({', '.join(row['parts'].split(chr(10)))})"
    if row["included"]:
        line += f" INCLUDE ({row['included']})"
    return line + (f" WHERE {row['predicate']}" if row["predicate"] else "")


def _qualified(row: Row) -> str:
    return f"{row['schema_name']}.{row['table_name']}"

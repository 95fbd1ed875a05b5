"""The guard for a downstream's Alembic: what belongs to muniment is not its to propose about.

Autogenerate is a measuring tape: what it finds in the database and not in the metadata, it would
drop. In the ``env.py`` of a downstream that looks into all schemas::

    from muniment.alembic import include_name, include_object

    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=include_name,
        include_object=include_object,
    )

A downstream that has filters of its own calls these in them. Nothing here imports Alembic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["OWNED_SCHEMAS", "include_name", "include_object"]

# One schema a project of the plans, and those in which it is written down what is deployed.
OWNED_SCHEMAS = frozenset(
    {"agentcore", "agents", "astra", "goclaw", "open_agents", "platform", "muniment", "sqitch"}
)

# yoyo's own tables, in whichever schema it keeps them.
OWNED_TABLES = frozenset({"_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"})


def include_name(
    name: str | None, type_: str, parent_names: Mapping[str, str | None] | None = None
) -> bool:
    """Tell Alembic whether to look at something in the database, by its name.

    Args:
        name: Its name; that of the default schema is None.
        type_: ``schema``, ``table``, ``column``, ``index``, ...
        parent_names: What it is in, as Alembic gives it.
    """
    if type_ == "schema":
        return name not in OWNED_SCHEMAS
    parents = parent_names or {}
    table = name if type_ == "table" else parents.get("table_name")
    return parents.get("schema_name") not in OWNED_SCHEMAS and table not in OWNED_TABLES


def include_object(
    object_: Any, name: str | None, type_: str, reflected: bool, compare_to: Any
) -> bool:
    """Tell Alembic whether to compare something, be it in the database or in the metadata.

    A downstream's table refers to the ledger by columns, ``agents.agent_run_key.c.run_id``: that
    reference is the downstream's, and is compared.

    Args:
        object_: The table, column, index or constraint.
        name: Its name.
        type_: ``table``, ``column``, ``index``, ``unique_constraint`` or
            ``foreign_key_constraint``.
        reflected: Whether it comes from the database.
        compare_to: What it is compared with.
    """
    table = object_ if type_ == "table" else getattr(object_, "table", None)
    if table is None:
        return True
    return table.schema not in OWNED_SCHEMAS and table.name not in OWNED_TABLES

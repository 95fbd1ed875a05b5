"""The metadata that all tables belong to. It describes the schema and cannot make it."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.types import UserDefinedType

from muniment.errors import ContractError

__all__ = ["ContractMetaData", "PgType", "as_written", "metadata"]

# A colon before a word is a parameter to SQLAlchemy, and part of the text to PostgreSQL.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")


class PgType(UserDefinedType[Any]):
    """A type of PostgreSQL that SQLAlchemy has no name for, such as ``vector(1536)``.

    Args:
        name: As PostgreSQL spells it. Values are those of the driver.
    """

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """Return the type as in CREATE TABLE."""
        return self.name


class ContractMetaData(sa.MetaData):
    """Metadata that refuses to make or drop what it describes."""

    def create_all(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        _refuse()

    def drop_all(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        _refuse()


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise ContractError(
        "not making or dropping tables: muniment.tables describes them and does not own them",
        hint="Their owner is the plan: run `muniment deploy`. Tables of your own belong to a "
        "MetaData of your own.",
    )


metadata = ContractMetaData()


@event.listens_for(metadata, "before_create")
@event.listens_for(metadata, "before_drop")
def _before_all(*_: Any, **__: Any) -> None:
    _refuse()


@event.listens_for(sa.Table, "after_parent_attach")
def _watch(table: sa.Table, parent: sa.MetaData) -> None:
    """Have a single table refuse too, which does not ask its metadata."""
    if parent is metadata:
        event.listen(table, "before_create", _refuse)
        event.listen(table, "before_drop", _refuse)


def as_written(text: str) -> sa.TextClause:
    """Return SQL that is taken as it stands, colons included."""
    return sa.text(_PARAMETER.sub(r"\\:", text))

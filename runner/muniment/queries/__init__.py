"""The SQL that the Python side runs, by name, so that it can be read and reviewed as SQL.

A file holds any number of queries. Each begins with a line ``-- name --`` and a comment that says
why it is there; parameters are psycopg's, ``%(name)s``.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["query"]

HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def query(name: str) -> bytes:
    """Return one query by the name of its file and its own, as in ``ledger.runs``.

    Raises:
        KeyError: There is no such query.
    """
    stem, _, own_name = name.partition(".")
    return _queries(stem)[own_name]


@cache
def _queries(stem: str) -> dict[str, bytes]:
    """Return all queries of one file, by name."""
    text = (files(__package__) / f"{stem}.sql").read_text(encoding="utf-8")
    _, *parts = HEADING.split(text)
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}

"""The SQL of docs/explanation/astra.md does what the page says.

Each block is a transaction. What a statement answers stands in comments below it, a row a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from markdown_it import MarkdownIt
from tests.fix_postgres import ROOT

PAGE = ROOT / "docs" / "explanation" / "astra.md"
STATEMENT = re.compile(r"(?P<text>[^;]+;)\n?(?P<answer>(?:-- .*\n)*)")
# Called by triggers; a program has no use for them but to lock a goal.
INNER = {"admit_goal", "lock_goal"}


def blocks() -> list[list[tuple[str, list[str]]]]:
    """Return the statements of each block, each with the rows that it is said to answer."""
    return [
        [
            (
                match["text"].strip(),
                [line.removeprefix("-- ") for line in match["answer"].splitlines()],
            )
            for match in STATEMENT.finditer(token.content)
        ]
        for token in MarkdownIt("commonmark").parse(PAGE.read_text(encoding="utf-8"))
        if token.type == "fence" and token.info == "sql"
    ]


@pytest.fixture
def connection(deployed: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(deployed, autocommit=True) as connection:
        if connection.execute("SELECT to_regnamespace('astra')").fetchone() == (None,):
            pytest.skip("astra: this PostgreSQL has no extension vector")
        yield connection


def test_the_sql_of_the_page_does_what_it_says(connection: psycopg.Connection) -> None:
    answers = 0
    for block in blocks():
        own = any(text == "COMMIT;" for text, _ in block)
        if not own:
            connection.execute("BEGIN")
        for text, rows in block:
            cursor = connection.execute(text.encode())
            if rows:
                answers += 1
                assert [" | ".join(map(str, row)) for row in cursor.fetchall()] == rows, text
        if not own:
            connection.execute("COMMIT")

    assert answers > 20


def test_the_page_calls_every_function_that_a_program_calls(
    connection: psycopg.Connection,
) -> None:
    functions = connection.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'astra'::regnamespace"
        " AND prorettype <> 'trigger'::regtype"
    ).fetchall()
    sql = " ".join(text for block in blocks() for text, _ in block)

    assert len(functions) > 15
    assert {name for (name,) in functions if f"astra.{name}(" not in sql} == INNER

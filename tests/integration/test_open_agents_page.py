"""The SQL of docs/explanation/open-agents.md does what the page says.

The blocks are run from the first to the last. What a statement answers stands in comments on the
lines right after it, a row a line; a comment after an empty line is prose.
"""

from __future__ import annotations

import re

import psycopg
from markdown_it import MarkdownIt
from tests.fix_postgres import ROOT

PAGE = ROOT / "docs" / "explanation" / "open-agents.md"
STATEMENT = re.compile(r"(?P<text>[^;]+;)\n?(?P<answer>(?:-- .*\n)*)")


def statements() -> list[tuple[str, list[str]]]:
    """Return the statements of the page, each with the rows that it is said to answer."""
    found = []
    for token in MarkdownIt("commonmark").parse(PAGE.read_text(encoding="utf-8")):
        if token.type == "fence" and token.info == "sql":
            for match in STATEMENT.finditer(token.content):
                rows = [line.removeprefix("-- ") for line in match["answer"].splitlines()]
                found.append((match["text"].strip(), rows))
    return found


def test_the_sql_of_the_page_does_what_it_says(ledger: str) -> None:
    with psycopg.connect(ledger, autocommit=True) as connection:
        for text, rows in statements():
            cursor = connection.execute(text.encode())
            if rows:
                answered = [" | ".join(map(str, row)) for row in cursor.fetchall()]
                assert answered == rows, text

    assert sum(bool(rows) for _, rows in statements()) > 10
    assert "DELETE FROM public.accounts" in statements()[-2][0]


def test_the_page_calls_every_function_that_somebody_may_call(ledger: str) -> None:
    with psycopg.connect(ledger) as connection:
        functions = connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'open_agents'::regnamespace"
            " AND prorettype <> 'trigger'::regtype"
        ).fetchall()
    sql = " ".join(text for text, _ in statements())

    assert len(functions) > 5
    assert [name for (name,) in functions if f"open_agents.{name}(" not in sql] == []

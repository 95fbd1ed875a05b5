"""The page of a project is true: its SQL does what it says, and nothing is left out.

The blocks are run from the first to the last. What a statement answers stands in comments on the
lines right after it, a row a line; a comment after an empty line is prose.
"""

from __future__ import annotations

import re

import psycopg
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from psycopg.rows import scalar_row
from tests.fix_postgres import ROOT

# Each page that is about a schema.
PAGES = {
    "explanation/open-agents": "open_agents",
    "explanation/goclaw": "goclaw",
}
# The page that asks the ledger.
QUESTIONS = "how-to/ask-the-ledger"
STATEMENT = re.compile(r"(?P<text>[^;]+;)\n?(?P<answer>(?:-- .*\n)*)")
ENTITY = re.compile(r"^ {4}(\w+) \{$", re.MULTILINE)

each_page = pytest.mark.parametrize(("page", "schema"), PAGES.items(), ids=PAGES)


def tokens(page: str) -> list[Token]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return MarkdownIt("commonmark").enable("table").parse(text)


def statements(page: str) -> list[tuple[str, list[str]]]:
    """Return the statements of a page, each with the rows that it is said to answer."""
    found = []
    for token in tokens(page):
        if token.type == "fence" and token.info == "sql":
            for match in STATEMENT.finditer(token.content):
                rows = [line.removeprefix("-- ") for line in match["answer"].splitlines()]
                found.append((match["text"].strip(), rows))
            assert not STATEMENT.sub("", token.content).strip(), token.content
    return found


def tables(page: str) -> list[str]:
    """Return the tables in the column `tables` of a page, or, where it has none, of its diagram."""
    found: list[str] = []
    is_cell = False
    for token in tokens(page):
        if token.type == "inline" and token.content == "tables":
            is_cell = True
        elif token.type == "table_close":
            is_cell = False
        elif token.type == "inline" and is_cell:
            found += [part.content for part in token.children or () if part.type == "code_inline"]
    if found:
        return found
    return [
        name
        for token in tokens(page)
        if token.type == "fence" and token.content.startswith("erDiagram")
        for name in ENTITY.findall(token.content)
    ]


def in_schema(dsn: str, schema: str, query: str) -> list[str]:
    """Ask for names in a schema; skip the test where the server cannot have the schema."""
    with psycopg.connect(dsn, row_factory=scalar_row) as connection:
        if connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() is None:
            pytest.skip(f"{schema}: this PostgreSQL has no pgvector 0.8")
        return connection.execute(query.encode(), [schema]).fetchall()


def ask(dsn: str, page: str) -> None:
    """Run the statements of a page; fail where one answers otherwise than the page says."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for text, rows in statements(page):
            cursor = connection.execute(text.encode())
            if rows:
                answered = [" | ".join(map(str, row)) for row in cursor.fetchall()]
                assert answered == rows, text


@each_page
def test_the_sql_of_the_page_does_what_it_says(page: str, schema: str, deployed: str) -> None:
    assert in_schema(deployed, schema, "SELECT %s")

    ask(deployed, page)

    assert sum(bool(rows) for _, rows in statements(page)) > 10


@each_page
def test_the_page_calls_every_function_that_somebody_may_call(
    page: str, schema: str, deployed: str
) -> None:
    functions = in_schema(
        deployed,
        schema,
        """
        SELECT DISTINCT p.proname
        FROM pg_proc AS p
        CROSS JOIN pg_roles AS r
        WHERE p.pronamespace = %s::regnamespace
            AND p.prorettype <> 'trigger'::regtype
            AND r.rolname LIKE 'muniment\\_%%'
            AND r.rolname <> 'muniment_owner'
            AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
        ORDER BY p.proname
        """,
    )
    sql = " ".join(text for text, _ in statements(page))

    assert len(functions) > 5
    assert [name for name in functions if f"{schema}.{name}(" not in sql] == []


@each_page
def test_the_page_names_every_table_once(page: str, schema: str, deployed: str) -> None:
    there_are = in_schema(
        deployed,
        schema,
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition",
    )

    assert sorted(tables(page)) == sorted(there_are)


def test_the_ledger_answers_as_its_page_says(ledger: str) -> None:
    ask(ledger, QUESTIONS)


def test_the_page_asks_every_view_of_the_ledger(ledger: str) -> None:
    views = in_schema(
        ledger,
        "agents",
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'v'",
    )
    answered = " ".join(text for text, rows in statements(QUESTIONS) if rows)

    assert len(views) > 10
    assert [name for name in views if f"FROM agents.{name}\n" not in answered] == []

"""The page of a project is true: its SQL does what it says, and nothing is left out.

The blocks are run from the first to the last, each in a transaction of its own unless it has one.
What a statement answers stands in comments on the lines right after it, a row a line; a comment
after an empty line is prose. Or it stands in a block of text, as psql shows it: what the last
statement above that returns rows has returned. A block of SQL with an SQLSTATE is refused with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import psycopg
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from psycopg.rows import scalar_row
from tests.fix_postgres import ROOT


@dataclass(frozen=True)
class Page:
    """What a page about a schema has to have.

    Attributes:
        schema: The schema.
        answers: How many answers it shows at least.
        functions: How many functions there are at least that somebody may call.
        uncalled: Those of them that it does not call; None if it need not call them all.
        refused: The SQLSTATEs with which it shows that something is refused.
    """

    schema: str
    answers: int = 11
    functions: int = 6
    uncalled: frozenset[str] | None = field(default_factory=frozenset)
    refused: frozenset[str] = field(default_factory=frozenset)


# Each page that is about a schema.
PAGES = {
    "explanation/open-agents": Page("open_agents"),
    # Called by what settles and releases.
    "explanation/goclaw": Page("goclaw", uncalled=frozenset({"hold_reservations"})),
    "explanation/agentcore": Page(
        "agentcore",
        answers=8,
        uncalled=None,
        refused=frozenset({"MU431", "MU432"}),
    ),
    "explanation/astra": Page(
        "astra",
        answers=21,
        functions=16,
        # Called by triggers; a program has no use for them but to lock a goal.
        uncalled=frozenset({"admit_goal", "lock_goal"}),
    ),
}
STATEMENT = re.compile(r"(?P<text>[^;]+;)\n?(?P<answer>(?:-- .*\n)*)")
# The page that asks the ledger.
QUESTIONS = "how-to/ask-the-ledger"

ENTITY = re.compile(r"^ {4}(\w+) \{$", re.MULTILINE)
RELATION = re.compile(r"^ {4}(\w+) [|}][o|]--[o|][|{] (\w+) : .*$", re.MULTILINE)

each_page = pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=PAGES)


@dataclass(frozen=True)
class Block:
    """Statements, each with the rows that it is said to answer.

    Attributes:
        statements: A statement and the rows in comments below it, of which there may be none.
        sqlstate: What the block is refused with, if it is.
    """

    statements: list[tuple[str, list[str]]]
    sqlstate: str | None


def tokens(name: str) -> list[Token]:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    return MarkdownIt("commonmark").enable("table").parse(text)


def blocks(name: str) -> list[Block | list[str]]:
    """Return the blocks of SQL of a page, and the rows in its blocks of text."""
    found: list[Block | list[str]] = []
    for token in tokens(name):
        if token.type != "fence":
            continue
        match token.info.split():
            case ["sql", *refused]:
                statements = [
                    (
                        part["text"].strip(),
                        [line.removeprefix("-- ") for line in part["answer"].splitlines()],
                    )
                    for part in STATEMENT.finditer(token.content)
                ]
                assert not STATEMENT.sub("", token.content).strip(), token.content
                found.append(Block(statements, refused[0] if refused else None))
            case ["text"]:
                found.append([line.rstrip() for line in token.content.splitlines()])
            case ["mermaid"]:
                pass
            case info:
                raise AssertionError(f"{name}: a block of {info}")
    return found


def run(connection: psycopg.Connection, block: Block) -> list[str]:
    """Run a block; return the rows of the last statement that had any, as psql shows values."""
    rows: list[str] = []
    has_its_own = any(text.endswith("COMMIT;") for text, _ in block.statements)
    if not has_its_own:
        connection.execute("BEGIN")
    for text, answer in block.statements:
        cursor = connection.execute(text.encode())
        result = cursor.pgresult
        assert result is not None
        if answer:
            assert [" | ".join(map(str, row)) for row in cursor.fetchall()] == answer, text
        if result.nfields:
            rows = [
                " | ".join(
                    (result.get_value(row, column) or b"").decode()
                    for column in range(result.nfields)
                ).rstrip()
                for row in range(result.ntuples)
            ]
    if not has_its_own:
        connection.execute("COMMIT")
    return rows


def tables(name: str) -> list[str]:
    """Return the tables in the column `tables` of a page, or, where it has none, of its diagram.

    Those of the diagram are what it has boxes for, or else what its lines lead from and to.
    """
    found: list[str] = []
    is_cell = False
    for token in tokens(name):
        if token.type == "inline" and token.content == "tables":
            is_cell = True
        elif token.type == "table_close":
            is_cell = False
        elif token.type == "inline" and is_cell:
            found += [part.content for part in token.children or () if part.type == "code_inline"]
    if found:
        return found
    (diagram,) = [
        token.content
        for token in tokens(name)
        if token.type == "fence" and token.content.startswith("erDiagram")
    ]
    ends = {end for line in RELATION.findall(diagram) for end in line}
    return ENTITY.findall(diagram) or sorted(ends)


def in_schema(dsn: str, schema: str, query: str) -> list[str]:
    """Ask for names in a schema; skip the test where the server cannot have the schema."""
    with psycopg.connect(dsn, row_factory=scalar_row) as connection:
        if connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() is None:
            pytest.skip(f"{schema}: this PostgreSQL has no pgvector 0.8")
        return connection.execute(query.encode(), [schema]).fetchall()


@each_page
def test_the_sql_of_the_page_does_what_it_says(name: str, page: Page, deployed: str) -> None:
    assert in_schema(deployed, page.schema, "SELECT %s")
    answers = 0
    refused = set()
    rows: list[str] = []

    with psycopg.connect(deployed, autocommit=True) as connection:
        for block in blocks(name):
            if not isinstance(block, Block):
                assert rows == block
                answers += 1
            elif block.sqlstate is None:
                rows = run(connection, block)
                answers += sum(bool(shown) for _, shown in block.statements)
            else:
                with pytest.raises(psycopg.Error) as error:
                    run(connection, block)
                assert error.value.sqlstate == block.sqlstate
                connection.execute("ROLLBACK")
                refused.add(block.sqlstate)

    assert answers >= page.answers
    assert refused >= page.refused


@each_page
def test_the_page_calls_every_function_that_somebody_may_call(
    name: str, page: Page, deployed: str
) -> None:
    functions = in_schema(
        deployed,
        page.schema,
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
    sql = " ".join(
        text for block in blocks(name) if isinstance(block, Block) for text, _ in block.statements
    )

    assert len(functions) >= page.functions
    uncalled = {function for function in functions if f"{page.schema}.{function}(" not in sql}
    assert page.uncalled is None or uncalled == page.uncalled


@each_page
def test_the_page_names_every_table_once(name: str, page: Page, deployed: str) -> None:
    there_are = in_schema(
        deployed,
        page.schema,
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition",
    )

    assert sorted(tables(name)) == sorted(there_are)


def test_the_ledger_answers_as_its_page_says(ledger: str) -> None:
    answers = 0
    with psycopg.connect(ledger, autocommit=True) as connection:
        for block in blocks(QUESTIONS):
            assert isinstance(block, Block)
            run(connection, block)
            answers += sum(bool(shown) for _, shown in block.statements)

    assert answers > 10


def test_the_page_asks_every_view_of_the_ledger(ledger: str) -> None:
    views = in_schema(
        ledger,
        "agents",
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'v'",
    )
    answered = " ".join(
        text
        for block in blocks(QUESTIONS)
        if isinstance(block, Block)
        for text, rows in block.statements
        if rows
    )

    assert len(views) > 10
    assert [name for name in views if f"FROM agents.{name}\n" not in answered] == []

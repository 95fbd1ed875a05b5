"""The page about agentcore says what happens: its SQL is run, and returns what it shows."""

from __future__ import annotations

import psycopg
import pytest
from markdown_it import MarkdownIt
from tests.fix_postgres import ROOT, Cluster

PAGE = ROOT / "docs" / "explanation" / "agentcore.md"


def run(connection: psycopg.Connection, script: str) -> list[str]:
    """Run statements; return the rows of the last one that returned any, as psql shows values."""
    found: list[str] = []
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(script.encode())
    while True:
        result = cursor.pgresult
        assert result is not None
        if result.nfields:
            found = [
                " | ".join(
                    (result.get_value(row, column) or b"").decode()
                    for column in range(result.nfields)
                ).rstrip()
                for row in range(result.ntuples)
            ]
        if not cursor.nextset():
            return found


def test_the_sql_of_the_page_returns_what_it_shows(server: Cluster, deployed: str) -> None:
    fences = [
        (token.info.split(), token.content)
        for token in MarkdownIt("commonmark").parse(PAGE.read_text(encoding="utf-8"))
        if token.type == "fence"
    ]
    answers = 0
    rows: list[str] = []
    with psycopg.connect(deployed, autocommit=True) as connection:
        if connection.execute("SELECT to_regnamespace('agentcore')").fetchone() == (None,):
            pytest.skip(f"agentcore: PostgreSQL {server.name} has no extension vector")
        for info, content in fences:
            match info:
                case ["sql"]:
                    rows = run(connection, content)
                case ["sql", sqlstate]:
                    with pytest.raises(psycopg.Error) as refused:
                        run(connection, content)
                    assert refused.value.sqlstate == sqlstate
                case ["text"]:
                    assert rows == [line.rstrip() for line in content.splitlines()]
                    answers += 1

    assert answers >= 8
    assert {tuple(info) for info, _ in fences} >= {("mermaid",), ("sql", "MU431"), ("sql", "MU432")}

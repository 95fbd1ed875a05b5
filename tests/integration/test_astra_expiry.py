"""What astra forgets while others are at it: not what is locked, and not what is kept longer."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.planner import AGENT, AS_ORG, ORG, found, rows, value

EXPIRE = {
    "memories": "SELECT astra.expire_memories()",
    "chat_sessions": "SELECT astra.expire_chats()",
}
LEFT = {
    "memories": "SELECT content FROM astra.memories",
    "chat_sessions": "SELECT content FROM astra.chat_messages",
}
KEEP = {
    "memories": "UPDATE astra.memories SET expires_at = NULL WHERE content = 'one'",
    "chat_sessions": "UPDATE astra.chat_sessions SET retention_days = NULL WHERE title = 'one'",
}

each_table = pytest.mark.parametrize("table", EXPIRE)


@pytest.fixture
def dsn(deployed: str) -> str:
    dsn = found(deployed)
    with psycopg.connect(dsn) as connection:
        for statement in (
            "UPDATE astra.agents SET chat_capable = true",
            "INSERT INTO astra.users (org_id, email) VALUES (%(org)s, 'ann@example.org')",
            "INSERT INTO astra.memories (org_id, agent_id, memory_type, content, expires_at)"
            " SELECT %(org)s, %(agent)s, 'episodic', word, now() - interval '1 day'"
            " FROM unnest('{one,two}'::text[]) AS word",
            "INSERT INTO astra.chat_sessions (org_id, agent_id, user_id, title, retention_days)"
            " SELECT org_id, %(agent)s, id, word, 1"
            " FROM astra.users, unnest('{one,two}'::text[]) AS word",
            "INSERT INTO astra.chat_messages (org_id, session_id, role, content, created_at)"
            " SELECT org_id, id, 'user', title, now() - interval '2 days'"
            " FROM astra.chat_sessions",
        ):
            connection.execute(statement.encode(), {"org": ORG, "agent": AGENT})
    return dsn


@pytest.fixture
def backend(dsn: str) -> Iterator[psycopg.Connection]:
    """Connect as the backend, which would rather fail than wait."""
    options = "-c role=muniment_service -c lock_timeout=1ms"
    with psycopg.connect(dsn, autocommit=True, options=options) as connection:
        yield connection


@each_table
def test_what_another_one_has_locked_is_left_to_them(
    dsn: str, backend: psycopg.Connection, table: str
) -> None:
    with psycopg.connect(dsn, options=AS_ORG) as runtime:
        runtime.execute(KEEP[table].encode())
        assert value(backend, EXPIRE[table]) == 1
        assert rows(runtime, LEFT[table]) == ["one"]
        runtime.commit()
        # Whoever had it locked has kept it.
        assert value(backend, EXPIRE[table]) == 0
        assert rows(runtime, LEFT[table]) == ["one"]

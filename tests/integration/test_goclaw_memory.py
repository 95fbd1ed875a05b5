"""What sessions do to the memory of goclaw at the same time, and in a session that is new."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import psycopg
import pytest

TENANT = "00000000-0000-4000-8000-00000000000a"
AGENTS = ("a9e00000-0000-4000-8000-0000000000a1", "a9e00000-0000-4000-8000-0000000000a2")
EPISODE = "e0000000-0000-4000-8000-0000000000a1"
WAITING = """
    SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'
"""


@pytest.fixture
def goclaw(deployed: str) -> str:
    """Return a database with a tenant, two agents and an episode."""
    with psycopg.connect(deployed) as connection:
        if connection.execute("SELECT to_regnamespace('goclaw')").fetchone() == (None,):
            pytest.skip("goclaw: this PostgreSQL has no extension vector")
        connection.execute(
            "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'A', 'a')", [TENANT]
        )
        for number, agent in enumerate(AGENTS):
            connection.execute(
                "INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)"
                " VALUES (%s, %s, %s, 'u', 'm')",
                [TENANT, agent, str(number)],
            )
            connection.execute(
                "INSERT INTO goclaw.vault_documents (tenant_id, agent_id, path)"
                " VALUES (%s, %s, 'plan.md')",
                [TENANT, agent],
            )
        connection.execute(
            "INSERT INTO goclaw.episodic_summaries (tenant_id, id, agent_id, session_key, summary)"
            " VALUES (%s, %s, %s, 's', 'they talked of tax law')",
            [TENANT, EPISODE, AGENTS[0]],
        )
    return deployed


@contextmanager
def runtime(dsn: str) -> Iterator[psycopg.Connection]:
    """Yield a connection in a transaction of muniment_app for the tenant."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET LOCAL ROLE muniment_app")
        connection.execute("SELECT platform.set_tenant(%s)", [TENANT])
        yield connection


def test_every_find_of_an_episode_counts_once(goclaw: str) -> None:
    sessions, finds = 6, 20
    start = Barrier(sessions)

    def find(session: int) -> None:
        start.wait()
        for _ in range(finds):
            with runtime(goclaw) as connection:
                connection.execute(
                    "SELECT goclaw.recall_episode(%s, %s)", [EPISODE, session / sessions]
                )

    with ThreadPoolExecutor(sessions) as pool:
        for finished in [pool.submit(find, number) for number in range(sessions)]:
            finished.result()

    with runtime(goclaw) as connection:
        row = connection.execute(
            "SELECT recall_count, recall_score FROM goclaw.episodic_summaries"
        ).fetchone()
    assert row is not None
    assert row[0] == sessions * finds
    assert row[1] == pytest.approx(sum(range(sessions)) / sessions / sessions)


def test_of_two_agents_that_leave_the_same_file_neither_is_lost(goclaw: str) -> None:
    """Both see the path free; the second waits for the first, and comes again."""

    def remove(connection: psycopg.Connection, agent: str) -> None:
        connection.execute("DELETE FROM goclaw.agents WHERE id = %s", [agent])

    with ThreadPoolExecutor(1) as pool, runtime(goclaw) as first:
        remove(first, AGENTS[0])
        with runtime(goclaw) as second, psycopg.connect(goclaw, autocommit=True) as onlooker:
            waiting: Future[None] = pool.submit(remove, second, AGENTS[1])
            while onlooker.execute(WAITING, [second.info.backend_pid]).rowcount == 0:
                assert not waiting.done()
            first.commit()
            with pytest.raises(psycopg.errors.UniqueViolation) as caught:
                waiting.result()
            second.rollback()
    assert caught.value.diag.constraint_name == "vault_documents_path_uq"

    with runtime(goclaw) as again:
        remove(again, AGENTS[1])
        left = again.execute(
            "SELECT scope, path = 'plan.md', path ~ '^[-0-9a-f]{36}/plan.md$'"
            " FROM goclaw.vault_documents ORDER BY path = 'plan.md'"
        ).fetchall()
    assert left == [("shared", False, True), ("shared", True, False)]


def test_a_chunk_waits_for_whom_its_document_is_given_to(goclaw: str) -> None:
    def add_chunk(connection: psycopg.Connection) -> None:
        connection.execute(
            "INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, path, text)"
            " SELECT tenant_id, agent_id, id, path, 'x' FROM goclaw.memory_documents"
        )

    with runtime(goclaw) as connection:
        connection.execute(
            "INSERT INTO goclaw.memory_documents (tenant_id, agent_id, path) VALUES (%s, %s, 'p')",
            [TENANT, AGENTS[0]],
        )

    with ThreadPoolExecutor(1) as pool, runtime(goclaw) as giver, runtime(goclaw) as writer:
        giver.execute("UPDATE goclaw.memory_documents SET user_id = 'ada'")
        with psycopg.connect(goclaw, autocommit=True) as onlooker:
            waiting: Future[None] = pool.submit(add_chunk, writer)
            while onlooker.execute(WAITING, [writer.info.backend_pid]).rowcount == 0:
                assert not waiting.done()
        giver.commit()
        waiting.result()

    with runtime(goclaw) as connection:
        found = connection.execute("SELECT user_id FROM goclaw.memory_chunks").fetchall()
    assert found == [("ada",)]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_whoever_may_not_see_all_chunks_gives_no_document_away(goclaw: str, isolation: str) -> None:
    """Its snapshot is older than the chunk, which would stay with whom it was."""
    with runtime(goclaw) as writer:
        writer.execute(
            "INSERT INTO goclaw.memory_documents (tenant_id, agent_id, path) VALUES (%s, %s, 'p')",
            [TENANT, AGENTS[0]],
        )

    with psycopg.connect(goclaw) as giver:
        giver.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        giver.execute("SET LOCAL ROLE muniment_app")
        giver.execute("SELECT platform.set_tenant(%s)", [TENANT])
        giver.execute("SELECT FROM goclaw.memory_chunks")
        with runtime(goclaw) as writer:
            writer.execute(
                "INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, path, text)"
                " SELECT tenant_id, agent_id, id, path, 'x' FROM goclaw.memory_documents"
            )
        with pytest.raises(psycopg.Error) as caught:
            giver.execute("UPDATE goclaw.memory_documents SET user_id = 'ada'")
        giver.rollback()
    assert caught.value.sqlstate == "MU302"

    with runtime(goclaw) as connection:
        connection.execute("UPDATE goclaw.memory_documents SET user_id = 'ada'")
        found = connection.execute("SELECT user_id FROM goclaw.memory_chunks").fetchall()
    assert found == [("ada",)]


def test_two_who_index_one_document_come_one_after_the_other(goclaw: str) -> None:
    """Each writes a chunk, and then says in the document what it has indexed."""

    def add_chunk(connection: psycopg.Connection, text: str) -> None:
        connection.execute(
            "INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, path, text)"
            " SELECT tenant_id, agent_id, id, path, %s FROM goclaw.memory_documents",
            [text],
        )

    def finish(connection: psycopg.Connection, text: str) -> None:
        connection.execute("UPDATE goclaw.memory_documents SET content = %s", [text])

    def index(connection: psycopg.Connection, text: str) -> None:
        add_chunk(connection, text)
        finish(connection, text)

    with runtime(goclaw) as connection:
        connection.execute(
            "INSERT INTO goclaw.memory_documents (tenant_id, agent_id, path) VALUES (%s, %s, 'p')",
            [TENANT, AGENTS[0]],
        )

    with ThreadPoolExecutor(1) as pool, runtime(goclaw) as first, runtime(goclaw) as second:
        add_chunk(first, "first")
        with psycopg.connect(goclaw, autocommit=True) as onlooker:
            waiting: Future[None] = pool.submit(index, second, "second")
            while onlooker.execute(WAITING, [second.info.backend_pid]).rowcount == 0:
                assert not waiting.done()
        finish(first, "first")
        first.commit()
        waiting.result()
        second.commit()

    with runtime(goclaw) as connection:
        found = connection.execute(
            "SELECT d.content, count(*) FROM goclaw.memory_documents AS d"
            " CROSS JOIN goclaw.memory_chunks GROUP BY 1"
        ).fetchall()
    assert found == [("second", 2)]


@pytest.mark.parametrize("function", ["search_memory", "search_vault"])
def test_a_new_session_can_search_by_words_at_once(goclaw: str, function: str) -> None:
    """Nothing has loaded pgvector in it, whose settings the function brings."""
    with runtime(goclaw) as connection:
        found = connection.execute(
            f"SELECT count(*) FROM goclaw.{function}(%s, 'plan.md', NULL)",  # noqa: S608
            [AGENTS[0]],
        ).fetchone()
        connection.execute("SELECT platform.vector_dims('[1]'::platform.vector)")
        settings = connection.execute(
            "SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan'),"
            " current_setting('random_page_cost'), current_setting('plan_cache_mode')"
        ).fetchone()

    assert found == (0 if function == "search_memory" else 1,)
    # They end with it.
    assert settings == ("40", "off", "4", "auto")

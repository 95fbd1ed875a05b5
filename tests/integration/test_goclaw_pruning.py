"""What expires in goclaw, pruned and archived by several at once: all that is due, and no more.

Every pruner is a connection of its own. What happens at the same time is made to, by transactions
that are left open; nothing here depends on how fast anything is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from tests.processes import eventually

PRUNERS = 4
TENANTS = ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b")
# Of each table and tenant.
DUE = 200
LIVING = 50

# A row: its table, its tenant and its id, which begins with "d" when the row is due.
Row = tuple[str, UUID, UUID]


@dataclass(frozen=True)
class Pruning:
    """What leaves: the statement that prunes a batch, and in which tables which rows are left."""

    prune: str
    tables: tuple[str, ...]
    left: str = "true"

    @property
    def due(self) -> int:
        return DUE * len(TENANTS) * len(self.tables)

    def pruned(self, session: psycopg.Connection, limit: int) -> int:
        (number,) = session.execute(self.prune.encode(), [limit]).fetchone() or (-1,)
        assert isinstance(number, int)
        return number

    def rows(self, watcher: psycopg.Connection) -> set[Row]:
        return {
            (table, tenant, row)
            for table in self.tables
            for tenant, row in watcher.execute(
                sql.SQL("SELECT tenant_id, id FROM goclaw.{} WHERE {}").format(
                    sql.Identifier(table), sql.SQL(self.left)
                )
            )
        }


PRUNINGS = {
    "what has expired": Pruning(
        prune="SELECT sum(pruned)::bigint FROM goclaw.prune_expired(%s)",
        tables=(
            "browser_cookies",
            "channel_pending_messages",
            "episodic_summaries",
            "paired_devices",
            "pairing_requests",
        ),
    ),
    "the log of commands": Pruning(
        prune="SELECT goclaw.prune_workstation_activity(now() - interval '1 day', %s)",
        tables=("workstation_activity",),
    ),
    "tasks of agents": Pruning(
        prune="SELECT goclaw.archive_subagent_tasks(now() - interval '1 day', %s)",
        tables=("subagent_tasks",),
        left="archived_at IS NULL",
    ),
}

# For each tenant rows that ended or are as old as %(age)s, with ids that begin with %(letter)s.
FILL = """
CREATE TEMPORARY TABLE entry ON COMMIT DROP AS
SELECT
    t.id AS tenant_id,
    n::text AS name,
    (%(letter)s || '0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid AS id,
    now() - %(age)s::interval AS at
FROM unnest(%(tenants)s::uuid[]) AS t (id)
CROSS JOIN generate_series(1, %(count)s) AS n;
INSERT INTO goclaw.browser_cookies
    (tenant_id, id, user_id, agent_id, domain, name, encrypted_value, expires_at)
SELECT tenant_id, id, 'u', 'a', 'example.org', %(letter)s || name, 'x', at FROM entry;
INSERT INTO goclaw.channel_pending_messages
    (tenant_id, id, channel_name, history_key, sender, body, created_at)
SELECT tenant_id, id, 'c', 'h', 's', name, at - interval '7 days' FROM entry;
INSERT INTO goclaw.episodic_summaries (tenant_id, id, agent_id, session_key, summary, expires_at)
SELECT e.tenant_id, e.id, a.id, 's', e.name, e.at
FROM entry AS e
INNER JOIN goclaw.agents AS a ON a.tenant_id = e.tenant_id;
INSERT INTO goclaw.paired_devices (tenant_id, id, sender_id, channel, chat_id, expires_at)
SELECT tenant_id, id, %(letter)s || name, 'c', 'h', at FROM entry;
INSERT INTO goclaw.pairing_requests
    (tenant_id, id, code, sender_id, channel, chat_id, expires_at)
SELECT tenant_id, id, %(letter)s || lpad(name, 7, '0'), 's', 'c', 'h', at FROM entry;
INSERT INTO goclaw.workstation_activity (tenant_id, id, workstation_id, action, created_at)
SELECT e.tenant_id, e.id, w.id, 'exec', e.at - interval '1 day'
FROM entry AS e
INNER JOIN goclaw.workstations AS w ON w.tenant_id = e.tenant_id;
INSERT INTO goclaw.subagent_tasks
    (tenant_id, id, parent_agent_key, subject, description, status, completed_at)
SELECT
    tenant_id, id, 'a', name, '',
    (ARRAY['completed', 'failed', 'cancelled'])[1 + name::integer %% 3], at - interval '1 day'
FROM entry;
"""


@pytest.fixture(params=PRUNINGS)
def pruning(request: pytest.FixtureRequest) -> Pruning:
    return PRUNINGS[request.param]


@pytest.fixture
def gateway(deployed: str) -> str:
    """A database with rows that are due and rows that are not, of two tenants."""
    with psycopg.connect(deployed) as session:
        if session.execute("SELECT to_regnamespace('goclaw')").fetchone() == (None,):
            pytest.skip("goclaw: this PostgreSQL has no extension vector")
        session.execute(
            "INSERT INTO goclaw.tenants (id, name, slug)"
            " SELECT id, id::text, id::text FROM unnest(%s::uuid[]) AS id",
            [list(TENANTS)],
        )
        session.execute(
            "INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model)"
            " SELECT id, 'a', 'u', 'm' FROM unnest(%s::uuid[]) AS id",
            [list(TENANTS)],
        )
        session.execute(
            "INSERT INTO goclaw.workstations"
            " (tenant_id, workstation_key, name, backend_type, metadata, default_env)"
            " SELECT id, 'w', 'W', 'ssh', 'x', 'x' FROM unnest(%s::uuid[]) AS id",
            [list(TENANTS)],
        )
    for letter, age, count in (("d", "1 hour", DUE), ("a", "-1 hour", LIVING)):
        with psycopg.connect(deployed, cursor_factory=psycopg.ClientCursor) as session:
            session.execute(
                FILL,
                {"letter": letter, "age": age, "count": count, "tenants": list(TENANTS)},
            )
    return deployed


@pytest.fixture
def watcher(gateway: str) -> Iterator[psycopg.Connection]:
    """A session of the superuser, who sees all rows."""
    with psycopg.connect(gateway, autocommit=True) as session:
        yield session


def pruner(dsn: str, *, autocommit: bool = True) -> psycopg.Connection:
    """Connect as the backend, which waits for nobody."""
    session = psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=1s")
    session.execute("SET ROLE muniment_service")
    session.autocommit = autocommit
    return session


def test_four_pruners_delete_what_is_due_once(
    gateway: str, watcher: psycopg.Connection, pruning: Pruning
) -> None:
    living = {row for row in pruning.rows(watcher) if str(row[2])[0] == "a"}
    assert len(living) == LIVING * len(TENANTS) * len(pruning.tables)
    start = threading.Barrier(PRUNERS)

    def work() -> int:
        total = 0
        with pruner(gateway) as session:
            start.wait()
            while number := pruning.pruned(session, 20):
                total += number
        return total

    with ThreadPoolExecutor(PRUNERS) as pool:
        totals = [each.result() for each in [pool.submit(work) for _ in range(PRUNERS)]]

    assert sum(totals) == pruning.due
    assert pruning.rows(watcher) == living


def test_a_pruner_passes_over_what_another_one_holds(
    gateway: str, watcher: psycopg.Connection, pruning: Pruning
) -> None:
    with pruner(gateway, autocommit=False) as dying, pruner(gateway) as other:
        held = pruning.pruned(dying, 30)
        assert held == 30 * len(pruning.tables)

        # It would wait for ever: the other one is idle in this very thread.
        assert pruning.pruned(other, DUE * len(TENANTS)) == pruning.due - held
        assert pruning.pruned(other, DUE * len(TENANTS)) == 0

        dying.rollback()
        assert pruning.pruned(other, DUE * len(TENANTS)) == held
    assert {str(row)[0] for _, _, row in pruning.rows(watcher)} == {"a"}


def test_what_is_put_off_meanwhile_stays(gateway: str, watcher: psycopg.Connection) -> None:
    pruning = PRUNINGS["what has expired"]
    with psycopg.connect(gateway) as editor, pruner(gateway) as session:
        editor.execute(
            "UPDATE goclaw.paired_devices SET expires_at = NULL"
            " WHERE tenant_id = %s AND sender_id = 'd1'",
            [TENANTS[0]],
        )
        assert pruning.pruned(session, DUE * len(TENANTS)) == pruning.due - 1
        editor.commit()
        assert pruning.pruned(session, DUE * len(TENANTS)) == 0
    (kept,) = (row for row in pruning.rows(watcher) if str(row[2])[0] == "d")
    assert kept[0] == "paired_devices"


def test_who_works_on_a_row_that_is_pruned_waits_and_finds_it_gone(
    gateway: str, watcher: psycopg.Connection
) -> None:
    pruning = PRUNINGS["what has expired"]
    with (
        pruner(gateway, autocommit=False) as session,
        psycopg.connect(gateway) as editor,
        ThreadPoolExecutor(1) as pool,
    ):
        assert pruning.pruned(session, DUE * len(TENANTS)) == pruning.due
        edit = pool.submit(
            editor.execute,
            "UPDATE goclaw.paired_devices SET expires_at = NULL"
            " WHERE tenant_id = %s AND sender_id = 'd1'",
            [TENANTS[0]],
        )
        eventually(
            lambda: (
                watcher.execute(
                    "SELECT cardinality(pg_blocking_pids(%s)) > 0", [editor.info.backend_pid]
                ).fetchone()
                == (True,)
            ),
            "the editor waits for the pruner",
        )
        session.commit()
        assert edit.result().rowcount == 0

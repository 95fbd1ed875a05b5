"""Cron jobs and heartbeats of goclaw under many workers: each is claimed once, and none is lost.

Every worker is a connection of its own. What happens at the same time is made to, by locks that
another session holds; nothing here depends on how fast anything is.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import AdminShutdown
from tests.processes import eventually

DUE = 50
WORKERS = 8
TENANTS = ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b")

# A claim: tenant, job or heartbeat, and the time that names it.
Claim = tuple[UUID, UUID, datetime]


@dataclass(frozen=True)
class Queue:
    """What is claimed and finished: the statements of one kind of work."""

    table: str
    log: str
    claim: str
    finish: str

    def claimed(self, worker: psycopg.Connection, limit: int, lease: str = "1 hour") -> list[Claim]:
        rows = worker.execute(self.claim.encode(), [limit, lease]).fetchall()
        return [(tenant, row, claimed_at) for tenant, row, claimed_at in rows]

    def finished(self, worker: psycopg.Connection, claim: Claim) -> None:
        worker.execute(self.finish.encode(), claim)


QUEUES = {
    "cron jobs": Queue(
        table="cron_jobs",
        log="cron_run_logs",
        claim="SELECT tenant_id, id, last_run_at FROM goclaw.claim_cron_jobs(%s, %s)",
        finish="SELECT goclaw.finish_cron_job(%s, %s, %s, 'ok', now() + interval '1 hour')",
    ),
    "heartbeats": Queue(
        table="agent_heartbeats",
        log="heartbeat_run_logs",
        claim="SELECT tenant_id, id, last_run_at FROM goclaw.claim_heartbeats(%s, %s)",
        finish="SELECT goclaw.finish_heartbeat(%s, %s, %s, 'ok')",
    ),
}


@pytest.fixture(params=QUEUES)
def queue(request: pytest.FixtureRequest) -> Queue:
    return QUEUES[request.param]


@pytest.fixture
def gateway(deployed: str) -> str:
    """A database with 25 agents for each of two tenants, each with a due job and heartbeat."""
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
            " SELECT id, 'agent ' || n, 'u', 'm'"
            " FROM unnest(%s::uuid[]) AS id CROSS JOIN generate_series(1, %s) AS n",
            [list(TENANTS), DUE // len(TENANTS)],
        )
        session.execute(
            "INSERT INTO goclaw.cron_jobs"
            " (tenant_id, agent_id, name, schedule_kind, interval_ms, next_run_at)"
            " SELECT tenant_id, id, 'job', 'every', 60000, now() FROM goclaw.agents"
        )
        session.execute(
            "INSERT INTO goclaw.agent_heartbeats (tenant_id, agent_id, enabled, next_run_at)"
            " SELECT tenant_id, id, true, now() FROM goclaw.agents"
        )
    return deployed


@pytest.fixture
def watcher(gateway: str) -> Iterator[psycopg.Connection]:
    """A session of the superuser, who sees all rows and whom nobody waits for."""
    with psycopg.connect(gateway, autocommit=True) as session:
        yield session


def worker(dsn: str, *, autocommit: bool = True) -> psycopg.Connection:
    """Connect as the backend."""
    session = psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=20s")
    session.execute("SET ROLE muniment_service")
    session.autocommit = autocommit
    return session


def rows_of(watcher: psycopg.Connection, queue: Queue, condition: str) -> int:
    (number,) = watcher.execute(
        sql.SQL("SELECT count(*) FROM goclaw.{} WHERE ").format(sql.Identifier(queue.table))
        + sql.SQL(condition)
    ).fetchone() or (-1,)
    assert isinstance(number, int)
    return number


def logged(watcher: psycopg.Connection, queue: Queue) -> Counter[tuple[UUID, UUID]]:
    """Return how many runs of each job or heartbeat were logged."""
    column = {"cron_run_logs": "job_id", "heartbeat_run_logs": "heartbeat_id"}[queue.log]
    return Counter(
        watcher.execute(
            sql.SQL("SELECT tenant_id, {} FROM goclaw.{}").format(
                sql.Identifier(column), sql.Identifier(queue.log)
            )
        )
    )


def is_blocked(watcher: psycopg.Connection, session: psycopg.Connection) -> bool:
    found = watcher.execute(
        "SELECT cardinality(pg_blocking_pids(%s)) > 0", [session.info.backend_pid]
    ).fetchone()
    return found == (True,)


def terminate(watcher: psycopg.Connection, session: psycopg.Connection) -> None:
    """End a worker's backend as a crash would, and wait until it is gone."""
    pid = session.info.backend_pid
    watcher.execute("SELECT pg_terminate_backend(%s)", [pid])
    eventually(
        lambda: watcher.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).rowcount == 0,
        "the backend of the worker ends",
    )
    with pytest.raises((AdminShutdown, psycopg.OperationalError)):
        session.execute("SELECT")
    session.close()


def test_eight_workers_claim_each_once(
    gateway: str, watcher: psycopg.Connection, queue: Queue
) -> None:
    start = threading.Barrier(WORKERS)

    def work() -> list[Claim]:
        done: list[Claim] = []
        with worker(gateway) as session:
            start.wait()
            while claims := queue.claimed(session, 3):
                for claim in claims:
                    queue.finished(session, claim)
                done += claims
        return done

    with ThreadPoolExecutor(WORKERS) as pool:
        done = [
            claim for each in [pool.submit(work) for _ in range(WORKERS)] for claim in each.result()
        ]

    claimed = Counter((tenant, row) for tenant, row, _ in done)
    assert len(claimed) == DUE
    assert set(claimed.values()) == {1}
    assert logged(watcher, queue) == claimed
    assert rows_of(watcher, queue, "last_status = 'ok' AND next_run_at > now()") == DUE


def test_a_worker_that_dies_before_it_commits_has_claimed_nothing(
    gateway: str, watcher: psycopg.Connection, queue: Queue
) -> None:
    dying = worker(gateway, autocommit=False)
    assert len(queue.claimed(dying, 20)) == 20
    with worker(gateway) as other:
        assert len(queue.claimed(other, DUE)) == DUE - 20

        terminate(watcher, dying)

        assert len(queue.claimed(other, DUE)) == 20
        assert queue.claimed(other, DUE) == []


def test_what_a_dead_worker_claimed_is_claimed_again_after_the_lease(
    gateway: str, watcher: psycopg.Connection, queue: Queue
) -> None:
    dying = worker(gateway)
    lost = queue.claimed(dying, 20)
    queue.finished(dying, lost.pop())
    terminate(watcher, dying)

    with worker(gateway) as other:
        rest = queue.claimed(other, DUE)
        assert len(rest) == DUE - 20
        assert queue.claimed(other, DUE) == []
        for claim in rest:
            queue.finished(other, claim)

        # By now every claim is older than this lease.
        again = queue.claimed(other, DUE, "1 microsecond")
        assert {claim[:2] for claim in again} == {claim[:2] for claim in lost}
        assert rows_of(watcher, queue, "last_error = 'the run before this one did not end'") == 19

        # The worker was only slow, and comes back.
        with pytest.raises(psycopg.Error) as caught:
            queue.finished(other, lost[0])
        assert caught.value.sqlstate == "MU310"

        for claim in again:
            queue.finished(other, claim)
    assert set(logged(watcher, queue).values()) == {1}
    assert len(logged(watcher, queue)) == DUE


def test_a_claim_passes_by_what_somebody_edits(gateway: str, queue: Queue) -> None:
    with psycopg.connect(gateway) as editor, worker(gateway) as session:
        editor.execute(
            sql.SQL("UPDATE goclaw.{} SET enabled = false WHERE tenant_id = %s").format(
                sql.Identifier(queue.table)
            ),
            [TENANTS[0]],
        )
        # It would wait for ever: the editor is idle in this very thread.
        session.execute("SET lock_timeout = '1s'")
        claims = queue.claimed(session, DUE)

        assert Counter(str(tenant) for tenant, _, _ in claims) == {TENANTS[1]: DUE // 2}
        editor.commit()
        assert queue.claimed(session, DUE) == []


def test_two_who_end_one_run_end_it_once(
    gateway: str, watcher: psycopg.Connection, queue: Queue
) -> None:
    with (
        worker(gateway, autocommit=False) as first,
        worker(gateway) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        (claim,) = queue.claimed(second, 1)
        queue.finished(first, claim)
        late = pool.submit(queue.finished, second, claim)
        eventually(lambda: is_blocked(watcher, second), "the second waits for the first")
        first.commit()

        error = late.exception()
        assert isinstance(error, psycopg.Error)
        assert error.sqlstate == "MU310"
    assert list(logged(watcher, queue).values()) == [1]


def test_two_who_end_a_run_that_takes_its_job_along_do_not_deadlock(
    gateway: str, watcher: psycopg.Connection
) -> None:
    queue = QUEUES["cron jobs"]
    watcher.execute("UPDATE goclaw.cron_jobs SET delete_after_run = true")
    with (
        worker(gateway) as first,
        worker(gateway) as second,
        psycopg.connect(gateway) as onlooker,
        ThreadPoolExecutor(2) as pool,
    ):
        (claim,) = queue.claimed(first, 1)
        # Both come as far as they can while somebody has the job, but not its key.
        onlooker.execute("SELECT FROM goclaw.cron_jobs WHERE id = %s FOR NO KEY UPDATE", [claim[1]])
        ends = [pool.submit(queue.finished, session, claim) for session in (first, second)]
        for session in (first, second):
            eventually(partial(is_blocked, watcher, session), "both wait")
        onlooker.rollback()

        errors = [end.exception() for end in ends]
    assert [error.sqlstate for error in errors if isinstance(error, psycopg.Error)] == ["MU310"]
    assert rows_of(watcher, queue, "true") == DUE - 1


def test_the_end_of_a_run_and_the_end_of_its_agent_do_not_deadlock(
    gateway: str, watcher: psycopg.Connection
) -> None:
    queue = QUEUES["cron jobs"]
    watcher.execute("DELETE FROM goclaw.cron_jobs")
    (agent,) = watcher.execute(
        "SELECT id FROM goclaw.agents WHERE tenant_id = %s LIMIT 1", [TENANTS[0]]
    ).fetchone() or (None,)
    for name in ("a job that somebody looks at", "the job that runs"):
        watcher.execute(
            "INSERT INTO goclaw.cron_jobs (tenant_id, agent_id, name, schedule_kind, interval_ms,"
            " next_run_at, wake_heartbeat) VALUES (%s, %s, %s, 'every', 60000, now(), true)",
            [TENANTS[0], agent, name],
        )

    with (
        worker(gateway) as session,
        psycopg.connect(gateway) as onlooker,
        psycopg.connect(gateway) as remover,
        ThreadPoolExecutor(2) as pool,
    ):
        claims = queue.claimed(session, 2)
        onlooker.execute(
            "SELECT FROM goclaw.cron_jobs WHERE name = 'a job that somebody looks at' FOR UPDATE"
        )
        looked_at = watcher.execute(
            "SELECT id FROM goclaw.cron_jobs WHERE name = 'a job that somebody looks at'"
        ).fetchone()
        (claim,) = (claim for claim in claims if (claim[1],) != looked_at)

        # The removal has the agent and waits in the middle of its jobs, before the one that runs.
        removal: Future[object] = pool.submit(
            remover.execute, "DELETE FROM goclaw.agents WHERE id = %s", [agent]
        )
        eventually(lambda: is_blocked(watcher, remover), "the removal waits for the onlooker")
        end = pool.submit(queue.finished, session, claim)
        eventually(lambda: is_blocked(watcher, session), "the end of the run waits for the removal")
        onlooker.rollback()
        removal.result()
        remover.commit()

        error = end.exception()
        assert isinstance(error, psycopg.Error)
        assert error.sqlstate == "MU310"
    assert rows_of(watcher, queue, "true") == 0


def test_a_claim_passes_those_who_sleep_once(gateway: str, watcher: psycopg.Connection) -> None:
    sleepers = 1000
    watcher.execute(
        "INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model)"
        " SELECT %s, 'asleep ' || n, 'u', 'm' FROM generate_series(1, %s) AS n",
        [TENANTS[0], sleepers],
    )
    watcher.execute(
        "INSERT INTO goclaw.agent_heartbeats (tenant_id, agent_id, enabled, next_run_at,"
        " active_hours_start, active_hours_end)"
        " SELECT tenant_id, id, true, now() - interval '1 day',"
        " to_char(now() AT TIME ZONE 'UTC' - interval '2 hours', 'HH24:MI'),"
        " to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI')"
        " FROM goclaw.agents WHERE agent_key ~ '^asleep'"
    )
    watcher.execute("ANALYZE goclaw.agents, goclaw.agent_heartbeats")
    read = (
        "SELECT coalesce(sum(idx_tup_read), 0) + sum(seq_tup_read)"
        " FROM pg_stat_user_tables JOIN pg_stat_user_indexes USING (relid)"
        " WHERE relid = 'goclaw.agent_heartbeats'::regclass"
    )
    (before,) = watcher.execute(read.encode()).fetchone() or (0,)
    with worker(gateway) as session:
        assert len(QUEUES["heartbeats"].claimed(session, 1)) == 1
        session.execute("SELECT pg_stat_force_next_flush()")
    (after,) = watcher.execute(read.encode()).fetchone() or (0,)

    assert 0 < after - before < 20 * sleepers


def test_a_heartbeat_that_began_after_the_job_did_is_woken_all_the_same(
    gateway: str, watcher: psycopg.Connection
) -> None:
    watcher.execute("DELETE FROM goclaw.cron_jobs WHERE tenant_id <> %s", [TENANTS[0]])
    watcher.execute("UPDATE goclaw.cron_jobs SET wake_heartbeat = true")
    heartbeats = QUEUES["heartbeats"]
    with worker(gateway, autocommit=False) as ending, worker(gateway) as beating:
        (job,) = QUEUES["cron jobs"].claimed(ending, 1)
        ending.commit()
        # The transaction that ends the job is older than the claim of the heartbeat.
        ending.execute("SELECT now()")
        beats = heartbeats.claimed(beating, DUE)
        QUEUES["cron jobs"].finished(ending, job)
        ending.commit()
        for beat in beats:
            heartbeats.finished(beating, beat)

        (again,) = heartbeats.claimed(beating, DUE)
        woken = watcher.execute(
            "SELECT h.id FROM goclaw.agent_heartbeats AS h"
            " JOIN goclaw.cron_jobs AS j USING (tenant_id, agent_id) WHERE j.id = %s",
            [job[1]],
        ).fetchone()
    assert woken == (again[1],)


def test_whoever_ends_a_run_that_is_being_deleted_is_told_so(
    gateway: str, watcher: psycopg.Connection, queue: Queue
) -> None:
    with (
        worker(gateway) as session,
        psycopg.connect(gateway) as remover,
        ThreadPoolExecutor(1) as pool,
    ):
        (claim,) = queue.claimed(session, 1)
        remover.execute(
            sql.SQL("DELETE FROM goclaw.{} WHERE id = %s").format(sql.Identifier(queue.table)),
            [claim[1]],
        )
        end = pool.submit(queue.finished, session, claim)
        eventually(lambda: is_blocked(watcher, session), "the end waits for the deletion")
        remover.commit()

        error = end.exception()
        assert isinstance(error, psycopg.Error)
        assert error.sqlstate == "MU310"


def test_a_claim_reads_what_is_due_and_little_else(gateway: str, queue: Queue) -> None:
    with psycopg.connect(gateway) as session:
        session.execute(
            "INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model)"
            " SELECT %s, 'idle ' || n, 'u', 'm' FROM generate_series(1, 2000) AS n",
            [TENANTS[0]],
        )
        session.execute(
            "INSERT INTO goclaw.cron_jobs"
            " (tenant_id, agent_id, name, schedule_kind, interval_ms, next_run_at)"
            " SELECT tenant_id, id, 'later ' || n, 'every', 60000, now() + interval '1 day'"
            " FROM goclaw.agents CROSS JOIN generate_series(1, 4) AS n"
        )
        session.execute(
            "INSERT INTO goclaw.agent_heartbeats (tenant_id, agent_id, enabled, next_run_at)"
            " SELECT tenant_id, id, true, now() + interval '1 day' FROM goclaw.agents"
            " WHERE agent_key ~ '^idle'"
        )
        session.commit()
        session.execute("ANALYZE goclaw.agents, goclaw.cron_jobs, goclaw.agent_heartbeats")

    with worker(gateway, autocommit=False) as session:
        assert len(queue.claimed(session, 10)) == 10
        read = session.execute(
            "SELECT seq_scan, idx_tup_fetch < 100 FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'goclaw' AND relname = %s",
            [queue.table],
        ).fetchone()
    assert read == (0, True)

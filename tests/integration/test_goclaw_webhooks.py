"""Workers and callers that meet: a call is delivered once, and recorded once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from tests.processes import eventually

TENANTS = (UUID(int=0xA), UUID(int=0xB))
WEBHOOKS = (UUID(int=0xA1), UUID(int=0xB1))
CALLS, WORKERS, CALLERS = 200, 8, 20

CLAIM = "SELECT tenant_id, id, lease_token FROM goclaw.claim_webhook_calls(%s, %s)"
FINISH = "SELECT goclaw.finish_webhook_call(%s, %s, %s)"
ENQUEUE = "SELECT id, is_new FROM goclaw.enqueue_webhook_call(%s, '{}', %s)"
LEASE_LOST = "MU342"


class Claimed(NamedTuple):
    """What a worker shows to end a call."""

    tenant_id: UUID
    id: UUID
    lease_token: str


@pytest.fixture
def queue(deployed: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection to a database with a webhook of each of two tenants."""
    with psycopg.connect(deployed, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('goclaw.webhook_calls')").fetchone() == (None,):
            pytest.skip("goclaw: this PostgreSQL has no extension vector")
        for tenant, webhook in zip(TENANTS, WEBHOOKS, strict=True):
            connection.execute(
                "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'T', %s)",
                [tenant, tenant.hex],
            )
            connection.execute(
                "INSERT INTO goclaw.webhooks (tenant_id, id, name, kind, secret_hash)"
                " VALUES (%s, %s, 'w', 'llm', %s)",
                [tenant, webhook, webhook.hex * 2],
            )
        yield connection


def add(queue: psycopg.Connection, *counts: int) -> None:
    """Queue so many calls of the first tenant, so many of the second."""
    for tenant, webhook, count in zip(TENANTS, WEBHOOKS, counts, strict=False):
        queue.execute(
            "INSERT INTO goclaw.webhook_calls (tenant_id, webhook_id, mode)"
            " SELECT %s, %s, 'async' FROM generate_series(1, %s)",
            [tenant, webhook, count],
        )


@contextmanager
def as_role(dsn: str, role: str) -> Iterator[psycopg.Connection]:
    """Connect with the rights of a role; every statement is a transaction."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        # Whoever waits for another one that waits in vain shall fail, not hang.
        connection.execute("SET lock_timeout = '20s'")
        yield connection


def claim(worker: psycopg.Connection, limit: int = 1) -> list[Claimed]:
    """Claim calls for a worker."""
    return [Claimed(*row) for row in worker.execute(CLAIM, ["worker", limit])]


def waits(watcher: psycopg.Connection, session: psycopg.Connection) -> bool:
    """Return whether a session waits for another one."""
    found = watcher.execute(
        "SELECT cardinality(pg_blocking_pids(%s)) > 0", [session.info.backend_pid]
    ).fetchone()
    return found == (True,)


def states(queue: psycopg.Connection) -> Counter[tuple[str, int]]:
    """Return how many calls are in which state, after how many attempts."""
    return Counter(queue.execute("SELECT status, attempts FROM goclaw.webhook_calls").fetchall())


def test_every_call_is_delivered_exactly_once(
    round_no: int, deployed: str, queue: psycopg.Connection
) -> None:
    add(queue, CALLS // 4, CALLS * 3 // 4)
    together = Barrier(WORKERS)

    def work(number: int) -> list[UUID]:
        delivered = []
        with as_role(deployed, "muniment_service") as worker:
            together.wait()
            # Some take one call at a time, some take several.
            while calls := claim(worker, 1 + number % 3):
                for call in calls:
                    worker.execute(FINISH, call)
                    delivered.append(call.id)
        return delivered

    with ThreadPoolExecutor(WORKERS) as pool:
        delivered = [call for calls in pool.map(work, range(WORKERS)) for call in calls]

    assert len(delivered) == len(set(delivered)) == CALLS
    assert states(queue) == {("done", 1): CALLS}


def test_what_a_worker_is_just_claiming_is_passed_and_not_lost(
    deployed: str, queue: psycopg.Connection
) -> None:
    add(queue, 1)
    with (
        as_role(deployed, "muniment_service") as worker,
        as_role(deployed, "muniment_service") as killed,
    ):
        killed.execute("BEGIN")
        assert len(claim(killed)) == 1
        # Nobody waits for it.
        assert claim(worker) == []
        queue.execute("SELECT pg_terminate_backend(%s, 10000)", [killed.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            killed.execute("COMMIT")

        assert len(claim(worker)) == 1
    assert states(queue) == {("running", 1): 1}


def test_a_worker_that_died_is_replaced_and_refused_if_it_comes_back(
    deployed: str, queue: psycopg.Connection
) -> None:
    add(queue, 1)
    with (
        as_role(deployed, "muniment_service") as slow,
        as_role(deployed, "muniment_service") as other,
    ):
        (stale,) = claim(slow)
        assert other.execute("SELECT goclaw.reclaim_webhook_calls()").fetchone() == (0,)
        queue.execute("UPDATE goclaw.webhook_calls SET next_attempt_at = now()")
        assert other.execute("SELECT goclaw.reclaim_webhook_calls()").fetchone() == (1,)

        with pytest.raises(psycopg.Error) as before:
            slow.execute(FINISH, stale)
        (fresh,) = claim(other)
        with pytest.raises(psycopg.Error) as after:
            slow.execute(FINISH, stale)
        other.execute(FINISH, fresh)

    assert [before.value.sqlstate, after.value.sqlstate] == [LEASE_LOST, LEASE_LOST]
    assert states(queue) == {("done", 2): 1}


@pytest.mark.parametrize("is_taken_back", [True, False])
def test_who_ends_a_call_that_is_being_taken_back_waits_to_learn_whose_it_is(
    deployed: str, queue: psycopg.Connection, is_taken_back: bool
) -> None:
    add(queue, 1)
    with (
        as_role(deployed, "muniment_service") as slow,
        as_role(deployed, "muniment_service") as other,
        ThreadPoolExecutor(1) as pool,
    ):
        (call,) = claim(slow)
        queue.execute("UPDATE goclaw.webhook_calls SET next_attempt_at = now()")
        with other.transaction(force_rollback=not is_taken_back):
            other.execute("SELECT goclaw.reclaim_webhook_calls()")
            ending = pool.submit(slow.execute, FINISH, call)
            eventually(lambda: waits(queue, slow), "the worker waits for the row")

        if is_taken_back:
            with pytest.raises(psycopg.Error) as refused:
                ending.result()
            assert refused.value.sqlstate == LEASE_LOST
        else:
            ending.result()
    assert states(queue) == {("queued" if is_taken_back else "done", 1): 1}


def test_a_call_that_is_just_ending_is_not_taken_back(
    deployed: str, queue: psycopg.Connection
) -> None:
    add(queue, 1)
    with (
        as_role(deployed, "muniment_service") as slow,
        as_role(deployed, "muniment_service") as other,
    ):
        (call,) = claim(slow)
        queue.execute("UPDATE goclaw.webhook_calls SET next_attempt_at = now()")
        with slow.transaction():
            slow.execute(FINISH, call)
            assert other.execute("SELECT goclaw.reclaim_webhook_calls()").fetchone() == (0,)

    assert states(queue) == {("done", 1): 1}


def test_one_key_is_one_call_however_many_send_it(
    round_no: int, deployed: str, queue: psycopg.Connection
) -> None:
    together = Barrier(CALLERS)

    def send(_: int) -> tuple[UUID, bool]:
        with as_role(deployed, "muniment_app") as caller:
            together.wait()
            with caller.transaction():
                caller.execute("SELECT platform.set_tenant(%s)", [TENANTS[0]])
                row = caller.execute(ENQUEUE, [WEBHOOKS[0], "the key"]).fetchone()
        assert row is not None
        return row[0], row[1]

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(send, range(CALLERS)))

    assert len({call for call, _ in answers}) == 1
    assert [is_new for _, is_new in answers].count(True) == 1
    assert states(queue) == {("queued", 0): 1}


@pytest.mark.parametrize("is_kept", [True, False])
def test_who_comes_second_learns_what_became_of_the_first(
    deployed: str, queue: psycopg.Connection, is_kept: bool
) -> None:
    with (
        as_role(deployed, "muniment_app") as first,
        as_role(deployed, "muniment_app") as second,
        ThreadPoolExecutor(1) as pool,
        second.transaction(),
    ):
        second.execute("SELECT platform.set_tenant(%s)", [TENANTS[0]])
        with first.transaction(force_rollback=not is_kept):
            first.execute("SELECT platform.set_tenant(%s)", [TENANTS[0]])
            sent = first.execute(ENQUEUE, [WEBHOOKS[0], "the key"]).fetchone()
            answer = pool.submit(second.execute, ENQUEUE, [WEBHOOKS[0], "the key"])
            eventually(lambda: waits(queue, second), "the second waits for the first")
        got = answer.result().fetchone()

    assert sent is not None
    assert got is not None
    assert (got[0] == sent[0], got[1]) == (is_kept, not is_kept)
    assert states(queue) == {("queued", 0): 1}

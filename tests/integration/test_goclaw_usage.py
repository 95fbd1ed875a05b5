"""Caps on usage hold while many ask at once, and whatever happens to those who ask.

Everything here is told by real connections: each caller has its own, and they start together.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from queue import Queue
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.errors import AdminShutdown, SerializationFailure
from psycopg.rows import dict_row
from tests.fix_postgres import ROOT, Cluster

TENANT = "00000000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-00000000000b"
AGENTS = [f"00000000-0000-4000-8000-0000000000a{number}" for number in range(3)]
CALLERS = 50

RESERVE = """
    SELECT (goclaw.reserve_usage(
        %(key)s, %(agent)s, %(provider)s, NULL, %(model)s, %(tokens)s, %(cost)s
    )).*
"""
# What the counters say must be what the reservations add up to, and used from one settlement each.
WRONG_COUNTERS = """
    SELECT c.*
    FROM goclaw.usage_cap_counters AS c
    LEFT JOIN LATERAL (
        SELECT
            coalesce(sum(r.reserved_tokens) FILTER (WHERE r.status = 'reserved'), 0) AS tokens,
            coalesce(sum(r.reserved_cost_micros) FILTER (WHERE r.status = 'reserved'), 0) AS cost,
            coalesce(sum(r.actual_tokens), 0) AS used_tokens,
            coalesce(sum(r.actual_cost_micros), 0) AS used_cost
        FROM goclaw.usage_cap_reservations AS r
        WHERE r.tenant_id = c.tenant_id
            AND r.policy_id = c.policy_id
            AND r.window_start = c.window_start
    ) AS held ON true
    WHERE (c.reserved_tokens, c.reserved_cost_micros, c.used_tokens, c.used_cost_micros)
        <> (held.tokens, held.cost, held.used_tokens, held.used_cost)
"""
OVER_THE_CAP = """
    SELECT c.*
    FROM goclaw.usage_cap_counters AS c
    INNER JOIN goclaw.usage_cap_policies AS p ON p.tenant_id = c.tenant_id AND p.id = c.policy_id
    WHERE c.used_tokens + c.reserved_tokens > p.max_tokens
        OR c.used_cost_micros + c.reserved_cost_micros > p.max_cost_micros
"""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def template(server: Cluster) -> str:
    with psycopg.connect(server.dsn(server.template())) as connection:
        if connection.execute("SELECT to_regnamespace('goclaw')").fetchone() == (None,):
            pytest.skip(f"goclaw: the PostgreSQL of {server.name} has no extension vector")
    return server.template()


@pytest.fixture
def dsn(server: Cluster, template: str) -> Iterator[str]:
    """A database with a tenant and three agents."""
    with server.database(template=template) as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'A', 'a'), (%s, 'B', 'b')",
                [TENANT, OTHER],
            )
            for number, agent in enumerate(AGENTS):
                connection.execute(
                    "INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)"
                    " VALUES (%s, %s, %s, 'u', 'm')",
                    [TENANT, agent, f"agent {number}"],
                )
        yield dsn


@contextmanager
def session(dsn: str, role: str = "muniment_app") -> Iterator[Connection[Row]]:
    """Yield a connection whose transaction acts as a role, for the tenant."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        connection.execute(f"SET LOCAL ROLE {role}")
        # Whoever would wait for ever is an error instead.
        connection.execute("SET LOCAL lock_timeout = '60s'")
        if role == "muniment_app":
            connection.execute("SELECT platform.set_tenant(%s)", [TENANT])
        yield connection


def add_policy(dsn: str, **columns: object) -> None:
    values = {"tenant_id": TENANT, "window_key": "month", **columns}
    statement = sql.SQL("INSERT INTO goclaw.usage_cap_policies ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    with psycopg.connect(dsn) as connection:
        connection.execute(statement, values)


def reserve(
    connection: Connection[Row],
    key: str,
    *,
    agent: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    tokens: int = 7,
    cost: int = 70,
) -> Row:
    row = connection.execute(
        RESERVE,
        {
            "key": key,
            "agent": agent,
            "provider": provider,
            "model": model,
            "tokens": tokens,
            "cost": cost,
        },
    ).fetchone()
    assert row is not None
    return row


def at_once(dsn: str, calls: list[Callable[[Connection[Row]], Row]]) -> list[Row]:
    """Return what the calls answer, each in a transaction of its own, begun together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[Connection[Row]], Row]) -> Row:
        with session(dsn) as connection:
            barrier.wait()
            return call(connection)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def rows(dsn: str, query: str) -> list[Row]:
    """Return rows as a superuser sees them."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


def hold(dsn: str) -> None:
    """Assert that no counter is wrong and no cap is passed."""
    assert rows(dsn, WRONG_COUNTERS) == []
    assert rows(dsn, OVER_THE_CAP) == []


def until_blocked(dsn: str, pid: int, waiting: Future[Row]) -> None:
    """Return when a session waits for a lock; its call must not be over before that."""
    query = "SELECT pg_blocking_pids(%s) <> '{}'"
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(query, [pid]).fetchone() != (True,):
            assert not waiting.done()


def test_fifty_callers_get_what_the_cap_allows_and_no_more(dsn: str) -> None:
    add_policy(dsn, max_tokens=100)

    answers = at_once(
        dsn,
        [lambda c, n=n: reserve(c, f"request {n}") for n in range(CALLERS)],  # type: ignore[misc]
    )

    # 7 tokens each: the first 14 fit, whoever they are, and the row was made by one of 50.
    assert Counter(answer["decision"] for answer in answers) == {"allow": 14, "deny": 36}
    assert [row["reserved_tokens"] for row in rows(dsn, "TABLE goclaw.usage_cap_counters")] == [98]
    assert len(rows(dsn, "TABLE goclaw.usage_cap_events")) == CALLERS
    hold(dsn)


def test_overlapping_policies_do_not_lock_each_other_out(dsn: str) -> None:
    add_policy(dsn, max_tokens=200)
    add_policy(dsn, max_cost_micros=1000, window_key="hour")
    add_policy(dsn, max_tokens=150, model_id="m", window_key="week")
    for agent in AGENTS:
        add_policy(dsn, max_tokens=90, agent_id=agent, window_key="day")
        add_policy(dsn, max_tokens=60, agent_id=agent, model_id="m")

    answers = at_once(
        dsn,
        [
            lambda c, n=n: reserve(  # type: ignore[misc]
                c, f"request {n}", agent=AGENTS[n % 3], model="mn"[n % 2]
            )
            for n in range(CALLERS)
        ],
    )

    allowed = sum(answer["decision"] == "allow" for answer in answers)
    # The cap on cost, which holds for all, lets 14 through at most; that on tokens for an agent
    # and model lets each of the three have 8.
    assert allowed == 14
    hold(dsn)


def test_callers_with_one_key_are_one_request(dsn: str) -> None:
    add_policy(dsn, max_tokens=10)
    add_policy(dsn, max_cost_micros=100)

    answers = at_once(dsn, [lambda c: reserve(c, "the same") for _ in range(10)])

    # Two would not fit: whoever comes later must not be refused by its own reservation.
    assert {answer["decision"] for answer in answers} == {"allow"}
    assert len({answer["id"] for answer in answers}) == 1
    assert len(rows(dsn, "TABLE goclaw.usage_cap_reservations")) == 2
    assert len(rows(dsn, "TABLE goclaw.usage_cap_events")) == 1
    hold(dsn)


def test_callers_with_one_key_are_one_request_where_no_policy_holds(dsn: str) -> None:
    answers = at_once(dsn, [lambda c: reserve(c, "the same") for _ in range(10)])

    assert len({answer["id"] for answer in answers}) == 1
    assert len(rows(dsn, "TABLE goclaw.usage_cap_events")) == 1


def settle(connection: Connection[Row], key: str, tokens: int = 5, cost: int = 50) -> Row:
    row = connection.execute(
        "SELECT (goclaw.settle_usage(%s, %s, %s)).*", [key, tokens, cost]
    ).fetchone()
    assert row is not None
    return row


def release(connection: Connection[Row], key: str) -> Row:
    row = connection.execute("SELECT (goclaw.release_usage(%s)).*", [key]).fetchone()
    assert row is not None
    return row


def expire(dsn: str, limit: int = 1000) -> int:
    with session(dsn, "muniment_service") as connection:
        row = connection.execute("SELECT goclaw.expire_usage('0', %s)", [limit]).fetchone()
    assert row is not None
    count = row["expire_usage"]
    assert isinstance(count, int)
    return count


def test_settling_at_once_counts_once(dsn: str) -> None:
    add_policy(dsn, max_tokens=100)
    with session(dsn) as connection:
        reserve(connection, "the same")

    answers = at_once(dsn, [lambda c: settle(c, "the same") for _ in range(10)])

    assert len({answer["id"] for answer in answers}) == 1
    assert [row["used_tokens"] for row in rows(dsn, "TABLE goclaw.usage_cap_counters")] == [5]
    hold(dsn)


def test_of_settling_and_releasing_one_wins(dsn: str) -> None:
    add_policy(dsn, max_tokens=1000)
    keys = [f"request {number}" for number in range(10)]
    for key in keys:
        with session(dsn) as connection:
            reserve(connection, key)

    def try_to(act: Callable[[Connection[Row], str], Row], key: str, c: Connection[Row]) -> Row:
        try:
            return act(c, key)
        except psycopg.Error as error:
            c.rollback()
            return {"decision": error.sqlstate}

    answers = at_once(
        dsn,
        [
            lambda c, k=key, act=act: try_to(act, k, c)  # type: ignore[misc]
            for key in keys
            for act in (settle, release)
        ],
    )

    for of_settling, of_releasing in pairwise(answer["decision"] for answer in answers):
        assert (of_settling, of_releasing) != ("settle", "release")
    count = Counter(answer["decision"] for answer in answers)
    assert count["settle"] + count["release"] == 10
    assert count["MU332"] == 10
    assert rows(dsn, "SELECT FROM goclaw.usage_cap_reservations WHERE status = 'reserved'") == []
    hold(dsn)


def test_settling_while_reservations_expire(dsn: str) -> None:
    add_policy(dsn, max_tokens=1000)
    add_policy(dsn, max_cost_micros=10000, window_key="hour")
    add_policy(dsn, max_tokens=1000, window_key="day")
    keys = [f"request {number}" for number in range(40)]
    for key in keys:
        with session(dsn) as connection:
            reserve(connection, key)

    barrier = threading.Barrier(24)

    def settle_some(part: list[str]) -> None:
        barrier.wait()
        for key in part:
            with session(dsn) as connection:
                settle(connection, key)

    def expire_some() -> int:
        barrier.wait()
        count = 0
        while batch := expire(dsn, limit=3):
            count += batch
        return count

    with ThreadPoolExecutor(24) as pool:
        settling = [pool.submit(settle_some, keys[number::20]) for number in range(20)]
        expiring = [pool.submit(expire_some) for _ in range(4)]
        for future in settling:
            future.result()
        expired = sum(future.result() for future in expiring)

    # What expired first was settled all the same, and nothing was given back twice.
    assert expired == len(
        rows(dsn, "SELECT FROM goclaw.usage_cap_events WHERE decision = 'expire'")
    )
    assert rows(dsn, "SELECT FROM goclaw.usage_cap_reservations WHERE status <> 'settled'") == []
    for counter in rows(dsn, "TABLE goclaw.usage_cap_counters"):
        assert (counter["used_tokens"], counter["reserved_tokens"]) == (200, 0)
    hold(dsn)


def test_what_is_being_settled_is_passed_over(dsn: str) -> None:
    add_policy(dsn, max_tokens=1000)
    for key in ("at work", "left alone"):
        with session(dsn) as connection:
            reserve(connection, key)

    with session(dsn) as connection:
        # As settle_usage() does before it touches a counter, for which both would wait.
        connection.execute(
            "SELECT FROM goclaw.usage_cap_reservations WHERE reservation_key = 'at work'"
            " FOR NO KEY UPDATE"
        )
        assert expire(dsn) == 1
    assert expire(dsn) == 1


def test_a_caller_that_is_killed_holds_nothing(dsn: str) -> None:
    add_policy(dsn, max_tokens=10)
    waiting: list[int] = []

    def wait_for_it() -> Row:
        with session(dsn) as connection:
            waiting.append(connection.info.backend_pid)
            started.set()
            return reserve(connection, "second")

    started = threading.Event()
    with ThreadPoolExecutor(1) as pool, session(dsn) as killed:
        assert reserve(killed, "first")["decision"] == "allow"
        second = pool.submit(wait_for_it)
        started.wait()
        until_blocked(dsn, waiting[0], second)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [killed.info.backend_pid])
        assert second.result()["decision"] == "allow"
        with pytest.raises(AdminShutdown):
            killed.execute("SELECT")

    assert [row["reserved_tokens"] for row in rows(dsn, "TABLE goclaw.usage_cap_counters")] == [7]
    assert [row["reservation_key"] for row in rows(dsn, "TABLE goclaw.usage_cap_events")] == [
        "second"
    ]
    hold(dsn)


def test_deleting_a_policy_while_it_is_in_use(dsn: str) -> None:
    add_policy(dsn, max_tokens=100000)
    add_policy(dsn, max_tokens=100000, window_key="day")
    stop = threading.Event()

    def use(number: int) -> None:
        count = 0
        while not stop.is_set() or count == 0:
            key = f"request {number} {count}"
            count += 1
            with session(dsn) as connection:
                reserve(connection, key)
            with session(dsn) as connection:
                settle(connection, key)

    def let_expire() -> None:
        while not stop.is_set():
            expire(dsn)

    with ThreadPoolExecutor(6) as pool:
        users = [pool.submit(use, number) for number in range(4)]
        users.append(pool.submit(let_expire))
        try:
            for _ in range(3):
                with session(dsn) as connection:
                    connection.execute(
                        "DELETE FROM goclaw.usage_cap_policies WHERE window_key = 'day'"
                    )
                add_policy(dsn, max_tokens=100000, window_key="day")
        finally:
            stop.set()
        # No deadlock: each would be an error of one of them.
        for user in users:
            user.result()
    hold(dsn)


def wait_in_session(
    dsn: str, pool: ThreadPoolExecutor, call: Callable[[Connection[Row]], Row]
) -> Future[Row]:
    """Return a call that waits for a lock, in a session of its own."""
    pids: Queue[int] = Queue()

    def run() -> Row:
        with session(dsn) as connection:
            pids.put(connection.info.backend_pid)
            return call(connection)

    future = pool.submit(run)
    until_blocked(dsn, pids.get(), future)
    return future


@pytest.mark.parametrize("act", ["reserve", "settle", "release"])
@pytest.mark.parametrize("table", ["agents", "llm_providers"])
def test_deleting_what_has_several_policies_while_they_are_in_use(
    dsn: str, table: str, act: str
) -> None:
    owner = AGENTS[0]
    column = {"agents": "agent_id", "llm_providers": "provider_id"}[table]
    low, high = (f"00000000-0000-4000-8000-0000000000c{number}" for number in (1, 2))
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO goclaw.llm_providers (tenant_id, id, name) VALUES (%s, %s, 'one')",
            [TENANT, owner],
        )
    # A deletion comes to them in this order, the functions by id.
    for policy in (high, low):
        add_policy(dsn, id=policy, max_tokens=100, **{column: owner})

    def use(connection: Connection[Row]) -> Row:
        if act == "settle":
            return settle(connection, "the request")
        if act == "release":
            return release(connection, "the request")
        return reserve(connection, "the request", agent=owner, provider=owner)

    def delete(connection: Connection[Row]) -> Row:
        connection.execute(
            sql.SQL("DELETE FROM goclaw.{} WHERE id = %s").format(sql.Identifier(table)), [owner]
        )
        return {"decision": "deleted"}

    if act != "reserve":
        with session(dsn) as before:
            reserve(before, "the request", agent=owner, provider=owner)

    with ThreadPoolExecutor(2) as pool:
        with session(dsn) as holding:
            holding.execute(
                "SELECT FROM goclaw.usage_cap_policies WHERE id = %s FOR KEY SHARE", [low]
            )
            deleting = wait_in_session(dsn, pool, delete)
            using = wait_in_session(dsn, pool, use)
        # No deadlock: it would be an error of one of them.
        assert deleting.result() == {"decision": "deleted"}
        assert using.result()["decision"] == {"reserve": "allow"}.get(act, act)
    assert rows(dsn, "TABLE goclaw.usage_cap_counters") == []


@pytest.mark.parametrize(
    ("change", "tokens", "decision"),
    [
        ("UPDATE goclaw.usage_cap_policies SET max_tokens = 60 RETURNING id", 50, "deny"),
        ("UPDATE goclaw.usage_cap_policies SET enabled = false RETURNING id", 70, "allow"),
    ],
)
def test_who_waited_is_judged_by_the_cap_that_is_in_force(
    dsn: str, change: str, tokens: int, decision: str
) -> None:
    add_policy(dsn, max_tokens=100)

    with ThreadPoolExecutor(1) as pool:
        with session(dsn) as first:
            reserve(first, "first", tokens=50)
            second = wait_in_session(dsn, pool, lambda c: reserve(c, "second", tokens=tokens))
            rows(dsn, change)
        assert second.result()["decision"] == decision

    assert [row["reserved_tokens"] for row in rows(dsn, "TABLE goclaw.usage_cap_counters")] == [50]
    assert len(rows(dsn, "TABLE goclaw.usage_cap_reservations")) == 1


def test_who_sees_nothing_newer_is_told_to_try_again(dsn: str) -> None:
    with session(dsn) as connection:
        connection.rollback()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SET LOCAL ROLE muniment_app")
        connection.execute("SELECT platform.set_tenant(%s)", [TENANT])
        with session(dsn) as other:
            first = reserve(other, "the same")
        with pytest.raises(SerializationFailure, match="decided by another caller meanwhile"):
            reserve(connection, "the same")
        connection.rollback()
        connection.execute("SET LOCAL ROLE muniment_app")
        connection.execute("SELECT platform.set_tenant(%s)", [TENANT])
        assert reserve(connection, "the same") == first


def test_one_of_ten_thousand_policies_is_found_by_its_index(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            """
            INSERT INTO goclaw.agents (
                tenant_id, id, agent_key, owner_id, model, budget_monthly_cents
            )
            SELECT %s, gen_random_uuid(), 'many ' || i, 'u', 'm', 1
            FROM generate_series(1, 10000) AS i
            """,
            [TENANT],
        )
        connection.execute("ANALYZE goclaw.usage_cap_policies")
        body = connection.execute(
            "SELECT prosrc FROM pg_proc WHERE oid = 'goclaw.reserve_usage'::regproc"
        ).fetchone()
    assert body is not None
    query = body[0].partition("SELECT array_agg(held.policy)\n")[2].partition(";")[0]
    query = "SELECT array_agg(held.policy) " + query.partition("INTO v_policies")[2]
    for name, value in (
        ("v_tenant_id", TENANT),
        ("p_agent_id", AGENTS[0]),
        ("p_provider_id", AGENTS[0]),
        ("v_provider_type", "t"),
        ("p_model_id", "m"),
    ):
        assert name in query
        query = query.replace(name, f"'{value}'")

    with session(dsn) as connection:
        plan = connection.execute(f"EXPLAIN {query}").fetchall()

    shown = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "Seq Scan" not in shown
    assert "usage_cap_policies" in shown


def test_who_adds_up_an_hour_after_another_sees_what_came_meanwhile(dsn: str) -> None:
    hour = "2026-11-21 10:00+00"
    waiting: list[int] = []
    started = threading.Event()

    def add_trace() -> None:
        with session(dsn) as connection:
            connection.execute(
                "INSERT INTO goclaw.traces (tenant_id, user_id, start_time) VALUES (%s, 'u', %s)",
                [TENANT, hour],
            )

    def add_up(connection: Connection[Row]) -> Row:
        row = connection.execute("SELECT goclaw.snapshot_usage(%s) AS count", [hour]).fetchone()
        assert row is not None
        return row

    def add_up_second() -> Row:
        with session(dsn) as connection:
            waiting.append(connection.info.backend_pid)
            started.set()
            return add_up(connection)

    add_trace()
    with ThreadPoolExecutor(1) as pool:
        with session(dsn) as first:
            assert add_up(first) == {"count": 1}
            second = pool.submit(add_up_second)
            started.wait()
            until_blocked(dsn, waiting[0], second)
            add_trace()
        assert second.result() == {"count": 1}
    assert [row["request_count"] for row in rows(dsn, "TABLE goclaw.usage_snapshots")] == [2]


def test_budgets_that_are_there_already_get_policies(dsn: str) -> None:
    deploy, verify, revert = (
        (ROOT / "sql" / kind / "goclaw" / "agent_budget.sql").read_bytes()
        for kind in ("deploy", "verify", "revert")
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        # The first has had a policy before, the second gets one, the third is deleted.
        connection.execute("UPDATE goclaw.agents SET budget_monthly_cents = 1")
        connection.execute(revert)
        for agent, cents, deleted_at in zip(AGENTS, [None, 2, 3], [None, None, "now"], strict=True):
            connection.execute(
                "UPDATE goclaw.agents SET budget_monthly_cents = %s, deleted_at = %s WHERE id = %s",
                [cents, deleted_at, agent],
            )
        connection.execute("DELETE FROM goclaw.usage_cap_policies WHERE agent_id = %s", [AGENTS[1]])
        connection.execute(deploy)
        connection.execute(verify)

    policies = rows(dsn, "SELECT * FROM goclaw.usage_cap_policies ORDER BY agent_id")
    assert [(row["max_cost_micros"], row["enabled"]) for row in policies] == [
        (10000, False),
        (20000, True),
        (30000, True),
    ]

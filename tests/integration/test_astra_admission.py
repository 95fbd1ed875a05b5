"""Admission of astra under many who ask: no budget and no limit is exceeded, at no moment.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from tests.planner import (
    AGENT,
    AS_ORG,
    ORG,
    add_goals,
    at_once,
    client,
    dice,
    found,
    rows,
    state,
    value,
    waits,
)
from tests.processes import eventually

CLIENTS = 32
BUDGET = 100_000
LARGEST = 900

RESERVE = "SELECT astra.reserve_tokens(%s, %s)"
START = "SELECT astra.start_goal(%s)::text"
# What is used and promised, added up anew, and what the counter says.
SPENT = """
    SELECT
        (SELECT coalesce(sum(tokens_in + tokens_out), 0) FROM astra.llm_usage)::bigint,
        (SELECT coalesce(sum(tokens), 0) FROM astra.token_reservations)::bigint,
        (SELECT coalesce(sum(tokens_used), 0) FROM astra.agent_daily_usage)::bigint,
        (SELECT coalesce(sum(tokens_reserved), 0) FROM astra.agent_daily_usage)::bigint
"""


@pytest.fixture
def dsn(deployed: str, round_no: int) -> str:
    return found(deployed)


def limit(dsn: str, name: str, number: int) -> None:
    with client(dsn) as connection:
        connection.execute(
            sql.SQL("UPDATE astra.agents SET {} = %s").format(sql.Identifier(name)), [number]
        )


def test_a_budget_is_used_up_and_never_exceeded(dsn: str, round_no: int) -> None:
    limit(dsn, "daily_token_budget", BUDGET)

    def spend(connection: psycopg.Connection, place: int) -> Counter[str]:
        own = dice(round_no, place)
        answers: Counter[str] = Counter()
        # Until not even one more token fits, after which nothing can be had any more: what is given
        # back below is had again before.
        tokens = LARGEST
        while tokens > 0:
            reservation = state(connection, RESERVE, AGENT, own.randint(1, tokens))
            used, reserved, counted_used, counted_reserved = value(connection, SPENT)
            assert used + reserved <= BUDGET
            assert (used, reserved) == (counted_used, counted_reserved)
            if not isinstance(reservation, UUID):
                answers[reservation] += 1
                tokens //= 2
            elif own.random() < 0.2:
                assert value(connection, "SELECT astra.release_tokens(%s)", reservation)
                answers["released"] += 1
            elif own.random() < 0.8:
                (size,) = rows(
                    connection,
                    "SELECT tokens FROM astra.token_reservations WHERE id = %s",
                    reservation,
                )
                value(
                    connection,
                    "SELECT astra.settle_tokens(%s, 'm', %s, %s)",
                    reservation,
                    size // 2,
                    size - size // 2,
                )
                answers["settled"] += 1
        return answers

    answers = sum(at_once(dsn, CLIENTS, spend), Counter())

    assert set(answers) == {"MU415", "released", "settled"}
    with client(dsn) as observer:
        used, reserved, *_ = value(observer, SPENT)
        assert BUDGET - LARGEST < used + reserved <= BUDGET
        # What is left is exactly what fits.
        left = BUDGET - used - reserved
        assert state(observer, RESERVE, AGENT, left + 1) == "MU415"
        if left:
            assert isinstance(state(observer, RESERVE, AGENT, left), UUID)


def test_the_last_tokens_are_promised_once(dsn: str) -> None:
    limit(dsn, "daily_token_budget", 10)
    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(first, RESERVE, AGENT, 6)
        late = pool.submit(state, second, RESERVE, AGENT, 6)
        eventually(lambda: waits(dsn, second), "the second waits for the counter")
        first.commit()
        assert late.result(timeout=30) == "MU415"


def test_who_waits_for_the_counter_goes_by_a_budget_that_is_lowered_meanwhile(dsn: str) -> None:
    limit(dsn, "daily_token_budget", 1000)
    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(first, RESERVE, AGENT, 6)
        late = pool.submit(state, second, RESERVE, AGENT, 900)
        eventually(lambda: waits(dsn, second), "the second waits for the counter")
        limit(dsn, "daily_token_budget", 10)
        first.commit()
        assert late.result(timeout=30) == "MU415"
        assert isinstance(state(second, RESERVE, AGENT, 4), UUID)


def test_an_old_snapshot_does_not_get_round_the_budget(dsn: str) -> None:
    limit(dsn, "daily_token_budget", 10)
    with psycopg.connect(dsn, options=AS_ORG) as first, client(dsn) as second:
        value(second, RESERVE, AGENT, 1)
        first.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        value(first, "SELECT count(*) FROM astra.agent_daily_usage")
        value(second, RESERVE, AGENT, 6)
        assert state(first, RESERVE, AGENT, 3) == "40001"


def test_a_reservation_is_settled_once(dsn: str) -> None:
    settle = "SELECT astra.settle_tokens(%s, 'm', 5, 1)"
    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        reservation = value(second, RESERVE, AGENT, 6)
        value(first, settle, reservation)
        late = pool.submit(state, second, settle, reservation)
        eventually(lambda: waits(dsn, second), "the second waits for the reservation")
        first.commit()
        assert late.result(timeout=30) == "P0002"
        assert value(second, SPENT) == (6, 0, 6, 0)


def test_no_more_goals_are_under_way_than_may_be(dsn: str, round_no: int) -> None:
    most = 5
    limit(dsn, "max_concurrent_goals", most)
    with client(dsn) as planner:
        goals = add_goals(planner, 64)

    def start(connection: psycopg.Connection, place: int) -> list[UUID]:
        own = dice(round_no, place)
        started = []
        for goal in own.sample(goals, 6):
            if own.random() < 0.5:
                if state(connection, START, goal) == "":
                    started.append(goal)
            else:
                started += rows(connection, "SELECT astra.start_goals(%s, 3)", AGENT)
            assert (
                value(connection, "SELECT count(*) FROM astra.goals WHERE status = 'active'")
                <= most
            )
            if started and own.random() < 0.5:
                done = started.pop()
                connection.execute(
                    "UPDATE astra.goals SET status = 'completed' WHERE id = %s", [done]
                )
        return started

    left = [goal for some in at_once(dsn, CLIENTS, start) for goal in some]

    with client(dsn) as observer:
        active = rows(observer, "SELECT id FROM astra.goals WHERE status = 'active'")
        assert sorted(active) == sorted(left)
        starts = Counter(
            rows(observer, "SELECT subject_id FROM astra.events WHERE event_type = 'goal.active'")
        )
        assert set(starts.values()) == {1}
        # What is free is given out to the last, and then no more.
        rows(observer, "SELECT astra.start_goals(%s, 1000)", AGENT)
        assert value(observer, "SELECT count(*) FROM astra.goals WHERE status = 'active'") == most


def test_a_start_that_meets_the_order_to_drain_waits_and_is_refused(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)

    with (
        psycopg.connect(dsn, options=AS_ORG) as operator,
        client(dsn) as planner,
        ThreadPoolExecutor(1) as pool,
    ):
        operator.execute("UPDATE astra.agents SET drain_mode = true")
        started = pool.submit(state, planner, START, goal)
        eventually(lambda: waits(dsn, planner), "the start waits for the agent")
        operator.commit()
        assert started.result(timeout=30) == "MU413"


def test_many_changes_of_an_agent_are_numbered_without_a_gap(dsn: str) -> None:
    def change(connection: psycopg.Connection, place: int) -> None:
        for turn in range(5):
            connection.execute(
                "UPDATE astra.agents SET metadata = jsonb_build_object(%s::text, %s::integer)",
                [place, turn],
            )

    at_once(dsn, CLIENTS, change)

    with client(dsn) as observer:
        numbers = rows(
            observer,
            "SELECT revision FROM astra.agent_config_revisions WHERE org_id = %s ORDER BY revision",
            ORG,
        )
    assert numbers == list(range(1, CLIENTS * 5 + 2))

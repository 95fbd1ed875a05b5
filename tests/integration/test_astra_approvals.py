"""Approvals of astra under many who decide: nobody twice, nothing by too few or by too many.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.planner import (
    AS_ORG,
    ORG,
    add_goals,
    add_tasks,
    add_workers,
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

APPROVERS = 32
REQUESTS = 500
# Of the approvers, who is asked about each request.
ASKED = 6

DECIDE = "SELECT astra.decide_approval(%s, %s, %s)"


@pytest.fixture
def dsn(deployed: str, round_no: int) -> str:
    return found(deployed)


def add_people(connection: psycopg.Connection, number: int) -> list[UUID]:
    people = rows(
        connection,
        "INSERT INTO astra.users (org_id, email)"
        " SELECT %s, n || '@example.org' FROM generate_series(1, %s) AS n RETURNING id",
        ORG,
        number,
    )
    connection.execute(
        "INSERT INTO astra.org_memberships (org_id, user_id) SELECT org_id, id FROM astra.users"
    )
    return people


def test_many_decide_many_requests(dsn: str, round_no: int) -> None:
    chance = dice(round_no)
    with client(dsn) as planner:
        people = add_people(planner, APPROVERS)
        (goal,) = add_goals(planner, 1)
        tasks = add_tasks(planner, goal, REQUESTS)
        requests = rows(
            planner,
            "INSERT INTO astra.approval_requests"
            " (org_id, request_type, goal_id, task_id, requested_by, required_approvals)"
            " SELECT %s, 'risky_task', %s, r.* FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS r"
            " RETURNING id, requested_by, required_approvals",
            ORG,
            goal,
            tasks,
            [chance.choice(people) for _ in tasks],
            [chance.randint(1, 3) for _ in tasks],
        )
        planner.execute("SELECT astra.start_goal(%s)", [goal])
    asked = defaultdict(list)
    for request, requested_by, _ in requests:
        for person in {requested_by, *chance.sample(people, ASKED)}:
            asked[person].append(request)

    def decide(connection: psycopg.Connection, place: int) -> list[tuple[UUID, UUID, str, Any]]:
        own = dice(round_no, place)
        person = people[place]
        answers = []
        for request in own.sample(asked[person], len(asked[person])):
            decision = "rejected" if own.random() < 0.1 else "approved"
            answer = state(connection, DECIDE, request, person, decision)
            answers.append((request, person, decision, answer))
            if own.random() < 0.1:
                # Nobody is heard twice, whatever became of the request.
                assert state(connection, DECIDE, request, person, decision) in {
                    "23505",
                    "MU418",
                    "MU421",
                }
        return answers

    answers = [answer for some in at_once(dsn, APPROVERS, decide) for answer in some]

    with client(dsn) as observer:
        found_requests = {
            row[0]: row[1:]
            for row in rows(
                observer,
                "SELECT r.id, r.status, r.approvals, t.status, t.blockers"
                " FROM astra.approval_requests AS r"
                " INNER JOIN astra.tasks AS t ON t.id = r.task_id",
            )
        }
        events = Counter(
            rows(
                observer, "SELECT subject_id FROM astra.events WHERE event_type ~ '^approval.*ed$'"
            )
        )
    heard = defaultdict(set)
    for request, person, decision, answer in answers:
        if answer in {"pending", "approved", "rejected"}:
            heard[request].add((str(person), decision))
    for request, requested_by, required in requests:
        status, approvals, _, _ = found_requests[request]
        decisions = [entry["decision"] for entry in approvals]
        users = {entry["user_id"] for entry in approvals}
        assert all(set(entry) == {"user_id", "decision", "decided_at"} for entry in approvals)
        assert {(entry["user_id"], entry["decision"]) for entry in approvals} == heard[request]
        assert len(users) == len(approvals)
        assert str(requested_by) not in users
        if status == "approved":
            assert decisions == ["approved"] * required
        elif status == "rejected":
            assert len(decisions) <= required
            assert decisions == ["approved"] * (len(decisions) - 1) + ["rejected"]
        else:
            assert len(decisions) < required
            assert set(decisions) <= {"approved"}
        # One event when it was made, one at most when it was decided.
        assert events[request] == (1 if status == "pending" else 2)
    states = Counter(status for status, *_ in found_requests.values())
    assert min(states["approved"], states["rejected"]) > 0
    refused = Counter(answer for *_, answer in answers)
    assert set(refused) == {"pending", "approved", "rejected", "MU418", "MU421"}
    assert (refused["approved"], refused["rejected"]) == (states["approved"], states["rejected"])


def test_the_second_of_two_who_decide_at_once_is_too_late(dsn: str) -> None:
    with client(dsn) as planner:
        one, two = add_people(planner, 2)
        (goal,) = add_goals(planner, 1)
        request = value(
            planner,
            "INSERT INTO astra.approval_requests (org_id, request_type, goal_id)"
            " VALUES (%s, 'plan', %s) RETURNING id",
            ORG,
            goal,
        )

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        assert value(first, DECIDE, request, one, "approved") == "approved"
        other = pool.submit(state, second, DECIDE, request, two, "rejected")
        eventually(lambda: waits(dsn, second), "the second waits for the request")
        first.commit()
        assert other.result(timeout=30) == "MU418"


def test_a_plan_that_is_asked_for_while_its_goal_starts_comes_too_late(dsn: str) -> None:
    ask = (
        "INSERT INTO astra.approval_requests (org_id, request_type, goal_id)"
        " VALUES (%s, 'plan', %s) RETURNING id"
    )
    with client(dsn) as planner:
        goal, other_goal = add_goals(planner, 2)

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute("SELECT astra.start_goal(%s)", [goal])
        asked = pool.submit(state, second, ask, ORG, goal)
        eventually(lambda: waits(dsn, second), "who asks waits for the goal")
        first.commit()
        assert asked.result(timeout=30) == "MU412"

        # The other way round, the goal has to wait for the approval.
        value(first, ask, ORG, other_goal)
        started = pool.submit(state, second, "SELECT astra.start_goal(%s)", other_goal)
        eventually(lambda: waits(dsn, second), "who starts waits for the goal")
        first.commit()
        assert started.result(timeout=30) == "MU416"


def test_who_asks_last_is_asked_about_whoever_began_first(dsn: str) -> None:
    ask = (
        "INSERT INTO astra.approval_requests (org_id, request_type, goal_id)"
        " VALUES (%s, 'plan', %s) RETURNING id"
    )
    with client(dsn) as planner:
        (person,) = add_people(planner, 1)
        (goal,) = add_goals(planner, 1)

    with psycopg.connect(dsn, options=AS_ORG) as slow, client(dsn) as quick:
        # The transaction has begun, and with it stands its now().
        value(slow, "SELECT now()")
        request = value(quick, ask, ORG, goal)
        assert value(quick, DECIDE, request, person, "approved") == "approved"
        value(slow, ask, ORG, goal)
        slow.commit()

        assert state(quick, "SELECT astra.start_goal(%s)", goal) == "MU416"


def test_who_is_counted_first_has_decided_first(dsn: str) -> None:
    with client(dsn) as planner:
        one, two = add_people(planner, 2)
        (goal,) = add_goals(planner, 1)
        request = value(
            planner,
            "INSERT INTO astra.approval_requests"
            " (org_id, request_type, goal_id, required_approvals)"
            " VALUES (%s, 'plan', %s, 2) RETURNING id",
            ORG,
            goal,
        )

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(
            first, "SELECT id FROM astra.approval_requests WHERE id = %s FOR NO KEY UPDATE", request
        )
        other = pool.submit(state, second, DECIDE, request, two, "approved")
        eventually(lambda: waits(dsn, second), "the second waits for the request")
        assert value(first, DECIDE, request, one, "approved") == "pending"
        first.commit()
        assert other.result(timeout=30) == "approved"

        approvals, decided_at = value(
            second,
            "SELECT approvals, decided_at FROM astra.approval_requests WHERE id = %s",
            request,
        )
    assert [entry["user_id"] for entry in approvals] == [str(one), str(two)]
    times = [datetime.fromisoformat(entry["decided_at"]) for entry in approvals]
    assert times == sorted(times)
    assert times[-1] == decided_at


def test_who_waits_for_the_goal_asks_when_it_is_their_turn(dsn: str) -> None:
    ask = (
        "INSERT INTO astra.approval_requests (org_id, request_type, goal_id)"
        " VALUES (%s, 'plan', %s) RETURNING id"
    )
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(first, "SELECT astra.lock_goal(%s, %s)", ORG, goal)
        asked = pool.submit(value, second, ask, ORG, goal)
        eventually(lambda: waits(dsn, second), "the second waits for the goal")
        earlier = value(first, ask, ORG, goal)
        first.commit()
        later = asked.result(timeout=30)

        assert rows(second, "SELECT id FROM astra.approval_requests ORDER BY created_at") == [
            earlier,
            later,
        ]


def test_a_task_that_is_claimed_while_somebody_asks_is_asked_about_too_late(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        (task,) = add_tasks(planner, goal, 1)
        (worker,) = add_workers(planner, 1)
        planner.execute("SELECT astra.start_goal(%s)", [goal])

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        assert value(first, "SELECT task_id FROM astra.claim_tasks(%s)", worker) == task
        asked = pool.submit(
            state,
            second,
            "INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id)"
            " VALUES (%s, 'risky_task', %s, %s) RETURNING id",
            ORG,
            goal,
            task,
        )
        eventually(lambda: waits(dsn, second), "who asks waits for the task")
        first.commit()
        assert asked.result(timeout=30) == "MU412"


def test_an_old_snapshot_decides_nothing_that_others_have_decided(dsn: str) -> None:
    ask = (
        "INSERT INTO astra.approval_requests"
        " (org_id, request_type, goal_id, task_id, required_approvals)"
        " VALUES (%s, %s, %s, %s, 2) RETURNING id"
    )
    with client(dsn) as planner:
        one, two = add_people(planner, 2)
        plan, risk = add_goals(planner, 2)
        (task,) = add_tasks(planner, risk, 1)
        of_plan = value(planner, ask, ORG, "plan", plan, None)
        of_task = value(planner, ask, ORG, "risky_task", risk, task)

    with psycopg.connect(dsn, options=AS_ORG) as old, client(dsn) as new:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        value(old, "SELECT count(*) FROM astra.approval_requests")
        assert value(new, DECIDE, of_plan, one, "approved") == "pending"
        assert state(old, DECIDE, of_plan, two, "approved") == "40001"
        old.rollback()
        assert value(old, DECIDE, of_plan, two, "approved") == "approved"
        assert value(old, DECIDE, of_task, one, "approved") == "pending"
        assert state(old, DECIDE, of_task, two, "approved") == "MU410"


def test_a_rejection_waits_for_the_goal_before_it_takes_the_task(dsn: str) -> None:
    with client(dsn) as planner:
        (person,) = add_people(planner, 1)
        (goal,) = add_goals(planner, 1)
        (task,) = add_tasks(planner, goal, 1)
        request = value(
            planner,
            "INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id)"
            " VALUES (%s, 'risky_task', %s, %s) RETURNING id",
            ORG,
            goal,
            task,
        )

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        value(first, "SELECT astra.lock_goal(%s, %s)", ORG, goal)
        rejected = pool.submit(state, second, DECIDE, request, person, "rejected")
        eventually(lambda: waits(dsn, second), "who rejects waits for the goal")
        assert (
            value(first, "SELECT id FROM astra.tasks WHERE id = %s FOR NO KEY UPDATE NOWAIT", task)
            == task
        )
        first.commit()
        assert rejected.result(timeout=30) == "rejected"

"""The graphs of astra under many workers: each task once, and never before what it waits for.

Every worker is a connection of its own. What must happen at the same time is made to, by locks that
another session holds. With `--rounds N` each race is run N times.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from uuid import UUID

import psycopg
import pytest
from tests.planner import (
    AS_ORG,
    ORG,
    add_dependencies,
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

TASKS = 2000
WORKERS = 32

CLAIM = "SELECT task_id FROM astra.claim_tasks(%s, %s)"
COMPLETE = "SELECT astra.complete_task(%s, %s)::text"
# What each task waits for, counted anew.
MISCOUNTED = """
    SELECT t.id
    FROM astra.tasks AS t
    INNER JOIN astra.goals AS g USING (org_id)
    WHERE g.id = t.goal_id
        AND t.status = 'pending'
        AND t.blockers <> (g.status <> 'active')::integer + (
            SELECT count(*)
            FROM astra.task_dependencies AS d
            INNER JOIN astra.tasks AS other ON other.id = d.depends_on
            WHERE d.task_id = t.id AND other.status <> 'completed'
        )
"""

# What waits for what is cancelled, and goals that go on although the last of their tasks has ended.
LEFT_BEHIND = """
    SELECT t.id
    FROM astra.tasks AS t
    INNER JOIN astra.task_dependencies AS d ON d.task_id = t.id
    INNER JOIN astra.tasks AS other ON other.id = d.depends_on
    WHERE t.status = 'pending' AND other.status = 'cancelled'
    UNION ALL
    SELECT g.id
    FROM astra.goals AS g
    INNER JOIN astra.tasks AS t ON t.goal_id = g.id
    WHERE g.status = 'active'
    GROUP BY g.id
    HAVING bool_or(t.status = 'completed') AND NOT bool_or(t.status IN ('pending', 'running'))
"""


@pytest.fixture
def dsn(deployed: str, round_no: int) -> str:
    return found(deployed)


def test_a_random_graph_is_done_each_task_once_and_none_too_early(dsn: str, round_no: int) -> None:
    chance = dice(round_no)
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        tasks = add_tasks(planner, goal, TASKS)
        chance.shuffle(tasks)
        pairs = [
            (task, other)
            for place, task in enumerate(tasks)
            for other in chance.sample(tasks[:place], min(place, chance.randint(0, 3)))
        ]
        add_dependencies(planner, goal, pairs)
        workers = add_workers(planner, WORKERS)
        planner.execute("SELECT astra.start_goal(%s)", [goal])
    dependencies = defaultdict(set)
    for task, other in pairs:
        dependencies[task].add(other)

    claims: Counter[UUID] = Counter()
    done: set[UUID] = set()
    early: list[UUID] = []
    progress = threading.Condition()
    broken = threading.Event()

    def work(connection: psycopg.Connection, place: int) -> None:
        own = dice(round_no, place)
        while len(done) < TASKS and not broken.is_set():
            claimed = rows(connection, CLAIM, workers[place], own.randint(1, 8))
            with progress:
                claims.update(claimed)
                early.extend(task for task in claimed if not dependencies[task] <= done)
                if not claimed and len(done) < TASKS:
                    # Somebody completes something, or has in the meantime: then it is asked again.
                    progress.wait(timeout=0.05)
            for task in claimed:
                with progress:
                    # Before it is known to the database, so that nobody can be too early here
                    # without having been there.
                    done.add(task)
                if state(connection, COMPLETE, workers[place], task) != "":
                    # The others would wait for ever for what is never completed.
                    broken.set()
                with progress:
                    progress.notify_all()

    at_once(dsn, WORKERS, work)

    assert not broken.is_set()
    assert early == []
    assert set(claims) == set(tasks)
    assert set(claims.values()) == {1}
    with client(dsn) as observer:
        assert value(observer, "SELECT status FROM astra.goals") == "completed"
        assert rows(observer, "SELECT DISTINCT status, attempts, blockers FROM astra.tasks") == [
            ("completed", 1, 0)
        ]
        assert value(
            observer, "SELECT count(*) FROM astra.events WHERE event_type = 'task.completed'"
        ) == len(tasks)


def test_two_sessions_close_no_circle_between_them(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        one, two, three = add_tasks(planner, goal, 3)
        add_dependencies(planner, goal, [(two, one)])

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        add_dependencies(first, goal, [(three, two)])
        half = pool.submit(add_dependencies, second, goal, [(one, three)])
        eventually(lambda: waits(dsn, second), "the second waits for the goal")
        first.commit()

        with pytest.raises(psycopg.Error) as caught:
            half.result(timeout=30)
    assert caught.value.sqlstate == "MU411"


def test_random_dependencies_of_many_sessions_make_no_circle(dsn: str, round_no: int) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        tasks = add_tasks(planner, goal, 12)

    def work(connection: psycopg.Connection, place: int) -> Counter[str]:
        own = dice(round_no, place)
        answers: Counter[str] = Counter()
        for _ in range(30):
            try:
                add_dependencies(connection, goal, [(own.choice(tasks), own.choice(tasks))])
                answers["made"] += 1
            except psycopg.Error as error:
                answers[str(error.sqlstate)] += 1
        return answers

    answers = sum(at_once(dsn, 8, work), Counter())

    # 23505: it is there already. 23514: a task and itself.
    assert set(answers) == {"made", "MU411", "23505", "23514"}
    with client(dsn) as observer:
        pairs = rows(observer, "SELECT task_id, depends_on FROM astra.task_dependencies")
        assert len(pairs) == answers["made"]
        assert rows(observer, MISCOUNTED) == []
    graph = defaultdict(set)
    for task, other in pairs:
        graph[task].add(other)
    TopologicalSorter(graph).prepare()


def test_a_dependency_waits_for_a_claim_and_comes_too_late(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        one, two = add_tasks(planner, goal, 2)
        (worker,) = add_workers(planner, 1)
        planner.execute("SELECT astra.start_goal(%s)", [goal])

    with (
        psycopg.connect(dsn, options=AS_ORG) as claimer,
        client(dsn) as planner,
        ThreadPoolExecutor(1) as pool,
    ):
        assert rows(claimer, CLAIM, worker, 1) == [one]
        late = pool.submit(add_dependencies, planner, goal, [(one, two)])
        eventually(lambda: waits(dsn, planner), "the planner waits for the claim")
        claimer.commit()

        with pytest.raises(psycopg.Error) as caught:
            late.result(timeout=30)
    assert caught.value.sqlstate == "MU412"


def test_a_deletion_waits_for_the_goal_before_it_holds_the_dependency(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        one, two = add_tasks(planner, goal, 2)
        add_dependencies(planner, goal, [(two, one)])

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        rows(first, "SELECT astra.lock_goal(%s, %s)", ORG, goal)
        deletion = pool.submit(second.execute, b"DELETE FROM astra.task_dependencies")
        eventually(lambda: waits(dsn, second), "the deletion waits for the goal")
        # With the goal in hand one does not wait for who waits for the goal.
        with pytest.raises(psycopg.errors.UniqueViolation):
            add_dependencies(first, goal, [(two, one)])
        first.rollback()
        deletion.result(timeout=30)
        assert rows(second, "SELECT blockers FROM astra.tasks ORDER BY id") == [1, 1]


def test_a_task_is_not_changed_while_people_are_asked_about_it(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        (task,) = add_tasks(planner, goal, 1)

    with (
        psycopg.connect(dsn, options=AS_ORG) as asker,
        client(dsn) as planner,
        ThreadPoolExecutor(1) as pool,
    ):
        asker.execute(
            "INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id)"
            " VALUES (%s, 'risky_task', %s, %s)",
            [ORG, goal, task],
        )
        change = pool.submit(
            state, planner, "UPDATE astra.tasks SET type = 'other' WHERE id = %s RETURNING 1", task
        )
        eventually(lambda: waits(dsn, planner), "the change waits for the request")
        asker.commit()
        assert change.result(timeout=30) == "MU412"


def test_a_claim_passes_over_a_task_that_is_made_to_wait(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        one, two = add_tasks(planner, goal, 2)
        (worker,) = add_workers(planner, 1)
        planner.execute("SELECT astra.start_goal(%s)", [goal])

    with psycopg.connect(dsn, options=AS_ORG) as planner, client(dsn) as claimer:
        add_dependencies(planner, goal, [(one, two)])
        # It waits for nobody.
        assert rows(claimer, CLAIM, worker, 10) == [two]
        planner.commit()
        assert rows(claimer, CLAIM, worker, 10) == []


def test_a_claim_and_the_deletion_of_its_worker_do_not_deadlock(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        add_tasks(planner, goal, 2)
        (worker,) = add_workers(planner, 1)
        planner.execute("SELECT astra.start_goal(%s)", [goal])
        # One of the two tasks was the worker's before.
        (again,) = rows(planner, "SELECT task_id FROM astra.claim_tasks(%s, 1)", worker)
        planner.execute("SELECT astra.fail_task(%s, %s, 'oops')", [worker, again])

    with psycopg.connect(dsn, options=AS_ORG) as claimer, client(dsn) as operator:
        assert rows(claimer, CLAIM, worker, 1) == [again]
        with pytest.raises(psycopg.errors.IntegrityError):
            operator.execute("DELETE FROM astra.workers WHERE id = %s", [worker])
        assert len(rows(claimer, CLAIM, worker, 1)) == 1
        claimer.commit()


def test_the_two_last_tasks_complete_the_goal_whoever_comes_second(dsn: str) -> None:
    with client(dsn) as planner:
        (goal,) = add_goals(planner, 1)
        one, two = add_tasks(planner, goal, 2)
        (worker,) = add_workers(planner, 1)
        planner.execute("SELECT astra.start_goal(%s)", [goal])
        assert len(rows(planner, CLAIM, worker, 2)) == 2

    with (
        psycopg.connect(dsn, options=AS_ORG) as first,
        client(dsn) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        rows(first, COMPLETE, worker, one)
        other = pool.submit(rows, second, COMPLETE, worker, two)
        eventually(lambda: waits(dsn, second), "the second waits for the goal")
        first.commit()
        other.result(timeout=30)
        assert value(second, "SELECT status FROM astra.goals") == "completed"


def test_what_a_worker_that_died_had_is_given_to_one_other(dsn: str) -> None:
    with client(dsn) as planner:
        goals = add_goals(planner, 4)
        for goal in goals:
            add_tasks(planner, goal, 10)
            planner.execute("SELECT astra.start_goal(%s)", [goal])
        dead, *workers = add_workers(planner, 9)
        lost = rows(
            planner,
            "SELECT task_id FROM astra.claim_tasks(%s, 1000, interval '1 microsecond')",
            dead,
        )
    assert len(lost) == 40

    def work(connection: psycopg.Connection, place: int) -> tuple[int, list[UUID]]:
        taken_back = value(connection, "SELECT astra.requeue_expired_tasks()")
        return taken_back, rows(connection, CLAIM, workers[place], 1000)

    answers = at_once(dsn, len(workers), work)
    with client(dsn) as connection:
        # Goals that were locked by one were passed over by the others.
        taken_back = value(connection, "SELECT astra.requeue_expired_tasks()")
        rest = rows(connection, CLAIM, workers[0], 1000)
        assert {state(connection, COMPLETE, dead, task) for task in lost} == {"MU417"}

    assert sum(number for number, _ in answers) + taken_back == len(lost)
    assert Counter([*(task for _, got in answers for task in got), *rest]) == Counter(lost)


def test_a_result_of_an_attempt_that_was_taken_back_is_dropped_by_its_own_worker(dsn: str) -> None:
    claim = "SELECT task_id, attempts FROM astra.claim_tasks(%s, 1, %s)"
    complete = "SELECT astra.complete_task(%s, %s, %s, %s)::text"
    with client(dsn) as worker:
        (goal,) = add_goals(worker, 1)
        (task,) = add_tasks(worker, goal, 1)
        (name,) = add_workers(worker, 1)
        worker.execute("SELECT astra.start_goal(%s)", [goal])
        assert rows(worker, claim, name, "1 microsecond") == [(task, 1)]
        assert value(worker, "SELECT astra.requeue_expired_tasks()") == 1
        assert rows(worker, claim, name, "1 minute") == [(task, 2)]

        assert state(worker, complete, name, task, '"first"', 1) == "MU417"
        assert state(worker, complete, name, task, '"second"', 2) == ""
        assert value(worker, "SELECT result FROM astra.tasks") == "second"


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT astra.start_goal(%(goal)s)",
        "UPDATE astra.goals SET status = 'active' WHERE id = %(goal)s",
        "INSERT INTO astra.tasks (org_id, goal_id, type) VALUES (%(org)s, %(goal)s, 'step')",
        "SELECT astra.cancel_goal(%(goal)s)",
    ],
)
def test_a_snapshot_that_is_older_than_the_lock_is_refused(
    dsn: str, isolation: str, statement: str
) -> None:
    with client(dsn) as connection:
        (goal,) = add_goals(connection, 1)
        connection.execute(f"SET default_transaction_isolation = '{isolation.lower()}'".encode())
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement.encode(), {"org": ORG, "goal": goal})
    assert caught.value.sqlstate == "MU410"


def test_whatever_is_done_at_the_same_time_nobody_deadlocks_and_nothing_is_miscounted(
    dsn: str, round_no: int
) -> None:
    with client(dsn) as planner:
        goals = add_goals(planner, 6)
        workers = add_workers(planner, 16)
        tasks = {goal: add_tasks(planner, goal, 40) for goal in goals}
        for goal in goals:
            order = tasks[goal]
            add_dependencies(
                planner,
                goal,
                [(order[n], order[dice(n).randrange(n)]) for n in range(1, 40)],
            )
        for goal in goals[:4]:
            planner.execute("SELECT astra.start_goal(%s)", [goal])

    def work(connection: psycopg.Connection, place: int) -> Counter[str]:
        own = dice(round_no, place)
        answers: Counter[str] = Counter()
        for _ in range(60):
            goal = own.choice(goals)
            statement = own.choice(STATEMENTS)
            try:
                connection.execute(
                    statement.encode(),
                    {
                        "org": ORG,
                        "goal": goal,
                        "worker": workers[place],
                        "task": own.choice(tasks[goal]),
                        "other": own.choice(tasks[goal]),
                    },
                )
                answers["done"] += 1
            except psycopg.Error as error:
                answers[str(error.sqlstate)] += 1
            # At the end all goals have ended; on the way each moment must be right.
            assert rows(connection, LEFT_BEHIND) == []
        return answers

    answers = sum(at_once(dsn, len(workers), work), Counter())

    refusals = {"MU411", "MU412", "MU417", "23505", "23514"}
    assert set(answers) <= {"done"} | refusals
    with client(dsn) as observer:
        assert rows(observer, MISCOUNTED) == []
        assert (
            rows(
                observer,
                "SELECT g.id FROM astra.goals AS g INNER JOIN astra.tasks AS t ON t.goal_id = g.id"
                " WHERE g.status IN ('completed', 'failed', 'cancelled') AND t.status = 'pending'",
            )
            == []
        )


STATEMENTS = [
    "SELECT FROM astra.claim_tasks(%(worker)s, 4)",
    "SELECT FROM astra.claim_tasks(%(worker)s, 4, interval '1 microsecond')",
    "SELECT astra.complete_task(worker_id, id) FROM astra.tasks"
    " WHERE worker_id = %(worker)s AND status = 'running' LIMIT 1",
    "SELECT astra.fail_task(worker_id, id, 'oops') FROM astra.tasks"
    " WHERE worker_id = %(worker)s AND status = 'running' AND attempts < max_attempts LIMIT 1",
    "SELECT astra.renew_leases(%(worker)s)",
    "SELECT astra.requeue_expired_tasks()",
    "SELECT astra.start_goal(%(goal)s)",
    "INSERT INTO astra.tasks (org_id, goal_id, type) VALUES (%(org)s, %(goal)s, 'more')",
    "INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)"
    " VALUES (%(org)s, %(goal)s, %(task)s, %(other)s)",
    "DELETE FROM astra.task_dependencies WHERE task_id = %(task)s",
    # Seldom, or nothing would be left to race for. By hand the goal is locked first, as is said.
    "WITH locked AS MATERIALIZED (SELECT astra.lock_goal(%(org)s, %(goal)s) WHERE random() < 0.3)"
    " UPDATE astra.tasks SET status = 'cancelled' FROM locked"
    " WHERE id = %(task)s AND status = 'pending'",
    "SELECT CASE WHEN random() < 0.05 THEN astra.cancel_goal(%(goal)s) END",
]

"""The tasks of a team under many sessions: numbers, locks, blockers and counters stay right.

Sessions act as muniment_app or muniment_service. Where one has to come before another, it holds its
transaction open until the other is seen waiting for it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import UniqueViolation
from tests.fix_postgres import Cluster
from tests.processes import eventually

T = TypeVar("T")

TENANT = "00000000-0000-4000-8000-00000000000a"
AGENTS = [f"a9e00000-0000-4000-8000-0000000000a{number}" for number in range(1, 4)]
TEAM = "7ea00000-0000-4000-8000-0000000000a1"

# What must never be found, whoever did what in which order.
WRONG = {
    "numbers have gaps": """
        SELECT FROM goclaw.team_tasks
        HAVING count(*) <> coalesce(max(task_number), 0)
    """,
    "tasks wait for each other": """
        WITH RECURSIVE waits (id, blocker) AS (
            SELECT id, unnest(blocked_by) FROM goclaw.team_tasks
            UNION
            SELECT w.id, unnest(t.blocked_by)
            FROM waits AS w INNER JOIN goclaw.team_tasks AS t ON t.id = w.blocker
        )
        SELECT FROM waits WHERE id = blocker
    """,
    "tasks are part of themselves": """
        WITH RECURSIVE belongs (id, whole) AS (
            SELECT id, parent_id FROM goclaw.team_tasks WHERE parent_id IS NOT NULL
            UNION
            SELECT b.id, t.parent_id
            FROM belongs AS b INNER JOIN goclaw.team_tasks AS t ON t.id = b.whole
        )
        SELECT FROM belongs WHERE id = whole
    """,
    "tasks that wait are worked on or done": """
        SELECT FROM goclaw.team_tasks AS t
        INNER JOIN goclaw.team_tasks AS b ON b.id = ANY (t.blocked_by)
        WHERE t.status IN ('in_progress', 'completed')
    """,
    "tasks wait for what has ended": """
        SELECT FROM goclaw.team_tasks AS t
        INNER JOIN goclaw.team_tasks AS b ON b.id = ANY (t.blocked_by)
        WHERE b.status IN ('completed', 'cancelled')
    """,
    "comments are miscounted": """
        SELECT FROM goclaw.team_tasks AS t
        WHERE comment_count <> (
            SELECT count(*) FROM goclaw.team_task_comments AS c WHERE c.task_id = t.id
        )
    """,
}


@pytest.fixture
def dsn(server: Cluster) -> Iterator[str]:
    """A database with a team of three agents."""
    with server.database(template=server.template()) as made:
        with psycopg.connect(made) as connection:
            if connection.execute("SELECT to_regnamespace('goclaw')").fetchone() == (None,):
                pytest.skip(f"goclaw: the PostgreSQL of {server.name} has no extension vector")
            connection.execute(
                "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'A', 'a')", [TENANT]
            )
            for agent in AGENTS:
                connection.execute(
                    "INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)"
                    " VALUES (%s, %s, %s, 'u', 'm')",
                    [TENANT, agent, agent],
                )
            connection.execute(
                "INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)"
                " VALUES (%s, %s, 'T', %s)",
                [TENANT, TEAM, AGENTS[0]],
            )
        yield made


class Session(psycopg.Connection):
    """A connection that acts for the tenant, with the calls of the tests."""

    def value(self, statement: str, *values: object) -> object:
        """Return the one value of the one row, or None."""
        row = self.execute(statement.encode(), values).fetchone()
        return None if row is None else row[0]

    def create_task(self, subject: str = "x", blockers: Sequence[UUID] = ()) -> UUID:
        made = self.value(
            "SELECT id FROM goclaw.create_team_task(%s, %s, p_blocker_ids => %s::uuid[])",
            TEAM,
            subject,
            list(blockers),
        )
        assert isinstance(made, UUID)
        return made

    def lock_task(self, task: UUID, agent: int = 0, seconds: int = 600) -> datetime | None:
        locked_at = self.value(
            "SELECT goclaw.lock_team_task(%s, %s, %s)", task, AGENTS[agent], seconds
        )
        assert locked_at is None or isinstance(locked_at, datetime)
        return locked_at

    def block_task(self, task: UUID, blocker: UUID) -> object:
        return self.value("SELECT goclaw.block_team_task(%s, %s)", task, blocker)

    def finish_task(self, task: UUID, status: str, locked_at: datetime | None = None) -> object:
        return self.value(
            "SELECT goclaw.finish_team_task(%s, %s, NULL, %s)", task, status, locked_at
        )

    def comment_on(self, task: UUID, comment_type: str = "note") -> None:
        self.execute(
            "INSERT INTO goclaw.team_task_comments (tenant_id, task_id, content, comment_type)"
            " VALUES (%s, %s, 'c', %s)",
            [TENANT, task, comment_type],
        )

    def lapse_task(self, task: UUID) -> None:
        """Move the lock of a task into the past."""
        self.execute(
            "UPDATE goclaw.team_tasks SET locked_at = locked_at - interval '1 day',"
            " lock_expires_at = locked_at - interval '1 hour' WHERE id = %s",
            [task],
        )


@contextmanager
def session_of(dsn: str, role: str = "muniment_app") -> Iterator[Session]:
    # Whoever waits for as long as this waits for ever, and the test fails instead.
    with Session.connect(dsn, options="-c lock_timeout=60s") as session:
        session.execute(f"SET ROLE {role}".encode())
        if role == "muniment_app":
            session.execute("SELECT set_config('app.tenant_id', %s, false)", [TENANT])
        session.commit()
        yield session
        session.rollback()


def waits(first: Session, second: Session) -> Callable[[], bool]:
    """Return whether the second session waits for the first, as a condition."""
    pids = (first.info.backend_pid, second.info.backend_pid)

    def asked() -> bool:
        with psycopg.connect(first.info.dsn) as watcher:
            found = watcher.execute("SELECT %s = ANY (pg_blocking_pids(%s))", pids).fetchone()
        return found == (True,)

    return asked


def behind(first: Session, second: Session, act: Callable[[Session], T]) -> T:
    """Return what the second does once it has waited for the first, which then commits."""
    with ThreadPoolExecutor(1) as pool:
        later: Future[T] = pool.submit(act, second)
        try:
            eventually(waits(first, second), "the second session waits for the first")
        finally:
            first.commit()
        return later.result(timeout=60)


def all_at_once(count: int, dsn: str, act: Callable[[Session, int], T]) -> list[T]:
    """Do something in many sessions that are all connected before the first begins."""
    barrier = threading.Barrier(count, timeout=60)

    def run(number: int) -> T:
        with session_of(dsn) as session:
            barrier.wait()
            return act(session, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def assert_nothing_wrong(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        found = [
            what for what, query in WRONG.items() if connection.execute(query.encode()).rowcount
        ]
    assert found == []


# Numbers ---------------------------------------------------------------------


def test_fifty_tasks_made_at_once_are_numbered_without_gaps(dsn: str, round_no: int) -> None:
    def create(session: Session, number: int) -> None:
        session.create_task(f"{round_no}/{number}")
        if number % 6 == 0:
            session.rollback()
        else:
            session.commit()

    all_at_once(60, dsn, create)

    with session_of(dsn) as session:
        found = session.execute(
            "SELECT task_number, identifier FROM goclaw.team_tasks ORDER BY task_number"
        ).fetchall()
    assert found == [(number, f"TSK-{number}") for number in range(1, 51)]


def test_a_number_that_is_taken_back_goes_to_whoever_waited(dsn: str) -> None:
    with session_of(dsn) as first, session_of(dsn) as second, ThreadPoolExecutor(1) as pool:
        first.create_task()
        later = pool.submit(second.create_task)
        eventually(waits(first, second), "the second task waits for its number")
        first.rollback()
        later.result(timeout=60)
        assert second.value("SELECT max(task_number) FROM goclaw.team_tasks") == 1


def test_an_old_snapshot_gets_an_error_and_no_number(dsn: str) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        second.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        first.create_task()
        with pytest.raises(UniqueViolation):
            behind(first, second, Session.create_task)


# Locks -----------------------------------------------------------------------


def test_of_twenty_takers_one_gets_the_lock(dsn: str, round_no: int) -> None:
    for lapsed in (False, True):
        with session_of(dsn) as session:
            task = session.create_task(f"{round_no}")
            if lapsed:
                session.lock_task(task)
                session.lapse_task(task)
            session.commit()

        def take(session: Session, number: int, task: UUID = task) -> datetime | None:
            locked_at = session.lock_task(task, number % 3)
            session.commit()
            return locked_at

        taken = all_at_once(20, dsn, take)

        assert len([locked_at for locked_at in taken if locked_at is not None]) == 1


def test_whoever_waited_for_a_taker_gets_nothing(dsn: str) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        task = first.create_task()
        first.commit()
        assert first.lock_task(task) is not None
        assert behind(first, second, lambda session: session.lock_task(task)) is None


def test_a_taker_behind_a_blocker_gets_nothing(dsn: str) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        task = first.create_task()
        first.commit()
        # The blocker is younger than what the taker saw when it began to wait.
        assert first.block_task(task, first.create_task()) is True
        assert behind(first, second, lambda session: session.lock_task(task)) is None
        second.commit()
    assert_nothing_wrong(dsn)


def test_a_lock_that_is_being_renewed_is_not_taken_back(dsn: str) -> None:
    with session_of(dsn) as holder, session_of(dsn, "muniment_service") as service:
        task = holder.create_task()
        assert holder.lock_task(task) is not None
        holder.lapse_task(task)
        holder.commit()
        locked_at = holder.value("SELECT locked_at FROM goclaw.team_tasks")
        again = "SELECT goclaw.lock_team_task(%s, %s, 600, %s)"
        assert holder.value(again, task, AGENTS[0], locked_at) == locked_at

        # Passes over the row, without waiting for it.
        assert service.value("SELECT count(*) FROM goclaw.recover_team_tasks()") == 0
        holder.commit()
        assert service.value("SELECT count(*) FROM goclaw.recover_team_tasks()") == 0


def test_two_who_take_tasks_back_do_not_take_the_same(dsn: str) -> None:
    with session_of(dsn) as session:
        tasks = {session.create_task() for _ in range(4)}
        for task in tasks:
            session.lock_task(task)
            session.lapse_task(task)
        session.commit()
    with (
        session_of(dsn, "muniment_service") as first,
        session_of(dsn, "muniment_service") as second,
    ):
        taken = [
            {
                task
                for (task,) in service.execute("SELECT task_id FROM goclaw.recover_team_tasks(3)")
            }
            for service in (first, second)
        ]
    assert [len(ids) for ids in taken] == [3, 1]
    assert taken[0] | taken[1] == tasks


def test_two_who_remind_do_not_remind_of_the_same(dsn: str) -> None:
    with session_of(dsn) as session:
        tasks = {session.create_task() for _ in range(4)}
        session.execute(
            "UPDATE goclaw.team_tasks"
            " SET status = 'in_progress', followup_at = now(), followup_max = 1"
        )
        session.commit()
    claim = "SELECT task_id FROM goclaw.claim_task_followups(60, 3)"
    with (
        session_of(dsn, "muniment_service") as first,
        session_of(dsn, "muniment_service") as second,
    ):
        claimed = [{task for (task,) in service.execute(claim)} for service in (first, second)]
    assert [len(ids) for ids in claimed] == [3, 1]
    assert claimed[0] | claimed[1] == tasks


# Blockers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("isolation", "sqlstate"),
    [
        (psycopg.IsolationLevel.READ_COMMITTED, "MU322"),
        (psycopg.IsolationLevel.REPEATABLE_READ, "40001"),
    ],
    ids=["read committed", "repeatable read"],
)
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT goclaw.block_team_task(%(task)s, %(blocker)s)",
        "UPDATE goclaw.team_tasks SET blocked_by = ARRAY[%(blocker)s]::uuid[] WHERE id = %(task)s",
    ],
    ids=["function", "statement"],
)
@pytest.mark.parametrize("length", [2, 3, 4])
def test_two_halves_of_a_cycle_do_not_meet(
    dsn: str, length: int, statement: str, isolation: psycopg.IsolationLevel, sqlstate: str
) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        one, two, *more = [first.create_task() for _ in range(length)]
        for task, blocker in pairwise([two, *more]):
            first.block_task(blocker, task)
        first.commit()
        second.isolation_level = isolation

        def add(session: Session, task: UUID, blocker: UUID) -> None:
            session.execute(statement.encode(), {"task": task, "blocker": blocker})

        add(first, two, one)
        with pytest.raises(psycopg.Error) as caught:
            behind(first, second, lambda session: add(session, one, [two, *more][-1]))

    assert caught.value.sqlstate == sqlstate
    assert_nothing_wrong(dsn)


def test_nobody_begins_to_wait_for_what_is_ending(dsn: str) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        blocker, task = first.create_task(), first.create_task()
        first.commit()
        first.finish_task(blocker, "completed")
        assert behind(first, second, lambda session: session.block_task(task, blocker)) is False
        assert second.lock_task(task) is not None


def test_what_begins_to_wait_is_released_by_an_end_that_waited(dsn: str) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        blocker, task = first.create_task(), first.create_task()
        first.commit()
        assert first.block_task(task, blocker) is True
        released = behind(first, second, lambda session: session.finish_task(blocker, "completed"))
        second.commit()
    assert released == [task]
    assert_nothing_wrong(dsn)


@pytest.mark.parametrize(
    "isolation",
    [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE],
    ids=["repeatable read", "serializable"],
)
@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_an_old_snapshot_ends_nothing(
    dsn: str, status: str, isolation: psycopg.IsolationLevel
) -> None:
    # It could not release whom it cannot see.
    with session_of(dsn) as first, session_of(dsn) as second:
        blocker, task = first.create_task(), first.create_task()
        first.commit()
        second.isolation_level = isolation
        second.execute("SELECT FROM goclaw.team_tasks")
        first.block_task(task, blocker)
        first.commit()
        with pytest.raises(psycopg.Error) as caught:
            second.finish_task(blocker, status)
    assert caught.value.sqlstate == "MU327"
    assert_nothing_wrong(dsn)


@pytest.mark.parametrize(
    ("isolation", "sqlstate"),
    [
        # Each has the row of its own task before it looks at those above.
        (psycopg.IsolationLevel.READ_COMMITTED, "MU326"),
        (psycopg.IsolationLevel.REPEATABLE_READ, "40001"),
    ],
    ids=["read committed", "repeatable read"],
)
@pytest.mark.parametrize("length", [2, 3, 4])
def test_two_halves_of_a_circle_of_parts_do_not_meet(
    dsn: str, length: int, isolation: psycopg.IsolationLevel, sqlstate: str
) -> None:
    with session_of(dsn) as first, session_of(dsn) as second:
        one, two, *more = [first.create_task() for _ in range(length)]

        def put(session: Session, task: UUID, whole: UUID) -> None:
            session.execute(
                "UPDATE goclaw.team_tasks SET parent_id = %s WHERE id = %s", [whole, task]
            )

        for whole, task in pairwise([two, *more]):
            put(first, task, whole)
        first.commit()
        second.isolation_level = isolation

        put(first, two, one)
        with pytest.raises(psycopg.Error) as caught:
            behind(first, second, lambda session: put(session, one, [two, *more][-1]))

    assert caught.value.sqlstate == sqlstate
    assert_nothing_wrong(dsn)


# Counters --------------------------------------------------------------------


def test_thirty_comments_at_once_are_counted(dsn: str, round_no: int) -> None:
    with session_of(dsn) as session:
        task = session.create_task(f"{round_no}")
        session.commit()

    def comment(session: Session, number: int) -> None:
        session.comment_on(task)
        if number % 4 == 0:
            session.rollback()
        else:
            session.commit()

    all_at_once(40, dsn, comment)

    with session_of(dsn) as session:
        assert session.value("SELECT comment_count FROM goclaw.team_tasks") == 30
    assert_nothing_wrong(dsn)


# All of it -------------------------------------------------------------------


def test_a_task_that_is_made_does_not_deadlock_with_the_end_of_its_blocker(dsn: str) -> None:
    with (
        session_of(dsn) as holder,
        session_of(dsn) as ender,
        session_of(dsn) as maker,
        ThreadPoolExecutor(2) as pool,
    ):
        blocker = holder.create_task()
        holder.commit()

        def end() -> object:
            released = ender.finish_task(blocker, "completed")
            ender.commit()
            return released

        holder.execute("SELECT FROM goclaw.agent_teams FOR NO KEY UPDATE")
        try:
            ended = pool.submit(end)
            eventually(waits(holder, ender), "the end waits for the team")
            made = pool.submit(maker.create_task, "x", [blocker])
            eventually(waits(ender, maker), "the maker waits behind it")
        finally:
            holder.commit()
        assert ended.result(timeout=60) == []
        assert made.result(timeout=60)
        maker.commit()
    assert_nothing_wrong(dsn)


def test_a_crowd_leaves_nothing_wrong_and_nobody_deadlocked(dsn: str, round_no: int) -> None:
    with session_of(dsn) as session:
        made = [session.create_task() for _ in range(12)]
        session.commit()
    # What the functions say no with. A deadlock is not among it.
    no = {"MU320", "MU321", "MU322", "MU323", "MU324", "MU325"}
    said: set[str | None] = set()

    def work(session: Session, number: int) -> None:
        choice = random.Random(1000 * round_no + number)  # noqa: S311
        for _ in range(40):
            task, other = choice.sample(made, 2)
            act = choice.choices(["create", "block", "end", "comment", "fail"], [2, 8, 2, 4, 1])[0]
            try:
                if act == "create":
                    session.create_task(blockers=[task, other])
                elif act == "block":
                    session.block_task(task, other)
                elif act == "end":
                    locked_at = session.lock_task(task, number % 3)
                    session.commit()
                    session.finish_task(task, choice.choice(["completed", "failed"]), locked_at)
                else:
                    session.comment_on(task, "blocker" if act == "fail" else "note")
                session.commit()
            except psycopg.Error as error:
                said.add(error.sqlstate)
                session.rollback()

    all_at_once(8, dsn, work)

    assert said <= no
    assert_nothing_wrong(dsn)

"""A planner to race in: one organisation of astra with one agent, and clients that act for it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest

Answer = TypeVar("Answer")

ORG = "00000000-0000-4000-8000-00000000000a"
AGENT = "00000000-0000-4000-8000-000000000031"

AS_ORG = f"-c role=muniment_app -c app.tenant_id={ORG} -c lock_timeout=20s"


def found(dsn: str) -> str:
    """Make the organisation and its agent; skip the test where astra cannot be deployed."""
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regnamespace('astra')").fetchone() == (None,):
            pytest.skip("astra: this PostgreSQL has no extension vector")
        connection.execute(
            "INSERT INTO astra.organizations (id, name, slug) VALUES (%s, 'A', 'a')", [ORG]
        )
        connection.execute(
            "INSERT INTO astra.agents (org_id, id, name) VALUES (%s, %s, 'planner')", [ORG, AGENT]
        )
    return dsn


def dice(*seed: object) -> random.Random:
    """Return chance that falls the same way again for the same seed."""
    return random.Random(" ".join(map(str, seed)))  # noqa: S311


def client(dsn: str) -> psycopg.Connection:
    """Connect as a runtime of the organisation; every statement is a transaction."""
    return psycopg.connect(dsn, autocommit=True, options=AS_ORG)


def rows(connection: psycopg.Connection, query: str, *parameters: object) -> list[Any]:
    """Return the rows of a query; of one with one column, its values."""
    answer = connection.execute(query.encode(), parameters).fetchall()
    return [row[0] if len(row) == 1 else row for row in answer]


def value(connection: psycopg.Connection, query: str, *parameters: object) -> Any:
    (answer,) = rows(connection, query, *parameters)
    return answer


def state(connection: psycopg.Connection, query: str, *parameters: object) -> Any:
    """Return what a query answers, or the SQLSTATE with which it is refused."""
    try:
        return value(connection, query, *parameters)
    except psycopg.Error as error:
        return error.sqlstate


def add_goals(connection: psycopg.Connection, number: int) -> list[UUID]:
    return rows(
        connection,
        "INSERT INTO astra.goals (org_id, agent_id, goal_text)"
        " SELECT %s, %s, 'goal ' || n FROM generate_series(1, %s) AS n RETURNING id",
        ORG,
        AGENT,
        number,
    )


def add_tasks(connection: psycopg.Connection, goal: UUID, number: int) -> list[UUID]:
    return rows(
        connection,
        "INSERT INTO astra.tasks (org_id, goal_id, type)"
        " SELECT %s, %s, 'step' FROM generate_series(1, %s) RETURNING id",
        ORG,
        goal,
        number,
    )


def add_workers(connection: psycopg.Connection, number: int) -> list[UUID]:
    return rows(
        connection,
        "INSERT INTO astra.workers (org_id, hostname)"
        " SELECT %s, 'host ' || n FROM generate_series(1, %s) AS n RETURNING id",
        ORG,
        number,
    )


def add_dependencies(
    connection: psycopg.Connection, goal: UUID, pairs: Sequence[tuple[UUID, UUID]]
) -> None:
    """Let the first of each pair of tasks wait for the second."""
    connection.execute(
        "INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)"
        " SELECT %s, %s, pair.* FROM unnest(%s::uuid[], %s::uuid[]) AS pair",
        [ORG, goal, [task for task, _ in pairs], [other for _, other in pairs]],
    )


def at_once(
    dsn: str, number: int, work: Callable[[psycopg.Connection, int], Answer]
) -> list[Answer]:
    """Let so many clients do the same work at the same time; return what each of them returns."""
    start = threading.Barrier(number)

    def one(place: int) -> Answer:
        with client(dsn) as connection:
            start.wait(timeout=30)
            return work(connection, place)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def waits(dsn: str, connection: psycopg.Connection) -> bool:
    """Say whether a client waits for a lock."""
    with psycopg.connect(dsn) as observer:
        return bool(
            rows(
                observer,
                "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted",
                connection.info.backend_pid,
            )
        )

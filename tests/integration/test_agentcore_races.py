"""Races in agentcore: links that are used, answers that are decided, tasks that are taken, once.

Each contestant has a connection of its own and starts when all are there. `make soak` repeats each
race 20 times.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.fix_postgres import Cluster

CONTESTANTS = 32
DEPARTMENT = UUID("00000000-0000-4000-8000-00000000000a")
OTHER = UUID("00000000-0000-4000-8000-00000000000b")
NAMESPACE = UUID("4a000000-0000-4000-8000-0000000000a1")
USERS = [UUID(int=DEPARTMENT.int + 0x1000 + number) for number in range(CONTESTANTS)]

T = TypeVar("T")
# SQL and its parameters.
Statement = tuple[str, Sequence[object]]


@pytest.fixture
def agentcore(server: Cluster, deployed: str) -> str:
    """A database with two departments, and users of the first one who may decide."""
    with psycopg.connect(deployed) as connection:
        if connection.execute("SELECT to_regnamespace('agentcore')").fetchone() == (None,):
            pytest.skip(f"agentcore: PostgreSQL {server.name} has no extension vector")
        connection.execute(
            "INSERT INTO agentcore.department (id, name, slug)"
            " VALUES (%s, 'A', 'a'), (%s, 'B', 'b')",
            [DEPARTMENT, OTHER],
        )
        connection.cursor().executemany(
            "INSERT INTO agentcore.users (department_id, id, email, name, extra_permissions)"
            " VALUES (%s, %s, %s, 'Ann', '{approval.decide}')",
            [(DEPARTMENT, user, f"{user}@example.org") for user in USERS],
        )
        connection.execute(
            "INSERT INTO agentcore.namespace (department_id, id, name) VALUES (%s, %s, 'Desk')",
            [DEPARTMENT, NAMESPACE],
        )
    return deployed


def race(dsn: str, role: str, contest: Callable[[psycopg.Connection, int], T]) -> list[T]:
    """Let all of them do it at once, each with a connection of its own; return what they got."""
    start = Barrier(CONTESTANTS)

    def run(number: int) -> T:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            start.wait()
            return contest(connection, number)

    with ThreadPoolExecutor(CONTESTANTS) as pool:
        return list(pool.map(run, range(CONTESTANTS)))


def answer(connection: psycopg.Connection, *statements: Statement) -> str:
    """Run a transaction; say how it went: done, or an SQLSTATE. A deadlock fails the test."""
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(*statement)
    except psycopg.errors.DeadlockDetected:
        raise
    except psycopg.Error as error:
        return str(error.sqlstate)
    return "done"


def enter(number: int) -> Statement:
    return (
        "SELECT agentcore.enter_department(%s, %s, 0, %s)",
        [DEPARTMENT, USERS[number], DEPARTMENT],
    )


def chance_of(round_no: int, number: int) -> random.Random:
    """Return the same chance for the same contestant of the same round."""
    return random.Random(f"{round_no}/{number}")  # noqa: S311


def ask(dsn: str, count: int, *, conversations: int) -> list[UUID]:
    """Make answers that wait for approval, spread over conversations; return the approvals."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT platform.set_tenant(%s)", [DEPARTMENT])
        ids = [
            connection.execute(
                "INSERT INTO agentcore.conversation (user_id, channel, namespace_id)"
                " VALUES (%s, 'web', %s) RETURNING id",
                [USERS[0], NAMESPACE],
            ).fetchone()
            for _ in range(conversations)
        ]
        found = []
        for number in range(count):
            conversation = ids[number % conversations]
            assert conversation is not None
            row = connection.execute(
                "WITH m AS (INSERT INTO agentcore.message (conversation_id, role, content)"
                " VALUES (%s, 'assistant', 'Yes') RETURNING id) SELECT id FROM m",
                conversation,
            ).fetchone()
            assert row is not None
            asked = connection.execute(
                "SELECT agentcore.request_approval(%s, 'leave')", row
            ).fetchone()
            assert asked is not None
            found.append(asked[0])
    return found


def one(dsn: str, query: str, *parameters: object) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def leave(agentcore: str) -> str:
    """The same with an intent that takes a hundred successes to be trusted with."""
    with psycopg.connect(agentcore) as connection:
        connection.execute("SELECT platform.set_tenant(%s)", [DEPARTMENT])
        connection.execute(
            "INSERT INTO agentcore.intent_trust (namespace_id, intent_name, threshold)"
            " VALUES (%s, 'leave', 100)",
            [NAMESPACE],
        )
    return agentcore


def test_a_reset_link_works_for_one(agentcore: str, round_no: int) -> None:
    with psycopg.connect(agentcore) as connection:
        connection.execute(
            "SELECT agentcore.request_password_reset(%s, %s, sha256('link'))",
            [DEPARTMENT, USERS[0]],
        )

    def use(connection: psycopg.Connection, number: int) -> str:
        return answer(
            connection,
            ("SELECT agentcore.use_password_reset(sha256('link'), %s)", [str(number)]),
        )

    assert Counter(race(agentcore, "muniment_service", use)) == {
        "done": 1,
        "MU430": CONTESTANTS - 1,
    }
    assert one(agentcore, "SELECT max(token_version) FROM agentcore.users") == 1


@pytest.mark.parametrize(
    "change",
    [
        "SELECT agentcore.request_password_reset(%(home)s, %(user)s, sha256('mine'))",
        "SELECT agentcore.transfer_user(%(home)s, %(user)s, %(other)s)",
        "UPDATE agentcore.users SET is_active = false WHERE id = %(user)s",
    ],
    ids=["another link", "transfer", "deactivation"],
)
def test_a_link_that_a_snapshot_does_not_show_is_not_left_open(agentcore: str, change: str) -> None:
    with psycopg.connect(agentcore) as late, psycopg.connect(agentcore) as early:
        late.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for connection in (late, early):
            connection.execute("SET ROLE muniment_service")
        # The snapshot, from before there was a link.
        late.execute("SELECT count(*) FROM agentcore.password_reset_token")
        early.execute(
            "SELECT agentcore.request_password_reset(%s, %s, sha256('link'))",
            [DEPARTMENT, USERS[0]],
        )
        early.commit()

        with pytest.raises(psycopg.errors.SerializationFailure):
            late.execute(change, {"home": DEPARTMENT, "user": USERS[0], "other": OTHER})

    still_work = "SELECT count(*) FROM agentcore.password_reset_token WHERE used_at IS NULL"
    assert one(agentcore, still_work) == 1


def test_links_transfers_and_logouts_do_not_deadlock(agentcore: str, round_no: int) -> None:
    def meddle(connection: psycopg.Connection, number: int) -> list[str]:
        chance = chance_of(round_no, number)
        got = []
        for _ in range(20):
            here, there = chance.sample([DEPARTMENT, OTHER], 2)
            link = bytes([chance.randrange(4)])
            ways: list[Statement] = [
                ("SELECT agentcore.transfer_user(%s, %s, %s)", [here, USERS[0], there]),
                ("SELECT agentcore.log_out_everywhere(%s, %s)", [here, USERS[0]]),
                (
                    "SELECT agentcore.request_password_reset(%s, %s, sha256(%s))",
                    [here, USERS[0], link],
                ),
                ("SELECT agentcore.use_password_reset(sha256(%s), 'new')", [link]),
            ]
            got.append(answer(connection, chance.choice(ways)))
        return got

    got = Counter(one for each in race(agentcore, "muniment_service", meddle) for one in each)

    # 23505: a link that is there already.
    assert set(got) <= {"done", "MU430", "MU439", "23505"}
    assert got["done"] > 0
    still_work = "SELECT count(*) FROM agentcore.password_reset_token WHERE used_at IS NULL"
    assert one(agentcore, still_work) in {0, 1}


def test_many_enter_for_the_first_time(agentcore: str, round_no: int) -> None:
    with psycopg.connect(agentcore) as connection:
        connection.execute("UPDATE agentcore.users SET extra_department_ids = ARRAY[%s]", [OTHER])

    def first(connection: psycopg.Connection, number: int) -> str:
        return answer(
            connection,
            ("SELECT agentcore.enter_department(%s, %s, 0, %s)", [DEPARTMENT, USERS[0], OTHER]),
        )

    assert race(agentcore, "muniment_app", first) == ["done"] * CONTESTANTS
    known = "SELECT count(*) FROM agentcore.department_member WHERE user_id = %s"
    assert one(agentcore, known, USERS[0]) == 2


def test_approvers_decide_each_answer_once(leave: str, round_no: int) -> None:
    asked = ask(leave, 100, conversations=20)

    def decide(connection: psycopg.Connection, number: int) -> list[tuple[UUID, str]]:
        mine = chance_of(round_no, number).sample(asked, len(asked))
        return [
            (
                approval,
                answer(
                    connection,
                    enter(number),
                    ("SELECT agentcore.decide_approval(%s, 'approved')", [approval]),
                ),
            )
            for approval in mine
        ]

    got = [end for each in race(leave, "muniment_app", decide) for end in each]

    assert {state for _, state in got} == {"done", "MU433"}
    assert sorted(approval for approval, state in got if state == "done") == sorted(asked)
    assert one(leave, "SELECT successful_count FROM agentcore.intent_trust") == 100
    assert one(leave, "SELECT is_autonomous FROM agentcore.intent_trust") is True
    assert one(leave, "SELECT count(*) FROM agentcore.audit_log") == 100
    assert one(leave, "SELECT array_agg(DISTINCT status) FROM agentcore.conversation") == ["active"]


def test_one_conversation_is_asked_about_handed_on_and_decided_at_once(
    leave: str, round_no: int
) -> None:
    asked = ask(leave, 40, conversations=1)

    def meddle(connection: psycopg.Connection, number: int) -> list[str]:
        chance = chance_of(round_no, number)
        got = []
        for _ in range(15):
            new = UUID(int=chance.getrandbits(128))
            ways: list[list[Statement]] = [
                [
                    (
                        "SELECT agentcore.escalate_approval(%s, %s, 'unsure')",
                        [chance.choice(asked), chance.choice(USERS)],
                    )
                ],
                [
                    (
                        "SELECT agentcore.decide_approval(%s, %s)",
                        [chance.choice(asked), chance.choice(["approved", "rejected"])],
                    )
                ],
                # A message and the question about it in one transaction, as programs do it.
                [
                    (
                        "INSERT INTO agentcore.message (id, conversation_id, role, content)"
                        " SELECT %s, id, 'assistant', 'Also' FROM agentcore.conversation",
                        [new],
                    ),
                    ("SELECT agentcore.request_approval(%s, 'leave')", [new]),
                ],
            ]
            got.append(answer(connection, enter(number), *chance.choice(ways)))
        return got

    got = Counter(one for each in race(leave, "muniment_app", meddle) for one in each)

    assert set(got) <= {"done", "MU433", "MU434"}
    assert got["done"] > 0
    states = one(leave, "SELECT array_agg(status) FROM agentcore.approval")
    assert isinstance(states, list)
    expected = [
        name
        for name, state in [("escalated", "escalated"), ("awaiting_approval", "pending")]
        if state in states
    ]
    assert one(leave, "SELECT status FROM agentcore.conversation") == [*expected, "active"][0]


def test_placeholders_are_numbered_without_gap_or_double(agentcore: str, round_no: int) -> None:
    conversation = uuid4()
    with psycopg.connect(agentcore) as connection:
        connection.execute(
            "INSERT INTO agentcore.conversation"
            " (department_id, id, user_id, channel, namespace_id) VALUES (%s, %s, %s, 'web', %s)",
            [DEPARTMENT, conversation, USERS[0], NAMESPACE],
        )

    def redact(connection: psycopg.Connection, number: int) -> list[str]:
        return [
            answer(
                connection,
                ("SELECT platform.set_tenant(%s)", [DEPARTMENT]),
                (
                    "SELECT agentcore.add_pii_placeholder(%s, 'EMAIL', '\\x01')",
                    [conversation],
                ),
            )
            for _ in range(5)
        ]

    got = Counter(one for each in race(agentcore, "muniment_app", redact) for one in each)

    assert got == {"done": 5 * CONTESTANTS}
    given = one(agentcore, "SELECT array_agg(placeholder) FROM agentcore.pii_redaction_map")
    assert isinstance(given, list)
    assert sorted(given) == sorted(f"[EMAIL_{number + 1}]" for number in range(5 * CONTESTANTS))


def test_workers_take_each_task_once_and_end_it_once(agentcore: str, round_no: int) -> None:
    namespaces = {DEPARTMENT: NAMESPACE, OTHER: uuid4()}
    with psycopg.connect(agentcore) as connection:
        connection.execute(
            "INSERT INTO agentcore.namespace (department_id, id, name) VALUES (%s, %s, 'Desk')",
            [OTHER, namespaces[OTHER]],
        )
        connection.cursor().executemany(
            "INSERT INTO agentcore.agent_task (department_id, namespace_id, adapter_type)"
            " VALUES (%s, %s, 'browser')",
            [(owner, namespaces[owner]) for owner in namespaces for _ in range(200)],
        )

    def work(connection: psycopg.Connection, number: int) -> list[tuple[UUID, str]]:
        got = []
        while task := connection.execute(
            "SELECT department_id, id FROM agentcore.claim_agent_task('browser')"
        ).fetchone():
            # Every fourth worker gives all running tasks up for lost before it ends its own.
            if number % 4 == 0:
                connection.execute("SELECT agentcore.time_out_agent_tasks('0')")
            end = answer(connection, ("SELECT agentcore.finish_agent_task(%s, %s, 'done')", task))
            got.append((task[1], {"MU437": "timeout"}.get(end, end)))
        return got

    ended = [end for got in race(agentcore, "muniment_service", work) for end in got]

    assert len(ended) == 400
    with psycopg.connect(agentcore) as connection:
        kept = connection.execute("SELECT id, status FROM agentcore.agent_task").fetchall()
    assert sorted(kept) == sorted(ended)


@pytest.fixture
def read(agentcore: str) -> str:
    """The same with three chunks of one document, nearest first, and a run."""
    with psycopg.connect(agentcore) as connection:
        connection.execute("SELECT platform.set_tenant(%s)", [DEPARTMENT])
        connection.execute(
            "INSERT INTO agentcore.knowledge_base (department_id, id, name) VALUES (%s, %s, 'Kb')",
            [DEPARTMENT, NAMESPACE],
        )
        connection.execute(
            "INSERT INTO agentcore.document (id, knowledge_base_id, title, type, status)"
            " SELECT id, %s, 'Leave', 'pdf', 'ready' FROM unnest(%s::uuid[]) AS id",
            [NAMESPACE, [NAMESPACE, OTHER]],
        )
        connection.execute(
            "INSERT INTO agentcore.chunk (document_id, content, embedding)"
            " SELECT %s, 'part ' || n, (ARRAY[1, n] || array_fill(0, ARRAY[1534]))::platform.vector"
            " FROM generate_series(1, 3) AS n",
            [NAMESPACE],
        )
        connection.execute(
            "INSERT INTO agentcore.agent_run (id, trace_id) VALUES (%s, 't')", [NAMESPACE]
        )
    return agentcore


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("DELETE FROM agentcore.chunk WHERE content = 'part 2'", ["part 1", "part 3"]),
        (
            "UPDATE agentcore.chunk SET document_id = %(other)s WHERE content = 'part 2'",
            ["part 1", "part 2", "part 3"],
        ),
    ],
    ids=["deleted", "moved"],
)
def test_a_chunk_that_changes_while_it_is_found(read: str, change: str, parts: list[str]) -> None:
    # In this order, so that a failure lets the search go on before the pool waits for it.
    with ThreadPoolExecutor(1) as pool, psycopg.connect(read) as editor:
        editor.execute("SET ROLE muniment_app")
        editor.execute("SELECT platform.set_tenant(%s)", [DEPARTMENT])
        editor.execute(change.encode(), {"other": OTHER})

        def search() -> list[tuple[object, ...]]:
            with psycopg.connect(read) as connection:
                connection.execute("SET ROLE muniment_app")
                connection.execute("SELECT platform.set_tenant(%s)", [DEPARTMENT])
                return connection.execute(
                    "SELECT rank, content FROM agentcore.record_retrieval(%s, ARRAY[%s]::uuid[],"
                    " (ARRAY[1] || array_fill(0, ARRAY[1535]))::platform.vector)",
                    [NAMESPACE, NAMESPACE],
                ).fetchall()

        found = pool.submit(search)
        with psycopg.connect(read, autocommit=True) as watcher:
            waiting = "SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
            while watcher.execute(waiting, [editor.info.backend_pid]).fetchone() is None:
                assert not found.done(), found.result()
        editor.commit()

        assert found.result() == list(enumerate(parts, start=1))
    with psycopg.connect(read) as connection:
        noted = connection.execute(
            "SELECT h.rank, c.content FROM agentcore.retrieval_hit AS h"
            " INNER JOIN agentcore.chunk AS c"
            " ON (c.department_id, c.document_id, c.id)"
            " = (h.department_id, h.document_id, h.chunk_id)"
            " ORDER BY h.rank"
        ).fetchall()
    assert noted == list(enumerate(parts, start=1))

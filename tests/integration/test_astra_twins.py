"""No function or trigger of astra needs row security to leave another organisation alone.

An organisation lives its life as a superuser, whom row security does not bind, beside a twin: the
same ids everywhere, and everything as different as it can be. The answers are those that it gets
alone, and no row of the twin is another one afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

ORG = "00000000-0000-4000-8000-00000000000a"
TWIN = "00000000-0000-4000-8000-00000000000b"


def named(text: str) -> str:
    """Spell out ids: #31 is the one that ends in 31."""
    parts = text.split("#")
    return parts[0] + "".join(
        f"'00000000-0000-4000-8000-0000000000{part[:2]}'{part[2:]}" for part in parts[1:]
    )


WORLD = """
    INSERT INTO astra.organizations (id, name, slug) VALUES (%(org)s, 'x', %(org)s);
    INSERT INTO astra.users (org_id, id, email) VALUES
        (%(org)s, #11, 'a'), (%(org)s, #12, 'b'), (%(org)s, #13, 'c'), (%(org)s, #14, 'd');
    INSERT INTO astra.org_memberships (org_id, user_id, role) VALUES
        (%(org)s, #11, 'owner'), (%(org)s, #12, 'member'), (%(org)s, #13, 'member');
    INSERT INTO astra.teams (org_id, id, name) VALUES (%(org)s, #21, 'red');
    INSERT INTO astra.agents (org_id, id, name, max_concurrent_goals, daily_token_budget,
                              chat_capable, allowed_tools, priority)
    VALUES (%(org)s, #31, 'one', 2, 1000, true, '{read}', 3), (%(org)s, #32, 'two', 9, NULL, true,
            NULL, 4);
    INSERT INTO astra.team_memberships (org_id, team_id, user_id) VALUES (%(org)s, #21, #13);
    INSERT INTO astra.agent_collaborators (org_id, agent_id, user_id, team_id, permission)
    VALUES (%(org)s, #31, #12, NULL, 'view'), (%(org)s, #31, NULL, #21, 'run');
    INSERT INTO astra.tool_definitions (org_id, agent_id, name) VALUES
        (%(org)s, #31, 'read'), (%(org)s, #31, 'write');
    INSERT INTO astra.workers (org_id, id, hostname) VALUES (%(org)s, #61, 'h');
    INSERT INTO astra.goals (org_id, id, agent_id, goal_text, cascade_id, depends_on_goal_ids)
    VALUES
        (%(org)s, #41, #31, 'g', #90, '{}'), (%(org)s, #42, #31, 'g', #90, ARRAY[#41::uuid]),
        (%(org)s, #43, #31, 'g', NULL, '{}'), (%(org)s, #44, #31, 'g', #90, '{}'),
        (%(org)s, #45, #32, 'g', NULL, '{}');
    INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
        (%(org)s, #51, #41, 't'), (%(org)s, #52, #41, 't'), (%(org)s, #53, #41, 't'),
        (%(org)s, #54, #44, 't'), (%(org)s, #55, #41, 't'),
        (%(org)s, #57, #45, 't'), (%(org)s, #58, #45, 't');
    INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
        (%(org)s, #41, #52, #51), (%(org)s, #41, #53, #52);
    INSERT INTO astra.approval_requests
        (org_id, id, request_type, goal_id, task_id, requested_by, required_approvals)
    VALUES
        (%(org)s, #81, 'risky_task', #41, #53, #11, 2), (%(org)s, #82, 'plan', #43, NULL, NULL, 1);
    INSERT INTO astra.token_reservations (org_id, id, agent_id, tokens) VALUES
        (%(org)s, #71, #31, 100), (%(org)s, #72, #31, 200);
    INSERT INTO astra.memories (org_id, id, agent_id, memory_type, content, embedding)
    VALUES (%(org)s, #91, #31, 'semantic', 'm', array_fill(1, ARRAY[1536])::platform.vector);
"""

# All that the twin has is otherwise: what could lend itself, or stand in the way.
OTHERWISE = """
    SET LOCAL session_replication_role = replica;
    UPDATE astra.org_memberships SET role = CASE user_id WHEN #11 THEN 'viewer' ELSE 'owner' END
    WHERE org_id = %(org)s;
    UPDATE astra.agents
    SET drain_mode = true, max_concurrent_goals = 0, daily_token_budget = 1, visibility = 'public',
        allowed_tools = '{write}', priority = 99, chat_capable = false
    WHERE org_id = %(org)s;
    INSERT INTO astra.org_memberships (org_id, user_id, role) VALUES (%(org)s, #14, 'owner');
    UPDATE astra.team_memberships SET user_id = #12 WHERE org_id = %(org)s;
    UPDATE astra.agent_collaborators SET user_id = #13, permission = 'edit'
    WHERE org_id = %(org)s AND user_id IS NOT NULL;
    UPDATE astra.agent_collaborators SET agent_id = #32, permission = 'edit'
    WHERE org_id = %(org)s AND team_id IS NOT NULL;
    INSERT INTO astra.agent_admins (org_id, agent_id, user_id) VALUES (%(org)s, #32, #12);
    UPDATE astra.agent_daily_usage SET tokens_used = 5000 WHERE org_id = %(org)s;
    UPDATE astra.workers SET status = 'stopped' WHERE org_id = %(org)s;
    UPDATE astra.goals
    SET status = CASE id WHEN #43 THEN 'active' WHEN #44 THEN 'active' WHEN #42 THEN 'pending'
            ELSE 'active' END,
        depends_on_goal_ids = '{}'
    WHERE org_id = %(org)s;
    UPDATE astra.tasks
    SET status = CASE WHEN id IN (#51, #54, #57) THEN 'running' ELSE 'pending' END,
        worker_id = #61, blockers = 0, priority = 99,
        lease_expires_at = CASE WHEN id IN (#51, #54, #57) THEN now() - interval '1 day' END
    WHERE org_id = %(org)s;
    INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
        (%(org)s, #41, #55, #51), (%(org)s, #41, #53, #55), (%(org)s, #41, #55, #53);
    UPDATE astra.approval_requests SET status = 'rejected', decided_at = now(), requested_by = #12
    WHERE org_id = %(org)s;
    INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, created_at)
    VALUES (%(org)s, #83, 'plan', #41, now() + interval '1 hour');
    UPDATE astra.memories SET content = 'of the twin' WHERE org_id = %(org)s;
    SET LOCAL session_replication_role = origin;
"""

LIFE = [
    "SELECT * FROM astra.accessible_agents(#11) ORDER BY agent_id",
    "SELECT * FROM astra.accessible_agents(#12) ORDER BY agent_id",
    "SELECT * FROM astra.accessible_agents(#13) ORDER BY agent_id",
    "SELECT name FROM astra.allowed_tools(#31)",
    "SELECT content FROM astra.search_memories(#31, array_fill(1, ARRAY[1536])::platform.vector)",
    "SELECT astra.reserve_tokens(#31, 701) IS NULL",
    "SELECT astra.reserve_tokens(#31, 700) IS NULL",
    "SELECT astra.release_tokens(#71)",
    "SELECT astra.settle_tokens(#72, 'm', 20, 3, #41) IS NULL",
    "SELECT astra.settle_tokens(#72, 'm', 20, 3, #41) IS NULL",
    "SELECT tokens_used, tokens_reserved FROM astra.agent_daily_usage WHERE org_id = %(org)s",
    "INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, task_id)"
    " VALUES (%(org)s, #84, 'risky_task', #45, #57), (%(org)s, #85, 'risky_task', #45, #58)",
    "SELECT astra.decide_approval(#83, #12, 'approved')",
    "SELECT astra.decide_approval(#84, #14, 'approved')",
    "SELECT astra.decide_approval(#84, #12, 'approved')",
    "SELECT astra.decide_approval(#85, #12, 'rejected')",
    "SELECT astra.start_goals(#32, 9)",
    "SELECT astra.start_goal(#42)",
    "SELECT astra.start_goal(#43)",
    "SELECT astra.start_goals(#31, 1)",
    "SELECT task_id, priority FROM astra.ready_tasks()",
    "SELECT task_id, priority FROM astra.ready_tasks(#41)",
    "SELECT astra.renew_leases(#61)",
    "INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)"
    " VALUES (%(org)s, #41, #51, #53)",
    "INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)"
    " VALUES (%(org)s, #41, #53, #55)",
    "INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)"
    " VALUES (%(org)s, #41, #55, #51)",
    "INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES (%(org)s, #56, #41, 't')"
    " RETURNING blockers, priority",
    "SELECT id, blockers FROM astra.tasks WHERE org_id = %(org)s ORDER BY id",
    "DELETE FROM astra.task_dependencies WHERE org_id = %(org)s AND task_id = #55",
    "SELECT id, blockers FROM astra.tasks WHERE org_id = %(org)s ORDER BY id",
    "SELECT task_id, attempts FROM astra.claim_tasks(#61, 1)",
    "SELECT astra.fail_task(#61, #51, 'oops')",
    "SELECT task_id, attempts FROM astra.claim_tasks(#61, 2) ORDER BY task_id",
    "SELECT astra.renew_leases(#61)",
    "SELECT astra.requeue_expired_tasks()",
    "SELECT astra.complete_task(#61, #51)",
    "SELECT task_id FROM astra.claim_tasks(#61, 9) ORDER BY task_id",
    "SELECT astra.complete_task(#61, #52)",
    "SELECT astra.decide_approval(#81, #11, 'approved')",
    "SELECT astra.decide_approval(#81, #12, 'approved')",
    "SELECT astra.decide_approval(#81, #13, 'approved')",
    "SELECT astra.complete_task(#61, #55)",
    "SELECT task_id FROM astra.claim_tasks(#61, 9) ORDER BY task_id",
    "SELECT astra.complete_task(#61, #53)",
    "SELECT astra.complete_task(#61, #56)",
    "SELECT id, status FROM astra.goals WHERE org_id = %(org)s ORDER BY id",
    "SELECT astra.start_goal(#42)",
    "SELECT astra.start_goals(#31, 9)",
    "SELECT task_id FROM astra.claim_tasks(#61, 1, '1 microsecond')",
    "SELECT astra.requeue_expired_tasks()",
    "SELECT astra.cancel_goal(#43)",
    "SELECT astra.cancel_cascade(#90)",
    "INSERT INTO astra.chat_sessions (org_id, agent_id, user_id) VALUES (%(org)s, #31, #11)",
    "UPDATE astra.agents SET priority = 8 WHERE org_id = %(org)s",
    "SELECT agent_id, max(revision) FROM astra.agent_config_revisions WHERE org_id = %(org)s"
    " GROUP BY 1 ORDER BY 1",
    "SELECT id, status, blockers, attempts FROM astra.tasks WHERE org_id = %(org)s ORDER BY id",
    "SELECT id, status FROM astra.goals WHERE org_id = %(org)s ORDER BY id",
    "SELECT status, jsonb_array_length(approvals) FROM astra.approval_requests"
    " WHERE org_id = %(org)s ORDER BY id",
    "SELECT event_type, subject_id FROM astra.events WHERE org_id = %(org)s ORDER BY id",
]


@contextmanager
def world(dsn: str, *, with_twin: bool) -> Iterator[psycopg.Connection]:
    """Yield a session of the superuser with the organisation; whatever happens is taken back.

    The twin is older, so that its rows are met first.
    """
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        if connection.execute("SELECT to_regnamespace('astra')").fetchone() == (None,):
            pytest.skip("astra: this PostgreSQL has no extension vector")
        if with_twin:
            connection.execute(named(WORLD).encode(), {"org": TWIN})
            connection.execute(named(OTHERWISE).encode(), {"org": TWIN})
        connection.execute(named(WORLD).encode(), {"org": ORG})
        connection.execute("SELECT platform.set_tenant(%s)", [ORG])
        yield connection
        connection.rollback()


def answer_to(connection: psycopg.Connection, statement: str) -> object:
    """Return the rows of a statement, or the SQLSTATE with which it is refused."""
    try:
        with connection.transaction():
            cursor = connection.execute(named(statement).encode(), {"org": ORG})
            return cursor.fetchall() if cursor.description else cursor.rowcount
    except psycopg.Error as error:
        return error.sqlstate


def rows_of_the_twin(connection: psycopg.Connection) -> dict[str, list[str]]:
    tables = connection.execute(
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relnamespace = 'astra'::regnamespace AND relkind = 'r'"
        " AND relname <> 'organizations'"
    ).fetchall()
    assert len(tables) > 20
    return {
        table: sorted(
            row
            for (row,) in connection.execute(
                f"SELECT to_jsonb(t)::text FROM {table} AS t WHERE org_id = %s".encode(),  # noqa: S608
                [TWIN],
            )
        )
        for (table,) in tables
    }


def test_a_twin_with_the_same_ids_neither_matters_nor_changes(deployed: str) -> None:
    with world(deployed, with_twin=False) as connection:
        alone = [(statement, answer_to(connection, statement)) for statement in LIFE]
    with world(deployed, with_twin=True) as connection:
        before = rows_of_the_twin(connection)
        beside = [(statement, answer_to(connection, statement)) for statement in LIFE]
        after = rows_of_the_twin(connection)

    assert beside == alone
    assert after == before
    # It is a life: most of it is not refused, and what is has different reasons.
    refused = [answer for _, answer in alone if isinstance(answer, str)]
    assert len(refused) < len(LIFE) / 3
    assert {"MU411", "MU415", "MU416", "MU421", "P0002"} <= set(refused)

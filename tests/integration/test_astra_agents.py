"""Agents of astra: their history under many who change them, and who may use them, by index.

With `--rounds N` each race is run N times.
"""

from __future__ import annotations

import psycopg
import pytest
from tests.planner import AGENT, AS_ORG, ORG, at_once, client, found, rows, value

CLIENTS = 8
CHANGES = 10
SHARES = 2000

HISTORY = (
    "SELECT revision, payload ->> 'priority', created_at"
    " FROM astra.agent_config_revisions ORDER BY revision"
)


@pytest.fixture
def dsn(deployed: str, round_no: int) -> str:
    return found(deployed)


def test_many_change_an_agent_and_its_history_has_no_gap(dsn: str) -> None:
    def change(connection: psycopg.Connection, place: int) -> None:
        for number in range(CHANGES):
            connection.execute(
                "UPDATE astra.agents SET priority = %s", [1 + place * CHANGES + number]
            )

    at_once(dsn, CLIENTS, change)

    with client(dsn) as observer:
        history = rows(observer, HISTORY)
        last = value(observer, "SELECT priority::text FROM astra.agents")
    assert [revision for revision, *_ in history] == list(range(1, 2 + CLIENTS * CHANGES))
    assert len({priority for _, priority, _ in history}) == len(history)
    assert history[-1][1] == last
    times = [time for *_, time in history]
    assert times == sorted(times)


def test_a_revision_is_of_the_time_of_the_change_whoever_began_first(dsn: str) -> None:
    with psycopg.connect(dsn, options=AS_ORG) as slow, client(dsn) as quick:
        # The transaction has begun, and with it stands its now().
        value(slow, "SELECT now()")
        quick.execute("UPDATE astra.agents SET priority = 1")
        slow.execute("UPDATE astra.agents SET priority = 2")
        slow.commit()
        times = [time for *_, time in rows(quick, HISTORY)]

    assert len(times) == 3
    assert times == sorted(times)


def test_who_may_use_agents_is_found_without_reading_what_others_share(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT platform.set_tenant(%s)", [ORG])
        for statement in (
            "INSERT INTO astra.users (org_id, email)"
            " SELECT %(org)s, n || '@example.org' FROM generate_series(1, %(shares)s) AS n",
            "INSERT INTO astra.org_memberships (org_id, user_id)"
            " SELECT org_id, id FROM astra.users WHERE org_id = %(org)s",
            "INSERT INTO astra.teams (org_id, name) VALUES (%(org)s, 'red'), (%(org)s, 'blue')",
            "INSERT INTO astra.team_memberships (org_id, team_id, user_id)"
            " SELECT t.org_id, t.id, u.id FROM astra.teams AS t"
            " INNER JOIN astra.users AS u ON u.org_id = t.org_id AND u.email = '1@example.org'",
            "INSERT INTO astra.agent_collaborators (org_id, agent_id, user_id)"
            " SELECT org_id, %(agent)s, id FROM astra.users",
            "INSERT INTO astra.agent_collaborators (org_id, agent_id, team_id, permission)"
            " SELECT org_id, %(agent)s, id, 'edit' FROM astra.teams",
        ):
            connection.execute(statement.encode(), {"org": ORG, "agent": AGENT, "shares": SHARES})
        connection.execute("ANALYZE astra.agent_collaborators, astra.team_memberships")
        connection.commit()

        connection.execute("SELECT platform.set_tenant(%s)", [ORG])
        asked = rows(
            connection,
            "SELECT x.permission FROM astra.users AS u"
            " CROSS JOIN LATERAL astra.accessible_agents(u.id) AS x"
            " WHERE u.email = '1@example.org'",
        )
        read = value(
            connection,
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relid = 'astra.agent_collaborators'::regclass",
        )

    assert asked == ["edit"]
    assert read < SHARES / 100

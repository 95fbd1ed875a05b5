"""Every change of every plan goes, leaves nothing behind, and comes back.

The servers here are of their own: the roles of muniment belong to a whole cluster, and what is said
about them holds only while nobody else has them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.fix_postgres import NEED_VECTOR, ROOT, Cluster, Clusters, has_vector, installations

from muniment._db import connect
from muniment.errors import RevertRefused
from muniment.migrate import engine
from muniment.migrate.events import Event, Notice
from muniment.migrate.plan import Change

PROJECTS = engine.Projects(ROOT / "sql")
SETTINGS = engine.Settings(engine.Committer("Test", "test@example.org"), tool="muniment tests")
VECTOR = "platform:vector"

# What pg_dump would say about the registry differs from run to run, and is tested with the engine.
REGISTRY = (
    "--exclude-schema=sqitch",
    "--exclude-schema=muniment",
    "--exclude-table=public._yoyo*",
)

# Rows of the cluster, not of a database: who there is, who is whose member, with which settings,
# and what they have rights to.
CLUSTER_STATE = """
    SELECT 'role', to_jsonb(r) - 'oid' FROM pg_roles AS r
    UNION ALL
    SELECT 'member', jsonb_build_array(m.roleid::regrole, m.member::regrole, m.grantor::regrole)
    FROM pg_auth_members AS m
    UNION ALL
    SELECT 'comment', to_jsonb(d.description)
    FROM pg_shdescription AS d
    WHERE d.classoid = 'pg_authid'::regclass
    UNION ALL
    SELECT 'setting', jsonb_build_array(s.setrole::regrole, s.setconfig)
    FROM pg_db_role_setting AS s
    UNION ALL
    SELECT 'default', jsonb_build_array(a.defaclrole::regrole, a.defaclobjtype, a.defaclacl::text)
    FROM pg_default_acl AS a
    UNION ALL
    SELECT 'dependency', jsonb_build_array(d.classid::regclass, d.refobjid::regrole, d.deptype)
    FROM pg_shdepend AS d
    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid::regrole::text ~ '^muniment_'
    ORDER BY 1, 2
"""

RUN_KEY_ROW = """
    INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
    VALUES (
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1',
        '2026-06-10 12:00:00+00'
    );
"""
# Together they come one after the other.
KEY_FIRST = "SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;"
RUN_ROW = """
    INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
    SELECT firm_id, run_id, started_at, run_id, 'planner' FROM agents.agent_run_key;
"""
SESSION_ROW = """
    INSERT INTO agents.chat_session (firm_id) VALUES ('00000000-0000-4000-8000-00000000000a');
"""
TURN_ROW = """
    INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role)
    SELECT firm_id, '2026-06-10 12:00:00+00', session_id, 1, 'user' FROM agents.chat_session;
"""
CALL_ROW = """
    INSERT INTO agents.tool_call (
        firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
        definition_sha256
    )
    SELECT
        run.firm_id, run.started_at, run.run_id, run.started_at, 1, tool.tool_name,
        tool.tool_version, tool.definition_sha256
    FROM agents.agent_run_key AS run
    CROSS JOIN (SELECT * FROM agents.tool_registry LIMIT 1) AS tool;
"""

# The least that makes a table hold evidence when everything up to its change is deployed.
EVIDENCE = {
    "agents:chat_session": SESSION_ROW,
    "agents:agent_run_key": RUN_KEY_ROW,
    "agents:agent_run": KEY_FIRST + RUN_KEY_ROW + RUN_ROW,
    "agents:chat_turn": SESSION_ROW + TURN_ROW,
    "agents:tool_call": KEY_FIRST + RUN_KEY_ROW + RUN_ROW + CALL_ROW,
}


# A server without anybody's roles --------------------------------------------


@pytest.fixture(scope="module")
def own_clusters() -> Iterator[Clusters]:
    started = Clusters()
    yield started
    started.stop()


@pytest.fixture(params=list(installations()))
def cluster(own_clusters: Clusters, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The server; what roles a test leaves in it go with the test."""
    cluster = own_clusters.get(request.param)
    yield cluster
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        for (role,) in connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname ~ '^(muniment|test)_'"
        ).fetchall():
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def changes_for(dsn: str, *, with_vector: bool | None = None) -> list[Change]:
    """Return the changes that a server can run, in the order of deployment.

    Without pgvector those that require it are left out, and what comes after them in their plans.
    """
    if with_vector is None:
        with connect(dsn) as connection:
            with_vector = has_vector(connection)
    found: list[Change] = []
    ended: set[str] = set()
    for change in PROJECTS.steps([]):
        needs = {f"{one.project}:{one.change}" for one in change.requires} | {change.qualified}
        if VECTOR in needs and not with_vector:
            ended.add(change.project)
        if change.project not in ended:
            found.append(change)
    return found


def test_all_plans_are_tried() -> None:
    wanted = [target.project for target in PROJECTS.default_targets]
    planned = {change for name in wanted for change in PROJECTS.plan(name).changes}

    assert set(PROJECTS.steps([])) == planned


# The engine, to the end --------------------------------------------------------


def deploy(dsn: str, changes: Sequence[Change]) -> list[Event]:
    targets = [engine.Target(change.project, change.change_id) for change in changes]
    with connect(dsn) as connection:
        return list(engine.deploy(connection, PROJECTS, targets, settings=SETTINGS))


def revert(dsn: str, *, keep: Change | None) -> list[Event]:
    """Revert what was deployed after a change; None reverts everything."""
    target = engine.Target(keep.project, keep.change_id) if keep else None
    with connect(dsn) as connection:
        return list(
            engine.revert(connection, PROJECTS, PROJECTS.names, keep=target, settings=SETTINGS)
        )


def verify(dsn: str) -> list[Event]:
    """Run the verify script of all that is deployed; a failure raises."""
    with connect(dsn) as connection:
        return list(engine.verify(connection, PROJECTS))


# What a database and a cluster hold --------------------------------------------


def dump(cluster: Cluster, dsn: str) -> list[str]:
    """Return what the server's own pg_dump says, schema and rows, but for the registry."""
    done = cluster.programs.run("pg_dump", *REGISTRY, f"--dbname={dsn}")
    assert done.returncode == 0, done.stderr
    # From 15.14, 16.10, 17.6 on, psql is told a random word before and after.
    return [
        line
        for line in done.stdout.splitlines()
        if not line.startswith(("\\restrict ", "\\unrestrict "))
    ]


def assert_same(before: list[str], after: list[str], *, what: str) -> None:
    if before != after:
        lines = difflib.unified_diff(before, after, "before", "after", lineterm="")
        pytest.fail(f"{what}:\n" + "\n".join(lines), pytrace=False)


def cluster_state(cluster: Cluster) -> list[str]:
    with psycopg.connect(cluster.dsn()) as connection:
        return [f"{kind} {row}" for kind, row in connection.execute(CLUSTER_STATE)]


def muniment_roles(cluster: Cluster) -> set[str]:
    with psycopg.connect(cluster.dsn()) as connection:
        rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^muniment_'")
        return {name for (name,) in rows}


@contextmanager
def administrator(cluster: Cluster, dsn: str, *, inherit: str) -> Iterator[str]:
    """Make a role that owns the database and makes roles, but is no superuser; yield its DSN."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"CREATE ROLE test_admin LOGIN CREATEROLE {inherit}")
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO test_admin").format(sql.Identifier(name))
        )
    yield make_conninfo(dsn, user="test_admin")


# Promises ----------------------------------------------------------------------


# Step by step takes minutes for the large projects: those go so on one server, the newest, and all
# together on the others.
STEP_BY_STEP = [
    (server, target.project)
    for place, server in enumerate(installations())
    for target in PROJECTS.default_targets
    if place == 0 or target.project not in NEED_VECTOR
]


@pytest.mark.parametrize(("cluster", "project"), STEP_BY_STEP, indirect=["cluster"])
def test_each_change_goes_without_residue_and_comes_back(cluster: Cluster, project: str) -> None:
    """Project by project, on what it requires, since pg_dump takes longer the more there is."""
    changes = PROJECTS.steps([engine.Target(project)])
    required = [change for change in changes if change.project != project]
    own = [change for change in changes if change.project == project]
    with cluster.database() as dsn:
        pristine = dump(cluster, dsn)
        if required:
            deploy(dsn, required)
        before = dump(cluster, dsn)
        previous = required[-1] if required else None
        for change in own:
            # That includes the verify script of this change; those of all come at the end.
            deploy(dsn, [change])
            revert(dsn, keep=previous)
            assert_same(before, dump(cluster, dsn), what=f"{change.qualified} leaves something")

            deploy(dsn, [change])
            before = dump(cluster, dsn)
            previous = change

        verify(dsn)
        revert(dsn, keep=None)
        assert_same(pristine, dump(cluster, dsn), what="all together leave something")

        deploy(dsn, changes)
        assert_same(schema_of(before), schema_of(dump(cluster, dsn)), what="deployed differently")
        revert(dsn, keep=None)


def test_the_last_revert_leaves_nothing(cluster: Cluster, own_clusters: Clusters) -> None:
    cluster = own_clusters.with_vector(cluster) or cluster
    with cluster.database() as dsn:
        pristine = dump(cluster, dsn)
        before = cluster_state(cluster)

        deploy(dsn, changes_for(dsn))
        assert cluster_state(cluster) != before
        verify(dsn)
        revert(dsn, keep=None)

        assert_same(pristine, dump(cluster, dsn), what="all together leave something")
        assert_same(before, cluster_state(cluster), what="the cluster is not as it was")


def test_roles_that_another_database_uses_stay(cluster: Cluster) -> None:
    with cluster.database() as one, cluster.database() as other:
        changes = changes_for(one)
        deploy(one, changes)
        deploy(other, changes)
        roles = muniment_roles(cluster)
        kept = dump(cluster, other)

        events = revert(one, keep=None)

        assert muniment_roles(cluster) == roles
        told = "\n".join(event.message for event in events if isinstance(event, Notice))
        assert {role for role in roles if f"role {role} stays" in told} == roles
        verify(other)
        assert_same(kept, dump(cluster, other), what="the other database has changed")

        deploy(one, changes)
        verify(one)
        assert_same(schema_of(kept), schema_of(dump(cluster, one)), what="deployed differently")

        revert(one, keep=None)
        revert(other, keep=None)
        assert muniment_roles(cluster) == set()


def schema_of(dumped: list[str]) -> list[str]:
    """Return a dump without its rows: when they were made, they say themselves."""
    kept: list[str] = []
    copying = False
    for line in dumped:
        if not copying:
            kept.append(line)
        copying = (copying or line.startswith("COPY ")) and line != "\\."
    return kept


@pytest.mark.parametrize("inherit", ["INHERIT", "NOINHERIT"])
def test_an_administrator_who_is_no_superuser_is_enough(cluster: Cluster, inherit: str) -> None:
    with cluster.database() as dsn, administrator(cluster, dsn, inherit=inherit) as admin:
        pristine = dump(cluster, dsn)
        state = cluster_state(cluster)
        # Unless the server trusts pgvector, a superuser has to install it.
        changes = changes_for(dsn, with_vector=False)
        deploy(admin, changes)
        verify(admin)
        revert(admin, keep=None)
        assert_same(pristine, dump(cluster, dsn), what="the administrator leaves something")
        assert_same(state, cluster_state(cluster), what="the cluster is not as it was")

        deploy(admin, changes)
        verify(admin)


@pytest.mark.parametrize("name", list(EVIDENCE))
def test_a_table_with_rows_is_not_reverted(cluster: Cluster, name: str) -> None:
    with cluster.database() as dsn:
        changes = changes_for(dsn)
        last = next(place for place, change in enumerate(changes) if change.qualified == name)
        deploy(dsn, changes[: last + 1])
        with psycopg.connect(dsn) as superuser:
            superuser.execute(EVIDENCE[name])
        before = dump(cluster, dsn)

        with pytest.raises(RevertRefused) as caught:
            revert(dsn, keep=changes[last - 1])

        assert caught.value.sqlstate == "MU900"
        assert caught.value.change == name
        assert name.replace(":", ".") in caught.value.message
        # Not only are the rows there: row security, which the script lifted to see them, is back.
        assert_same(before, dump(cluster, dsn), what=f"{name} was changed")
        with psycopg.connect(dsn) as superuser:
            forced = superuser.execute(
                "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class"
                " WHERE oid = to_regclass(%s)",
                [name.replace(":", ".")],
            ).fetchone()
        assert forced == (True,)

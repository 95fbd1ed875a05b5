"""What `muniment doctor` finds in the catalogue and the settings; its commands repair it.

Where a repair writes DDL, the dump afterwards is that of before the illness.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo
from tests.fix_postgres import LEDGER, ROOT, Cluster, installations
from tests.patient import Patient
from tests.processes import eventually
from tests.sample import SETTINGS, Sample

from muniment import embedded
from muniment._db import connect
from muniment.migrate import engine

SQL = ROOT / "sql"
THREE_MONTHS = "SELECT agents.ensure_partitions((now() AT TIME ZONE 'UTC')::date, 3)"


@pytest.fixture(scope="module")
def own_server(server: Cluster) -> Iterator[Cluster]:
    """A server whose roles are nobody else's."""
    cluster = Cluster(server.name, installations()[server.name])
    yield cluster
    cluster.stop()


@pytest.fixture
def patient(own_server: Cluster) -> Iterator[Patient]:
    """A ledger with this month and the next two."""
    with own_server.database(template=own_server.template(*LEDGER)) as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(THREE_MONTHS)
        yield Patient(dsn, SQL)


@pytest.fixture
def connection(patient: Patient) -> Iterator[psycopg.Connection]:
    with psycopg.connect(patient.dsn, autocommit=True, application_name="the test") as opened:
        yield opened


def dump(cluster: Cluster, patient: Patient) -> str:
    """Return everything but rows, with owners, rights and policies."""
    done = cluster.programs.run("pg_dump", "-s", "-d", patient.dsn)
    assert done.returncode == 0, done.stderr
    # A key against injection is another one each time.
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


@contextmanager
def cured(cluster: Cluster, patient: Patient) -> Iterator[None]:
    """Hold a test to leave the schema as it was, and well."""
    assert patient.ill() == {}
    before = dump(cluster, patient)
    yield
    assert patient.ill() == {}
    assert dump(cluster, patient) == before


# Left half way -----------------------------------------------------------------


def test_an_index_that_was_left_half_built_is_built_anew(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute('CREATE TABLE "T t" (id integer)')
    connection.execute('INSERT INTO "T t" VALUES (1), (1)')
    with pytest.raises(errors.UniqueViolation):
        connection.execute('CREATE UNIQUE INDEX CONCURRENTLY "T ix" ON "T t" (id)')
    connection.execute('DELETE FROM "T t"')

    finding = patient.finding("indexes")

    assert finding.object == 'public."T ix"'
    assert finding.repair[0].command == 'REINDEX INDEX CONCURRENTLY public."T ix";'
    patient.treat(finding)
    assert patient.ill() == {}


@pytest.mark.parametrize(
    ("mode", "leftover"), [("ROW EXCLUSIVE", "t_ix_ccnew"), ("ACCESS SHARE", "t_ix_ccold")]
)
def test_what_an_interrupted_reindex_has_left_is_dropped(
    patient: Patient, connection: psycopg.Connection, mode: str, leftover: str
) -> None:
    connection.execute("CREATE TABLE t (id integer)")
    connection.execute("CREATE INDEX t_ix ON t (id)")
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(patient.dsn) as user,
        psycopg.connect(patient.dsn, autocommit=True) as builder,
    ):
        # It waits for writers before it builds the new index, for readers before it drops the old.
        user.execute(f"LOCK TABLE t IN {mode} MODE".encode())
        building = pool.submit(builder.execute, "REINDEX INDEX CONCURRENTLY t_ix")
        eventually(lambda: invalid(connection) == [leftover], f"{leftover} is there")
        going_on = patient.examine()["indexes"]
        builder.cancel()
        with pytest.raises(errors.QueryCanceled):
            building.result()

    assert (going_on.state, going_on.notes) == ("ok", (f"public.{leftover} is being built",))
    finding = patient.finding("indexes")
    assert finding.repair[0].command == f"DROP INDEX CONCURRENTLY public.{leftover};"
    patient.treat(finding)
    assert patient.ill() == {}


def invalid(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE NOT indisvalid"
    )
    return [name for (name,) in found]


def test_an_index_that_is_being_built_is_known_by_its_lock_too(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE t (id integer)")
    connection.execute("CREATE ROLE blind LOGIN")
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(patient.dsn) as reader,
        psycopg.connect(patient.dsn, autocommit=True) as builder,
    ):
        reader.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        building = pool.submit(builder.execute, "CREATE INDEX CONCURRENTLY t_ix ON t (id)")
        eventually(lambda: invalid(connection) == ["t_ix"], "the index is there")
        blind = patient.examine(dsn=make_conninfo(patient.dsn, user="blind"))
        reader.commit()
        building.result()
    connection.execute("DROP ROLE blind")

    assert blind["indexes"].notes == ("public.t_ix is being built",)
    assert patient.ill() == {}


def test_a_partitioned_index_that_waits_for_its_leaves_is_not_ill(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE t (id integer) PARTITION BY RANGE (id)")
    connection.execute("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (2)")
    connection.execute("CREATE INDEX t_ix ON ONLY t (id)")

    assert invalid(connection) == ["t_ix"]
    assert patient.ill() == {}


def test_a_partition_that_is_half_detached_is_detached(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE t (id integer) PARTITION BY RANGE (id)")
    connection.execute('CREATE TABLE "T 1" PARTITION OF t FOR VALUES FROM (1) TO (2)')
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(patient.dsn) as reader,
        psycopg.connect(patient.dsn, autocommit=True) as other,
    ):
        reader.execute("TABLE t")
        detaching = pool.submit(other.execute, 'ALTER TABLE t DETACH PARTITION "T 1" CONCURRENTLY')
        eventually(
            lambda: bool(
                connection.execute("SELECT FROM pg_inherits WHERE inhdetachpending").rowcount
            ),
            "it is half detached",
        )
        going_on = patient.examine()["partitions"]
        connection.execute("CREATE ROLE blind LOGIN")
        hidden = patient.examine(dsn=make_conninfo(patient.dsn, user="blind"))["partitions"]
        connection.execute("DROP ROLE blind")
        other.cancel()
        with pytest.raises(errors.QueryCanceled):
            detaching.result()

    assert (going_on.state, going_on.notes) == ("ok", ('public."T 1" is being detached',))
    assert hidden.state == "unknown"
    finding = patient.finding("partitions")
    assert finding.object == 'public."T 1"'
    patient.treat(finding)
    assert patient.ill() == {}
    assert (
        connection.execute("SELECT FROM pg_inherits WHERE inhparent = 't'::regclass").rowcount == 0
    )


def test_constraints_that_were_never_proved_are_validated(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE t (id integer) PARTITION BY RANGE (id)")
    connection.execute("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (2)")
    connection.execute('ALTER TABLE t ADD CONSTRAINT "T ck" CHECK (id > 0) NOT VALID')
    connection.execute("CREATE DOMAIN d AS integer")
    connection.execute("ALTER DOMAIN d ADD CONSTRAINT d_ck CHECK (value > 0) NOT VALID")

    found = patient.ill()

    assert list(found) == ["constraints"]
    assert [one.object for one in found["constraints"]] == [
        "d_ck on public.d",
        '"T ck" on public.t',
    ]
    for finding in found["constraints"]:
        patient.treat(finding)
    assert patient.ill() == {}


def test_a_constraint_that_is_not_enforced_is_no_promise(
    own_server: Cluster, patient: Patient, connection: psycopg.Connection
) -> None:
    if own_server.major < 18:
        pytest.skip("NOT ENFORCED came with PostgreSQL 18")
    connection.execute("CREATE TABLE t (id integer CHECK (id > 0) NOT ENFORCED)")

    assert patient.ill() == {}


# Roles and owners --------------------------------------------------------------


def test_a_role_that_is_missing_is_made(
    own_server: Cluster, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("ALTER ROLE muniment_service RENAME TO somebody_else")
    try:
        (finding,) = patient.examine()["roles"].findings
        assert finding.object == "muniment_service"
        patient.treat(finding)
        assert patient.examine()["roles"].findings == ()
    finally:
        connection.execute("DROP ROLE IF EXISTS muniment_service")
        connection.execute("ALTER ROLE somebody_else RENAME TO muniment_service")
    assert patient.ill() == {}


def test_what_a_group_role_must_not_have_is_taken_away(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE ROLE grantor CREATEROLE")
    connection.execute("ALTER ROLE muniment_app LOGIN BYPASSRLS")
    connection.execute("GRANT muniment_service TO grantor WITH ADMIN OPTION")
    connection.execute("SET ROLE grantor")
    connection.execute("GRANT muniment_service TO muniment_reader")
    connection.execute("RESET ROLE")
    connection.execute("ALTER ROLE muniment_owner SET work_mem = '1GB'")
    database = urlsplit(patient.dsn).path.removeprefix("/")
    connection.execute(
        sql.SQL("ALTER ROLE muniment_owner IN DATABASE {} SET row_security = off").format(
            sql.Identifier(database)
        )
    )
    try:
        found = patient.ill()

        assert list(found) == ["roles"]
        assert [one.object for one in found["roles"]] == [
            "muniment_app",
            "muniment_reader",
            "muniment_owner",
            "muniment_owner",
        ]
        assert found["roles"][0].repair[0].command == (
            'ALTER ROLE "muniment_app" NOBYPASSRLS NOLOGIN;'
        )
        for finding in found["roles"]:
            patient.treat(finding)
        assert patient.ill() == {}
        patient.run("muniment", "verify")
    finally:
        connection.execute("ALTER ROLE muniment_app NOLOGIN NOBYPASSRLS")
        connection.execute("ALTER ROLE muniment_owner RESET ALL")
        connection.execute("DROP OWNED BY grantor")
        connection.execute("DROP ROLE grantor")


def test_roles_are_of_no_concern_before_they_are_deployed(tmp_path: Path, database: str) -> None:
    sample = Sample(tmp_path)
    sample.add("p:a")
    with connect(database) as opened:
        list(engine.deploy(opened, sample.projects, settings=SETTINGS))

    found = Patient(database, sample.sql).examine()["roles"]

    assert found.notes == ("platform:roles is not deployed",)


@contextmanager
def login(connection: psycopg.Connection, *grants: str) -> Iterator[str]:
    """Make a login that may do little, and yield its DSN."""
    connection.execute("CREATE ROLE deployer LOGIN")
    try:
        for grant in grants:
            connection.execute(grant.encode())
        yield make_conninfo(connection.info.dsn, user="deployer")
    finally:
        connection.execute("DROP OWNED BY deployer")
        connection.execute("DROP ROLE deployer")


REGISTRY = (
    "GRANT USAGE ON SCHEMA sqitch, muniment TO deployer",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sqitch, muniment TO deployer",
)


@pytest.mark.parametrize("is_member", [False, True])
def test_a_deployer_who_may_not_act_as_the_owner_is_made_a_member(
    own_server: Cluster, patient: Patient, connection: psycopg.Connection, is_member: bool
) -> None:
    if is_member and own_server.major < 16:
        pytest.skip("a membership without SET came with PostgreSQL 16")
    member = ["GRANT muniment_owner TO deployer WITH SET FALSE"] if is_member else []
    with login(connection, *REGISTRY, *member) as dsn:
        (finding,) = patient.examine(dsn=dsn)["deployer"].findings

        assert finding.object == "deployer"
        assert ("but not so that it may SET ROLE" in finding.meaning) is is_member
        patient.treat(finding)
        assert patient.examine(dsn=dsn)["deployer"].state == "ok"
        with psycopg.connect(dsn) as session:
            session.execute("SET ROLE muniment_owner")


def test_a_deployer_who_may_not_write_the_registry_is_granted_it(
    patient: Patient, connection: psycopg.Connection, tmp_path: Path
) -> None:
    sample = Sample(tmp_path)
    sample.add("p:a", deploy="SELECT 1;", revert="SELECT 1;", verify="SELECT 1;")
    with login(connection, "GRANT muniment_owner TO deployer") as dsn:
        (finding,) = patient.examine(dsn=dsn)["deployer"].findings

        patient.treat(finding)

        assert patient.examine(dsn=dsn)["deployer"].state == "ok"
        with connect(dsn) as session:
            list(engine.deploy(session, sample.projects, settings=SETTINGS))


def test_a_deployer_who_may_do_both_can_deploy(
    patient: Patient, connection: psycopg.Connection
) -> None:
    with login(connection, *REGISTRY, "GRANT muniment_owner TO deployer") as dsn:
        found = patient.examine(dsn=dsn)["deployer"]

    assert (found.state, found.notes) == ("ok", ())


@pytest.mark.parametrize(
    "illness",
    [
        "ALTER TABLE agents.chat_session OWNER TO postgres",
        "ALTER TABLE agents.tool_call_p202605 OWNER TO postgres",
        "ALTER FUNCTION agents.ensure_partitions(date, integer) OWNER TO postgres",
        "ALTER FUNCTION platform.set_tenant(uuid) OWNER TO postgres",
        "ALTER SCHEMA agents OWNER TO postgres",
    ],
)
def test_what_belongs_to_somebody_else_is_given_back(
    own_server: Cluster, patient: Patient, connection: psycopg.Connection, illness: str
) -> None:
    with cured(own_server, patient):
        connection.execute(illness.encode())
        (finding,) = patient.examine()["ownership"].findings
        assert finding.repair[0].command == illness.replace("postgres", "muniment_owner") + ";" or (
            "FUNCTION" in illness and "OWNER TO muniment_owner;" in finding.repair[0].command
        )
        patient.treat(finding)


# Rows ----------------------------------------------------------------------------


LEAF = "agents.tool_call_p202605"
OTHERS = "USING (true) WITH CHECK (true)"


@pytest.mark.parametrize(
    ("illness", "table", "meaning"),
    [
        (
            "ALTER TABLE agents.chat_session NO FORCE ROW LEVEL SECURITY",
            "agents.chat_session",
            "row security does not bind its owner",
        ),
        (
            "ALTER TABLE agents.chat_session DISABLE ROW LEVEL SECURITY",
            "agents.chat_session",
            "row security is off: whoever may read it reads every tenant's rows",
        ),
        (
            f"ALTER TABLE {LEAF} NO FORCE ROW LEVEL SECURITY",
            LEAF,
            "row security does not bind its owner",
        ),
        (
            "DROP POLICY chat_session_tenant ON agents.chat_session",
            "agents.chat_session",
            "its policy chat_session_tenant is missing",
        ),
        (
            "DROP POLICY tool_call_tenant_guard ON agents.tool_call",
            "agents.tool_call",
            "its policy tool_call_tenant_guard is missing",
        ),
        (
            f"DROP POLICY tool_call_p202605_owner ON {LEAF}",
            LEAF,
            "its policy tool_call_p202605_owner is missing",
        ),
        (
            "DROP POLICY chat_session_tenant_guard ON agents.chat_session;"
            " CREATE POLICY chat_session_tenant_guard ON agents.chat_session"
            " TO muniment_app, muniment_reader, muniment_owner"
            " USING (firm_id = (SELECT platform.current_tenant_id()))"
            " WITH CHECK (firm_id = (SELECT platform.current_tenant_id()))",
            "agents.chat_session",
            "its policy chat_session_tenant_guard is not what the others of its kind are",
        ),
        (
            f"ALTER POLICY tool_call_p202605_owner ON {LEAF} {OTHERS}",
            LEAF,
            "its policy tool_call_p202605_owner is not what the others of its kind are",
        ),
        # The one that was altered is mended, not the many that were not.
        (
            f"ALTER POLICY chat_session_tenant ON agents.chat_session {OTHERS}",
            "agents.chat_session",
            "its policy chat_session_tenant is not what the others of its kind are",
        ),
        (
            "ALTER POLICY tool_call_tenant ON agents.tool_call TO muniment_app",
            "agents.tool_call",
            "its policy tool_call_tenant is not what the others of its kind are",
        ),
        (
            f'CREATE POLICY "Any" ON {LEAF} TO PUBLIC {OTHERS}',
            LEAF,
            "it has the policy Any, which the others of its kind do not have",
        ),
        (
            f"GRANT SELECT ON {LEAF} TO muniment_reader",
            LEAF,
            "muniment_reader was granted this partition; rows are reached through the whole table "
            "only",
        ),
        (
            f"GRANT INSERT (firm_id) ON {LEAF} TO PUBLIC",
            LEAF,
            "PUBLIC was granted this partition; rows are reached through the whole table only",
        ),
    ],
)
def test_whoever_is_not_held_to_a_tenant_is(
    own_server: Cluster,
    patient: Patient,
    connection: psycopg.Connection,
    illness: str,
    table: str,
    meaning: str,
) -> None:
    with cured(own_server, patient):
        connection.execute(illness.encode())

        finding = patient.finding("row_security")

        assert (finding.object, finding.meaning) == (table, meaning)
        patient.treat(finding)


def test_a_table_with_tenants_and_without_policies_gets_them(
    own_server: Cluster, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute('CREATE TABLE agents."New one" (firm_id uuid NOT NULL, note text)')
    connection.execute('ALTER TABLE agents."New one" OWNER TO muniment_owner')
    connection.execute('GRANT SELECT, INSERT ON agents."New one" TO muniment_app')

    found = patient.ill()["row_security"]

    assert {finding.object for finding in found} == {'agents."New one"'}
    assert [finding.meaning for finding in found[:2]] == [
        "its policy New one_tenant is missing",
        "its policy New one_tenant_guard is missing",
    ]
    for finding in found:
        patient.treat(finding)
    assert patient.ill() == {}
    connection.execute("BEGIN; SET LOCAL ROLE muniment_app")
    connection.execute("SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a')")
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(
            "INSERT INTO agents.\"New one\" VALUES ('00000000-0000-4000-8000-00000000000b')"
        )


# Months ----------------------------------------------------------------------------


def months(count: int) -> list[str]:
    """Return this month and those after it, as YYYY-MM."""
    now = datetime.now(UTC)
    numbers = [now.year * 12 + now.month - 1 + ahead for ahead in range(count)]
    return [f"{number // 12}-{number % 12 + 1:02}" for number in numbers]


def test_months_that_are_not_there_are_made(ledger: str) -> None:
    patient = Patient(ledger, SQL)
    first, second, third = months(3)

    finding = patient.finding("partitions_ahead")

    assert finding.object == "agents.agent_run, agents.chat_turn, agents.tool_call"
    assert f"no partition for {first}, {second}, {third}:" in finding.meaning
    assert finding.repair[0].command == f"SELECT agents.ensure_partitions('{first}-01', 3);"
    patient.treat(finding)
    assert patient.ill() == {}


def test_the_one_month_that_is_missing_is_made(
    patient: Patient, connection: psycopg.Connection
) -> None:
    second = months(2)[1]
    leaf = f"agents.tool_call_p{second.replace('-', '')}"
    connection.execute(f"ALTER TABLE agents.tool_call DETACH PARTITION {leaf}".encode())
    connection.execute(f"DROP TABLE {leaf}".encode())

    finding = patient.finding("partitions_ahead")

    assert finding.object == "agents.tool_call"
    assert finding.repair[0].command == f"SELECT agents.ensure_partitions('{second}-01', 1);"
    patient.treat(finding)
    assert patient.ill() == {}


def test_a_table_by_month_is_found_by_the_catalogue(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE agents.new (at timestamptz) PARTITION BY RANGE (at)")
    connection.execute("ALTER TABLE agents.new OWNER TO muniment_owner")

    finding = patient.finding("partitions_ahead")
    assert finding.object == "agents.new"

    connection.execute(
        "CREATE TABLE agents.new_all PARTITION OF agents.new FOR VALUES FROM (MINVALUE) TO"
        " (MAXVALUE)"
    )
    connection.execute("ALTER TABLE agents.new_all OWNER TO muniment_owner")
    assert patient.ill() == {}


def test_rows_in_a_default_partition_are_found(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE agents.tool_call_rest (LIKE agents.tool_call INCLUDING ALL)")
    connection.execute("DROP TABLE agents.tool_call_rest")
    connection.execute("CREATE TABLE agents.new (at timestamptz) PARTITION BY RANGE (at)")
    connection.execute("CREATE TABLE agents.new_rest PARTITION OF agents.new DEFAULT")
    connection.execute(
        "CREATE TABLE agents.new_all PARTITION OF agents.new FOR VALUES FROM ('2026-01-01+00') TO"
        " (MAXVALUE)"
    )
    for table in ("new", "new_rest", "new_all"):
        connection.execute(f"ALTER TABLE agents.{table} OWNER TO muniment_owner".encode())
    assert patient.ill() == {}
    connection.execute("INSERT INTO agents.new VALUES ('1999-01-01')")

    finding = patient.finding("partitions_ahead")

    assert finding.object == "agents.new_rest"
    assert finding.repair[0].command.startswith("in one transaction: detach agents.new_rest")
    connection.execute("DELETE FROM agents.new")
    assert patient.ill() == {}


# The server -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def durable() -> Iterator[str]:
    """A server with the settings of `muniment up`."""
    directory = Path(tempfile.mkdtemp(prefix="muniment-"))
    directory.chmod(0o755)
    try:
        yield embedded.start(directory / ".muniment").dsn(database="postgres")
    finally:
        embedded.stop(directory / ".muniment")
        shutil.rmtree(directory)


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_does_not_wait_for_its_disk_is_set_right(durable: str, name: str) -> None:
    patient = Patient(durable, SQL)
    assert patient.examine()["durability"].state == "ok"
    set_off(durable, name)

    (finding,) = patient.examine()["durability"].findings

    assert finding.object == name
    patient.treat(finding)
    eventually(lambda: patient.examine()["durability"].state == "ok", f"{name} is on")


def set_off(dsn: str, name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {name} = off".encode())
        connection.execute("SELECT pg_reload_conf()")

        def is_off() -> bool:
            with psycopg.connect(dsn) as another:
                return another.execute(f"SHOW {name}".encode()).fetchone() == ("off",)

        eventually(is_off, f"{name} is off")


@pytest.mark.parametrize(
    "whose", ['ROLE "A b"', 'ROLE "A b" IN DATABASE postgres', "DATABASE postgres"]
)
def test_sessions_that_begin_without_waiting_are_set_right(durable: str, whose: str) -> None:
    patient = Patient(durable, SQL)
    with psycopg.connect(durable, autocommit=True) as connection:
        connection.execute('CREATE ROLE "A b" LOGIN')
        try:
            connection.execute(f"ALTER {whose} SET synchronous_commit = off".encode())

            (finding,) = patient.examine()["durability"].findings

            assert finding.repair[0].command == (
                "ALTER " + whose.replace("postgres", '"postgres"') + " RESET synchronous_commit;"
            )
            patient.treat(finding)
            assert patient.examine()["durability"].state == "ok"
        finally:
            connection.execute('DROP ROLE "A b"')


def test_a_server_that_was_started_so_is_told_where_it_says_so(patient: Patient) -> None:
    (finding,) = patient.examine()["durability"].findings

    assert (
        finding.repair[0].command == "take fsync off the server's command line and start it again"
    )


def test_one_session_that_does_not_wait_is_only_noted(durable: str) -> None:
    dsn = make_conninfo(durable, options="-c synchronous_commit=off")

    found = Patient(durable, SQL).examine(dsn=dsn)["durability"]

    assert found.state == "ok"
    assert found.notes == ("synchronous_commit is off in this session alone",)

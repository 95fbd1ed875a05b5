"""The verify and revert scripts of the large schemas: what is broken is named, rows are kept.

Unlike the ledger, these have too many tables to list. Tables and what can be broken on them are
found in the deploy scripts and in the catalog, and everything happens in one database, in
transactions that are rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import psycopg
import pytest
from psycopg import sql
from tests.fix_pgtap import PGTAP_SETUP
from tests.fix_postgres import ROOT, Cluster, Clusters

from muniment.migrate import engine
from muniment.migrate.plan import Change
from muniment.migrate.script import Kind

PROJECTS = engine.Projects(ROOT / "sql")
# All but the ledger and its ground, which have tests of their own.
SCHEMAS = ("goclaw", "open_agents", "agentcore", "astra")
TENANT = "00000000-0000-4000-8000-00000000000a"


def _tables() -> dict[str, Change]:
    """Return the change that makes each table."""
    return {
        table: change
        for schema in SCHEMAS
        for change in PROJECTS.plan(schema).changes
        for table in re.findall(
            rf"^CREATE TABLE ({schema}\.\w+)",
            PROJECTS.script_path(change, "deploy").read_text(),
            re.MULTILINE,
        )
    }


def _keepers() -> list[str]:
    """Return the tables that a revert script looks into before it drops them."""
    return [
        table
        for table, change in TABLES.items()
        if f"IF EXISTS (SELECT FROM {table})" in PROJECTS.script_path(change, "revert").read_text()
    ]


TABLES = _tables()

# What can be broken on a table %(table)s: its name in what verify says, and the statement.
MUTANTS = """
WITH subject AS (
    SELECT oid, relowner, oid::regclass::text AS name, relacl, relrowsecurity
    FROM pg_class
    WHERE oid = %(table)s::regclass
),
part AS (
    SELECT conname AS name, oid, contype, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE conrelid = %(table)s::regclass AND contype <> 'n'
),
index AS (
    SELECT relname AS name, indexrelid AS oid
    FROM pg_index
    INNER JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = %(table)s::regclass
        AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x'))
)
SELECT attname, format('ALTER TABLE %%s RENAME COLUMN %%I TO mislaid', s.name, attname)
FROM subject AS s INNER JOIN pg_attribute ON attrelid = s.oid AND attnum > 0
UNION ALL
SELECT p.name, format(way, s.name, p.name, p.definition)
FROM subject AS s
CROSS JOIN part AS p
CROSS JOIN unnest(ARRAY[
    'ALTER TABLE %%1$s RENAME CONSTRAINT %%2$I TO mislaid',
    'ALTER TABLE %%1$s DROP CONSTRAINT %%2$I CASCADE'
]) AS way
UNION ALL
SELECT p.name, format(
    'ALTER TABLE %%1$s DROP CONSTRAINT %%2$I, ADD CONSTRAINT %%2$I %%3$s NOT VALID',
    s.name, p.name, p.definition
)
FROM subject AS s CROSS JOIN part AS p
WHERE p.contype = 'c' AND p.definition !~ 'NOT VALID'
UNION ALL
SELECT i.name, format(way, i.oid::regclass, i.oid::oid)
FROM index AS i
CROSS JOIN unnest(ARRAY[
    'DROP INDEX %%1$s', 'UPDATE pg_index SET indisvalid = false WHERE indexrelid = %%2$s'
]) AS way
UNION ALL
SELECT tgname, format(way, s.name, tgname)
FROM subject AS s
INNER JOIN pg_trigger ON tgrelid = s.oid AND NOT tgisinternal
CROSS JOIN unnest(ARRAY[
    'DROP TRIGGER %%2$I ON %%1$s', 'ALTER TABLE %%1$s DISABLE TRIGGER %%2$I'
]) AS way
UNION ALL
SELECT polname, format(
    way, s.name, polname, CASE WHEN polpermissive THEN 'RESTRICTIVE' ELSE 'PERMISSIVE' END,
    pg_get_expr(polqual, polrelid)
)
FROM subject AS s
INNER JOIN pg_policy ON polrelid = s.oid
CROSS JOIN unnest(ARRAY[
    'DROP POLICY %%2$I ON %%1$s',
    'DROP POLICY %%2$I ON %%1$s; CREATE POLICY %%2$I ON %%1$s AS %%3$s USING (%%4$s)',
    'ALTER POLICY %%2$I ON %%1$s WITH CHECK (1 = 1)',
    'ALTER POLICY %%2$I ON %%1$s TO PUBLIC'
]) AS way
UNION ALL
SELECT polname, format('ALTER POLICY %%I ON %%s USING (1 = 1)', polname, s.name)
FROM subject AS s INNER JOIN pg_policy ON polrelid = s.oid
UNION ALL
SELECT named, format(way, s.name)
FROM subject AS s
CROSS JOIN (
    VALUES
        ('more', 'CREATE POLICY more ON %%s TO muniment_maintainer'),
        (%(table)s, 'ALTER TABLE %%s NO FORCE ROW LEVEL SECURITY'),
        (%(table)s, 'ALTER TABLE %%s DISABLE ROW LEVEL SECURITY')
) AS lifted (named, way)
WHERE s.relrowsecurity
UNION ALL
-- The owner finds out when it looks at the columns, and PostgreSQL's error leaves out the schema.
SELECT split_part(s.name, '.', 2), format('ALTER TABLE %%s OWNER TO CURRENT_USER', s.name)
FROM subject AS s
UNION ALL
SELECT s.name, format('REVOKE %%s ON %%s FROM %%s', privilege_type, s.name, grantee::regrole)
FROM subject AS s CROSS JOIN LATERAL aclexplode(s.relacl)
WHERE grantee <> s.relowner
UNION ALL
SELECT s.name, format('GRANT %%s ON %%s TO %%I', privilege, s.name, role)
FROM subject AS s
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
CROSS JOIN unnest(ARRAY[
    'muniment_app', 'muniment_reader', 'muniment_service', 'muniment_maintainer'
]) AS role
WHERE NOT has_table_privilege(role, s.oid, privilege)
UNION ALL
SELECT s.name, format('GRANT SELECT ON %%s TO PUBLIC', s.name) FROM subject AS s
UNION ALL
SELECT attname, format(
    'REVOKE %%s (%%I) ON %%s FROM %%s', privilege_type, attname, s.name, grantee::regrole
)
FROM subject AS s
INNER JOIN pg_attribute ON attrelid = s.oid AND attnum > 0
CROSS JOIN LATERAL aclexplode(attacl)
UNION ALL
SELECT attname, format('GRANT %%s (%%I) ON %%s TO %%I', privilege, attname, s.name, role)
FROM subject AS s
INNER JOIN pg_attribute ON attrelid = s.oid AND attnum > 0
CROSS JOIN (
    VALUES ('muniment_app', 'UPDATE'), ('muniment_reader', 'SELECT'), ('muniment_reader', 'UPDATE')
) AS too_much (role, privilege)
WHERE NOT has_column_privilege(role, s.oid, attnum, privilege)
"""


@lru_cache
def body(change: Change, kind: Kind) -> bytes:
    return PROJECTS.script(change, kind).body.encode()


def skip_where_absent(connection: psycopg.Connection, table: str) -> None:
    """Skip a table of a schema that is not deployed, because it cannot be."""
    schema = table.split(".", 1)[0]
    if connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() == (None,):
        version = connection.info.parameter_status("server_version")
        pytest.skip(f"{schema}: the PostgreSQL {version} of this machine has no extension vector")


@pytest.fixture(scope="module")
def connection(server: Cluster, clusters: Clusters) -> Iterator[psycopg.Connection]:
    server = clusters.with_vector(server) or server
    with (
        server.database(template=server.template()) as dsn,
        # Parameters are put in by the client, so that format() in a query has them as plain text.
        psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection,
    ):
        yield connection


@pytest.fixture(scope="module")
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    """The database with a row of one tenant in every table."""
    for script in sorted(PGTAP_SETUP.glob("*.sql")):
        connection.execute(script.read_bytes())
    problems = connection.execute(
        "SELECT * FROM test_support.fill(ARRAY[%s]::uuid[])", [TENANT]
    ).fetchall()
    assert problems == []
    connection.commit()
    return connection


def _changes_of(table: str) -> list[Change]:
    """Return the change that makes a table, then those that put triggers on it later."""
    made_by = TABLES[table]
    later = [
        change
        for change in PROJECTS.plan(made_by.project).changes
        if change != made_by
        and re.search(
            rf"^CREATE TRIGGER [^;]* ON {re.escape(table)}\b",
            PROJECTS.script_path(change, "deploy").read_text(),
            re.MULTILINE,
        )
    ]
    return [made_by, *later]


@pytest.mark.parametrize("table", TABLES)
def test_what_is_broken_is_named(connection: psycopg.Connection, table: str) -> None:
    skip_where_absent(connection, table)
    changes = _changes_of(table)
    for change in changes:
        connection.execute(body(change, "verify"))
    connection.rollback()
    mutants = connection.execute(MUTANTS, {"table": table}).fetchall()
    survivors = []
    for name, statement in mutants:
        told = None
        connection.execute(statement, prepare=False)
        try:
            for change in changes:
                connection.execute(body(change, "verify"), prepare=False)
        except psycopg.Error as error:
            told = str(error.diag.message_primary)
        connection.rollback()
        if told is None or name not in told:
            survivors.append(f"{statement}: {told or 'not noticed'}")

    assert len(mutants) > 20
    assert survivors == []


# The last of the tests of this file that change nothing, and the first that needs rows.
@pytest.mark.parametrize("table", _keepers())
def test_a_table_with_rows_is_not_reverted(filled: psycopg.Connection, table: str) -> None:
    skip_where_absent(filled, table)
    script = body(TABLES[table], "revert")
    # The others of its change are asked first or not at all; what is left of them is no obstacle.
    filled.execute("SET LOCAL session_replication_role = replica")
    for other in _keepers():
        if other != table and TABLES[other] == TABLES[table]:
            filled.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*other.split("."))))
    filled.execute("SET LOCAL session_replication_role = origin")
    with pytest.raises(psycopg.Error) as caught:
        filled.execute(script, prepare=False)
    filled.rollback()

    assert caught.value.sqlstate == "MU900"
    assert table in str(caught.value.diag.message_primary)

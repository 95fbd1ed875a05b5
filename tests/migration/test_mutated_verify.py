"""Verify scripts notice what is broken, and their message names it.

Each mutation is made in a transaction that is rolled back, and the body of the verify script runs
in it, as the engine runs it. The objects to break are found in the catalog, so a constraint that
its verify script does not know of is a mutation that survives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from tests.fix_postgres import LEDGER, ROOT, Cluster

from muniment.migrate import engine

PROJECTS = engine.Projects(ROOT / "sql")

TENANT_TABLES = (
    "chat_session",
    "agent_run_key",
    "agent_run",
    "chat_turn",
    "tool_call",
    "usage_daily",
    "redaction",
    "run_seal",
)
TABLES = ("tool_registry", *TENANT_TABLES)
PARTITIONED = ("agent_run", "chat_turn", "tool_call")

# What a change adds to the table of another one, and so verifies.
ADDED_BY = {
    "agent_run_key_run_fk": "agent_run",
    "agent_run_guard_tg": "guard_agent_run",
    "chat_session_guard_tg": "guard_chat_session",
    "chat_turn_guard_tg": "guard_chat_turn",
    "tool_call_guard_tg": "guard_tool_call",
    "usage_daily_guard_tg": "guard_usage_daily",
}


@dataclass(frozen=True)
class Kind:
    """A way to break a table.

    Attributes:
        tables: The tables that can be broken so.
        query: Gives for the table %(table)s the names of what can be broken, and how.
    """

    tables: tuple[str, ...]
    query: str


CONSTRAINTS = """
    FROM pg_constraint
    WHERE conrelid = %(table)s::regclass AND conparentid = 0 AND contype <> 'n'
"""
INDEXES = """
    FROM pg_index
    WHERE indrelid = %(table)s::regclass
        AND NOT EXISTS (
            SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x')
        )
"""
TRIGGERS = "FROM pg_trigger WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal"
POLICIES = "FROM pg_policy WHERE polrelid = %(table)s::regclass"
PARTITIONS = "FROM pg_inherits WHERE inhparent = %(table)s::regclass"

KINDS = {
    "column_renamed": Kind(
        TABLES,
        """
        SELECT attname, format('ALTER TABLE %%s RENAME COLUMN %%I TO mislaid', %(table)s, attname)
        FROM pg_attribute
        WHERE attrelid = %(table)s::regclass AND attnum > 0
        """,
    ),
    "constraint_renamed": Kind(
        TABLES,
        "SELECT conname,"
        " format('ALTER TABLE %%s RENAME CONSTRAINT %%I TO mislaid', %(table)s, conname)"
        + CONSTRAINTS,
    ),
    "constraint_dropped": Kind(
        TABLES,
        "SELECT conname,"
        " format('ALTER TABLE %%s DROP CONSTRAINT %%I CASCADE', %(table)s, conname)" + CONSTRAINTS,
    ),
    "check_not_validated": Kind(
        TABLES,
        """
        SELECT conname, format(
            'ALTER TABLE %%1$s DROP CONSTRAINT %%2$I, ADD CONSTRAINT %%2$I %%3$s NOT VALID',
            %(table)s, conname, pg_get_constraintdef(oid)
        )
        """
        + CONSTRAINTS
        + " AND contype = 'c'",
    ),
    "index_dropped": Kind(
        TABLES,
        "SELECT split_part(indexrelid::regclass::text, '.', 2),"
        " format('DROP INDEX %%s', indexrelid::regclass)" + INDEXES,
    ),
    # As CREATE INDEX CONCURRENTLY leaves it when it fails.
    "index_invalid": Kind(
        TABLES,
        """
        SELECT relname, format('UPDATE pg_index SET indisvalid = false WHERE indexrelid = %%s', oid)
        FROM pg_class INNER JOIN pg_index ON indexrelid = oid
        WHERE indrelid = %(table)s::regclass
            AND indexrelid NOT IN (SELECT conindid FROM pg_constraint)
        """,
    ),
    "trigger_dropped": Kind(
        TENANT_TABLES,
        "SELECT tgname, format('DROP TRIGGER %%I ON %%s', tgname, %(table)s)" + TRIGGERS,
    ),
    "trigger_disabled": Kind(
        TENANT_TABLES,
        "SELECT tgname, format('ALTER TABLE %%s DISABLE TRIGGER %%I', %(table)s, tgname)"
        + TRIGGERS,
    ),
    "policy_dropped": Kind(
        TENANT_TABLES,
        "SELECT polname, format('DROP POLICY %%I ON %%s', polname, %(table)s)" + POLICIES,
    ),
    "policy_inverted": Kind(
        TENANT_TABLES,
        """
        SELECT polname, format(
            'DROP POLICY %%1$I ON %%2$s; CREATE POLICY %%1$I ON %%2$s AS %%3$s USING (%%4$s)',
            polname, %(table)s,
            CASE WHEN polpermissive THEN 'RESTRICTIVE' ELSE 'PERMISSIVE' END,
            pg_get_expr(polqual, polrelid)
        )
        """
        + POLICIES,
    ),
    "policy_weakened": Kind(
        TENANT_TABLES,
        """
        SELECT polname, format('ALTER POLICY %%I ON %%s %%s', polname, %(table)s, way)
        FROM pg_policy
        CROSS JOIN unnest(ARRAY[
            'USING (true)', 'WITH CHECK (true)', 'TO muniment_app', 'TO PUBLIC'
        ]) AS way
        -- The policy of the backend lets all rows through as it is.
        WHERE polrelid = %(table)s::regclass
            AND (pg_get_expr(polqual, polrelid) <> 'true' OR way !~ 'true')
        """,
    ),
    "policy_added": Kind(
        TENANT_TABLES,
        """
        SELECT 'more', format('CREATE POLICY more ON %%s TO muniment_service', %(table)s)
        """,
    ),
    "row_security_lifted": Kind(
        TENANT_TABLES,
        """
        SELECT %(table)s, format('ALTER TABLE %%s %%s ROW LEVEL SECURITY', %(table)s, way)
        FROM unnest(ARRAY['NO FORCE', 'DISABLE']) AS way
        """,
    ),
    "right_revoked": Kind(
        TABLES,
        """
        SELECT %(table)s, format(
            'REVOKE %%s ON %%s FROM %%s', privilege_type, %(table)s, grantee::regrole
        )
        FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
        WHERE oid = %(table)s::regclass AND grantee <> relowner
        """,
    ),
    "right_granted": Kind(
        TENANT_TABLES,
        """
        SELECT %(table)s, format('GRANT %%s ON %%s TO %%s', privilege, %(table)s, role)
        FROM (
            VALUES
                ('muniment_app', 'UPDATE'), ('muniment_app', 'DELETE'),
                ('muniment_app', 'TRUNCATE'), ('muniment_reader', 'INSERT'),
                ('muniment_reader', 'UPDATE'), ('muniment_reader', 'DELETE'),
                ('PUBLIC', 'DELETE')
        ) AS too_much (role, privilege)
        """,
    ),
    "partition_opened": Kind(
        PARTITIONED,
        """
        SELECT
            split_part(inhrelid::regclass::text, '.', 2), format(way, inhrelid::regclass)
        FROM pg_inherits
        CROSS JOIN unnest(ARRAY[
            'ALTER TABLE %%s NO FORCE ROW LEVEL SECURITY',
            'ALTER TABLE %%s DISABLE ROW LEVEL SECURITY',
            'GRANT SELECT ON %%s TO muniment_reader'
        ]) AS way
        WHERE inhparent = %(table)s::regclass
        """,
    ),
    "partition_without_owner_policy": Kind(
        PARTITIONED,
        """
        SELECT
            split_part(inhrelid::regclass::text, '.', 2),
            format('DROP POLICY %%I ON %%s', polname, inhrelid::regclass)
        FROM pg_inherits INNER JOIN pg_policy ON polrelid = inhrelid
        WHERE inhparent = %(table)s::regclass
        """,
    ),
}

# Tables without an index but those of their keys.
NOTHING_TO_BREAK = {
    ("agent_run_key", "index_dropped"),
    ("agent_run_key", "index_invalid"),
    ("usage_daily", "index_dropped"),
    ("usage_daily", "index_invalid"),
}


@pytest.fixture(scope="module")
def connection(each_server: Cluster) -> Iterator[psycopg.Connection]:
    with (
        each_server.database(template=each_server.template(*LEDGER)) as dsn,
        # Parameters are put in by the client, so that format() in a query has them as plain text.
        psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection,
    ):
        yield connection


def verify(connection: psycopg.Connection, change: str) -> str | None:
    """Run the body of a verify script; return what it says, None if it is content."""
    project, _, name = change.partition(":")
    script = PROJECTS.script(PROJECTS.plan(project).find(name), "verify")
    try:
        connection.execute(script.body.encode(), prepare=False)
    except psycopg.Error as error:
        return str(error.diag.message_primary)
    return None


@pytest.mark.parametrize("table", TABLES)
def test_what_is_whole_passes(connection: psycopg.Connection, table: str) -> None:
    assert verify(connection, f"agents:{table}") is None
    connection.rollback()


@pytest.mark.parametrize(
    ("table", "kind"), [(table, name) for name, kind in KINDS.items() for table in kind.tables]
)
def test_what_is_broken_is_named(connection: psycopg.Connection, table: str, kind: str) -> None:
    broken = connection.execute(KINDS[kind].query, {"table": f"agents.{table}"}).fetchall()
    survivors = []
    for name, statement in broken:
        connection.execute(statement, prepare=False)
        told = verify(connection, f"agents:{ADDED_BY.get(name, table)}")
        connection.rollback()
        if told is None or name not in told:
            survivors.append(f"{statement}: {told or 'not noticed'}")

    assert broken or (table, kind) in NOTHING_TO_BREAK
    assert survivors == []


@pytest.mark.parametrize(
    ("change", "statement", "named"),
    [
        ("platform:roles", "ALTER ROLE muniment_app RENAME TO mislaid", "muniment_app"),
        ("platform:roles", "ALTER ROLE muniment_reader BYPASSRLS", "muniment_reader"),
        ("platform:roles", "ALTER ROLE muniment_owner LOGIN", "muniment_owner"),
        ("platform:roles", "GRANT pg_read_all_data TO muniment_app", "muniment_app"),
        ("platform:roles", "GRANT muniment_owner TO muniment_app", "muniment_app"),
        ("platform:roles", "ALTER ROLE muniment_app SET app.tenant_id = 'a'", "muniment_app"),
        ("platform:schema", "REVOKE USAGE ON SCHEMA platform FROM muniment_app", "muniment_app"),
        ("platform:schema", "GRANT USAGE ON SCHEMA platform TO PUBLIC", "schema platform"),
        ("platform:schema", "ALTER SCHEMA platform OWNER TO CURRENT_USER", "schema platform"),
        (
            "platform:schema",
            "ALTER DEFAULT PRIVILEGES FOR ROLE muniment_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
            "muniment_owner",
        ),
        ("agents:schema", "REVOKE USAGE ON SCHEMA agents FROM muniment_reader", "muniment_reader"),
        ("agents:schema", "GRANT CREATE ON SCHEMA agents TO PUBLIC", "schema agents"),
        ("agents:schema", "ALTER SCHEMA agents OWNER TO CURRENT_USER", "schema agents"),
        (
            "agents:matter_chat_tools",
            "DELETE FROM agents.tool_registry WHERE tool_name = 'save_draft'",
            "save_draft",
        ),
        (
            "agents:matter_chat_tools",
            "UPDATE agents.tool_registry SET approval = 'never' WHERE tool_name = 'send_email'",
            "send_email",
        ),
        ("agents:schema", "GRANT CREATE ON SCHEMA agents TO muniment_app", "muniment_app CREATE"),
        (
            "agents:chat_turn",
            "GRANT TRUNCATE ON agents.chat_turn TO muniment_reader",
            "muniment_reader TRUNCATE",
        ),
        ("agents:chat_turn", "GRANT SELECT ON agents.chat_turn TO PUBLIC", "PUBLIC SELECT"),
        (
            "agents:chat_turn",
            "GRANT SELECT ON agents.chat_turn TO muniment_app WITH GRANT OPTION",
            "muniment_app SELECT WITH GRANT OPTION",
        ),
        ("agents:chat_turn", "GRANT UPDATE (role) ON agents.chat_turn TO muniment_app", "role"),
        (
            "agents:chat_turn",
            "ALTER TABLE agents.chat_turn OWNER TO CURRENT_USER",
            "chat_turn",
        ),
        (
            "agents:chat_turn",
            "GRANT SELECT (role) ON agents.chat_turn_p202606 TO muniment_app",
            "chat_turn_p202606",
        ),
        (
            "agents:chat_turn",
            "DROP TRIGGER chat_turn_p202606_forbid_truncate_tg ON agents.chat_turn_p202606",
            "chat_turn_p202606",
        ),
        (
            "agents:chat_turn",
            "ALTER TABLE agents.chat_turn DETACH PARTITION agents.chat_turn_p202605;"
            "ALTER TABLE agents.chat_turn DETACH PARTITION agents.chat_turn_p202606;"
            "ALTER TABLE agents.chat_turn DETACH PARTITION agents.chat_turn_p202607",
            "no partition at all",
        ),
        (
            "agents:tool_registry",
            "GRANT INSERT (is_active) ON agents.tool_registry TO muniment_service",
            "is_active",
        ),
        (
            "platform:current_tenant_id",
            "ALTER FUNCTION platform.current_tenant_id() LEAKPROOF",
            "platform.current_tenant_id()",
        ),
        (
            "platform:set_tenant",
            "GRANT EXECUTE ON FUNCTION platform.set_tenant(uuid) TO muniment_maintainer",
            "muniment_maintainer",
        ),
        (
            "agents:ensure_partitions",
            "ALTER FUNCTION agents.ensure_partitions RESET timezone",
            "agents.ensure_partitions",
        ),
        (
            "agents:ensure_partitions",
            "ALTER FUNCTION agents.ensure_partitions RESET lock_timeout",
            "agents.ensure_partitions",
        ),
        (
            "agents:ensure_partitions",
            "GRANT EXECUTE ON FUNCTION agents.ensure_partitions TO muniment_app",
            "agents.ensure_partitions",
        ),
    ],
)
def test_what_is_no_table_is_named_too(
    connection: psycopg.Connection, change: str, statement: str, named: str
) -> None:
    connection.execute(statement)
    told = verify(connection, change)
    connection.rollback()

    assert told is not None, "not noticed"
    assert named in told


FUNCTIONS = (
    "platform:uuid_generate_v7",
    "platform:current_tenant_id",
    "platform:set_tenant",
    "platform:set_updated_at",
    "platform:forbid_change",
    "agents:tool_definition_sha256",
    "agents:ensure_partitions",
)


@pytest.mark.parametrize("change", FUNCTIONS)
def test_a_broken_function_is_named(connection: psycopg.Connection, change: str) -> None:
    function = change.replace(":", ".")
    grants = connection.execute(
        """
        SELECT format('REVOKE ALL ON FUNCTION %%s FROM %%s', %(function)s, grantee::regrole)
        FROM pg_proc CROSS JOIN LATERAL aclexplode(proacl)
        WHERE oid = %(function)s::regproc AND grantee <> proowner
        """,
        {"function": function},
    ).fetchall()
    other_security = connection.execute(
        "SELECT CASE WHEN prosecdef THEN 'INVOKER' ELSE 'DEFINER' END"
        " FROM pg_proc WHERE oid = %s::regproc",
        [function],
    ).fetchone()
    assert other_security
    statements = [
        f"ALTER FUNCTION {function} RENAME TO mislaid",
        f"ALTER FUNCTION {function} RESET search_path",
        f"ALTER FUNCTION {function} SECURITY {other_security[0]}",
        f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC",
        *(statement for (statement,) in grants),
    ]
    survivors = []
    for statement in statements:
        connection.execute(statement)
        told = verify(connection, change)
        connection.rollback()
        if told is None or function not in told:
            survivors.append(f"{statement}: {told or 'not noticed'}")

    assert survivors == []

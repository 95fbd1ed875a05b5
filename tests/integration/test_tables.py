"""The importable contract is the live catalog, on every server; a downstream cannot change it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.fix_postgres import ROOT
from tests.integration.test_docs import run_docs

from muniment.alembic import OWNED_SCHEMAS, OWNED_TABLES
from muniment.errors import ContractError
from muniment.shelf import NewBody, StoredBody, place
from muniment.tables import agents, check, differences, metadata
from muniment.tables.contract import PgType

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
RUN = UUID("00000000-0000-4000-8000-0000000000a1")
STARTED = datetime(2026, 6, 9, 12, tzinfo=UTC)


def url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://")


@contextmanager
def connected(dsn: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url(dsn), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


# The contract is the catalog ----------------------------------------------------------


def test_the_metadata_equals_the_catalog_of_every_server(each_deployed: str) -> None:
    with connected(each_deployed) as connection:
        assert differences(connection) == []
        check(connection)


def test_the_modules_are_fresh(each_deployed: str) -> None:
    done = run_docs("tables", "--check", "--dsn", each_deployed)

    assert done.returncode == 0, f"{done.stdout}{done.stderr}Run `muniment docs tables`."


def test_it_equals_what_sqlalchemy_itself_reflects(each_deployed: str) -> None:
    """By another way than the one that the contract was made by."""
    with connected(each_deployed) as connection:
        inspector = sa.inspect(connection)
        named = {name for name in inspector.get_table_names("agents") if "_p20" not in name}
        assert named == {table.name for table in metadata.tables.values()}
        for table in metadata.tables.values():
            where = {"table_name": table.name, "schema": "agents"}
            columns = inspector.get_columns(**where)
            assert [one["name"] for one in columns] == list(table.columns.keys())
            for one in columns:
                column = table.columns[one["name"]]
                dialect = connection.dialect
                assert one["type"].compile(dialect) == column.type.compile(dialect), column
                assert one["nullable"] is column.nullable, column
                is_filled = one["default"] is not None or "computed" in one
                assert is_filled is (column.server_default is not None), column
            key = inspector.get_pk_constraint(**where)
            assert key["name"] == table.primary_key.name
            assert key["constrained_columns"] == [one.name for one in table.primary_key]
            assert {
                (str(one["name"]), tuple(one["constrained_columns"]), one["referred_table"])
                for one in inspector.get_foreign_keys(**where)
                # PostgreSQL makes one more for each partition of the table that is referred to.
                if "_p20" not in one["referred_table"]
            } == {
                (str(one.name), tuple(one.column_keys), one.referred_table.name)
                for one in table.foreign_key_constraints
            }
            assert {
                (str(one["name"]), tuple(one["column_names"]))
                for one in inspector.get_unique_constraints(**where)
            } == {
                (str(one.name), tuple(column.name for column in one.columns))
                for one in table.constraints
                if isinstance(one, sa.UniqueConstraint)
            }
            assert {
                one["name"]
                for one in inspector.get_indexes(**where)
                if "duplicates_constraint" not in one
            } == {one.name for one in table.indexes}
            assert {one["name"] for one in inspector.get_check_constraints(**where)} == {
                one.name for one in table.constraints if isinstance(one, sa.CheckConstraint)
            }


DRIFT = {
    "ADD COLUMN extra text": "column extra is not in the contract: text NULL",
    "DROP COLUMN error_type CASCADE": "column error_type is missing",
    "RENAME COLUMN finish_reason TO reason": "column finish_reason is missing",
    "ALTER COLUMN agent_name DROP NOT NULL": "column agent_name: text NOT NULL expected, text NULL",
    "ALTER COLUMN agent_name SET DEFAULT 'x'": "text NOT NULL DEFAULT 'x'::text found",
    "ALTER COLUMN status DROP DEFAULT": "column status: text NOT NULL DEFAULT 'queued'::text exp",
    "ALTER COLUMN depth TYPE integer": "column depth: smallint NOT NULL DEFAULT 0 expected, int",
    "ALTER COLUMN prompt_version TYPE numeric(18,6) USING NULL": (
        "text NULL expected, numeric(18,6) NULL"
    ),
    "ALTER COLUMN error_message TYPE varchar(9)": "text NULL expected, character varying(9) NULL",
    "DROP CONSTRAINT agent_run_status_ck": "constraint agent_run_status_ck is missing",
    "DROP CONSTRAINT agent_run_pk CASCADE": "constraint agent_run_pk is missing",
    "ADD CONSTRAINT more_ck CHECK (depth < 99)": "constraint more_ck is not in the contract: CHECK",
    "ADD CONSTRAINT more_uq UNIQUE (firm_id, worker_id, started_at)": "constraint more_uq is not",
    "RENAME CONSTRAINT agent_run_key_fk TO other_fk": "constraint agent_run_key_fk is missing",
}


@pytest.mark.parametrize("alteration", DRIFT)
def test_any_difference_is_named(ledger: str, alteration: str) -> None:
    with connected(ledger) as connection:
        connection.exec_driver_sql(f"ALTER TABLE agents.agent_run {alteration}")
        with pytest.raises(ContractError) as caught:
            check(connection)

    assert DRIFT[alteration] in caught.value.message
    assert caught.value.message.startswith("the database is not as this code expects it: agents.")


OTHER_DRIFT = {
    "DROP INDEX agents.agent_run_trace_ix": "index agent_run_trace_ix is missing",
    "CREATE INDEX more_ix ON agents.chat_session (closed_at)": "index more_ix is not in the con",
    "DROP INDEX agents.agent_run_trace_ix; CREATE INDEX agent_run_trace_ix ON agents.agent_run"
    " (firm_id, trace_id)": "(firm_id, trace_id) WHERE (trace_id IS NOT NULL) expected",
    "DROP INDEX agents.agent_run_trace_ix; CREATE INDEX agent_run_trace_ix ON agents.agent_run"
    " (firm_id, trace_id DESC) WHERE trace_id IS NOT NULL": "(firm_id, trace_id DESC) WHERE",
    "CREATE TABLE agents.more (id integer)": "agents.more: table is not in the contract",
    "DROP TABLE agents.tool_call CASCADE": "agents.tool_call: table is missing",
    "ALTER TABLE agents.agent_run_key ALTER CONSTRAINT agent_run_key_run_fk NOT DEFERRABLE": (
        "DEFERRABLE INITIALLY IMMEDIATE expected"
    ),
    "ALTER TABLE agents.chat_turn DROP CONSTRAINT chat_turn_session_fk;"
    " ALTER TABLE agents.chat_turn ADD CONSTRAINT chat_turn_session_fk"
    " FOREIGN KEY (firm_id, session_id) REFERENCES agents.chat_session ON DELETE CASCADE": (
        "ON DELETE RESTRICT expected"
    ),
    "ALTER TABLE agents.agent_run_key ALTER COLUMN live_started_at DROP EXPRESSION": (
        "GENERATED ALWAYS AS"
    ),
}


@pytest.mark.parametrize("alteration", OTHER_DRIFT)
def test_any_other_difference_is_named_too(ledger: str, alteration: str) -> None:
    with connected(ledger) as connection:
        connection.exec_driver_sql(alteration)
        with pytest.raises(ContractError) as caught:
            check(connection)

    assert OTHER_DRIFT[alteration] in caught.value.message


def test_a_month_more_and_another_search_path_are_no_difference(ledger: str) -> None:
    with connected(ledger) as connection:
        connection.exec_driver_sql("SELECT agents.ensure_partitions('2030-01-01', 2)")
        connection.exec_driver_sql('SET search_path = agents, platform, "o\'dd"')

        assert differences(connection) == []
        # It is left as it was.
        path = connection.exec_driver_sql("SHOW search_path").scalar()
        assert path == 'agents, platform, "o\'dd"'


def test_a_runtime_login_may_ask(ledger: str) -> None:
    with connected(ledger) as connection:
        connection.exec_driver_sql("SET ROLE muniment_app")
        assert differences(connection) == []


def test_an_empty_database_lacks_every_table(database: str) -> None:
    with connected(database) as connection:
        found = differences(connection)
    assert {one.what for one in found} == {"table"}
    assert len(found) == len(metadata.tables)


def test_types_without_a_name_in_sqlalchemy_are_those_of_postgresql(database: str) -> None:
    assert PgType("vector(3)").compile() == "vector(3)"


# To read and write by -----------------------------------------------------------------


def test_downstream_code_reads_and_writes_through_it(ledger: str) -> None:
    body, _ = place(NewBody("looked up", "content", FIRM, RUN, STARTED))
    with connected(ledger) as connection:
        connection.exec_driver_sql("SET ROLE muniment_app")
        connection.execute(sa.select(sa.func.platform.set_tenant(FIRM)))
        run = {"firm_id": FIRM, "run_id": RUN, "started_at": STARTED}
        # A key and its run are one statement.
        key = sa.insert(agents.agent_run_key).values(run).returning(sa.literal(1)).cte()
        connection.execute(
            sa.insert(agents.agent_run)
            .values(**run, root_run_id=RUN, agent_name="counsel", metadata={"from": "a test"})
            .add_cte(key)
        )
        session_id = connection.execute(
            sa.insert(agents.chat_session)
            .values(firm_id=FIRM)
            .returning(agents.chat_session.c.session_id)
        ).scalar_one()
        connection.execute(
            sa.insert(agents.chat_turn).values(
                firm_id=FIRM,
                session_id=session_id,
                created_at=STARTED,
                turn_no=1,
                role="user",
                run_id=RUN,
                run_started_at=STARTED,
                **body.columns("content"),
            )
        )
        turn = connection.execute(
            sa.select(agents.chat_turn, agents.agent_run.c.metadata.label("facts")).join(
                agents.agent_run,
                (agents.agent_run.c.firm_id == agents.chat_turn.c.firm_id)
                & (agents.agent_run.c.run_id == agents.chat_turn.c.run_id),
            )
        ).mappings()
        (row,) = turn
        assert StoredBody.from_row(row, "content") == body
        assert row["facts"] == {"from": "a test"}


@pytest.mark.parametrize(
    "attempt",
    [
        lambda connection: metadata.create_all(connection),
        lambda connection: metadata.drop_all(connection),
        lambda connection: agents.tool_call.create(connection),
        lambda connection: agents.tool_call.drop(connection),
    ],
    ids=["create_all", "drop_all", "create", "drop"],
)
def test_it_cannot_make_or_drop_what_it_describes(database: str, attempt) -> None:  # type: ignore[no-untyped-def]
    with connected(database) as connection:
        with pytest.raises(ContractError, match="describes them and does not own them") as caught:
            attempt(connection)
        assert "muniment deploy" in (caught.value.hint or "")
        assert sa.inspect(connection).get_schema_names() == ["information_schema", "public"]


# A downstream's Alembic ---------------------------------------------------------------

ENV = """
from alembic import context
import sqlalchemy as sa
from models import metadata
from muniment.alembic import include_name, include_object

guard = {"include_name": include_name, "include_object": include_object}
if context.get_x_argument(as_dictionary=True).get("guard") == "off":
    guard = {}
engine = sa.create_engine(context.config.get_main_option("url"), poolclass=sa.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, include_schemas=True,
        compare_type=True, compare_server_default=True, **guard,
    )
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
import sqlalchemy as sa
from muniment.tables import agents

metadata = sa.MetaData()
run_key = agents.agent_run_key
sa.Table("agent_run_note", metadata,
    sa.Column("note_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("firm_id", sa.Uuid, nullable=False),
    sa.Column("run_id", sa.Uuid, nullable=False),
    sa.Column("note", sa.Text, index=True),
    sa.ForeignKeyConstraint(["firm_id", "run_id"], [run_key.c.firm_id, run_key.c.run_id]),
)
sa.Table("case", metadata, sa.Column("case_id", sa.Uuid, primary_key=True), schema="office")
"""


class Downstream:
    """A project with migrations of its own, in the same database."""

    def __init__(self, directory: Path, dsn: str) -> None:
        (directory / "alembic" / "versions").mkdir(parents=True)
        (directory / "alembic" / "env.py").write_text(ENV)
        template = "${upgrades if upgrades else 'pass'}"
        (directory / "alembic" / "script.py.mako").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\nrevision = ${repr(up_revision)}\n"
            "down_revision = ${repr(down_revision)}\n\ndef upgrade():\n    " + template + "\n"
        )
        (directory / "models.py").write_text(MODELS)
        (directory / "alembic.ini").write_text(
            f"[alembic]\nscript_location = alembic\nprepend_sys_path = .\nurl = {url(dsn)}\n"
        )
        self._directory = directory

    def alembic(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=self._directory,
            capture_output=True,
            text=True,
            check=False,
        )


def test_a_downstreams_alembic_leaves_the_ledger_alone(each_deployed: str, tmp_path: Path) -> None:
    with connected(each_deployed) as connection:
        connection.exec_driver_sql("CREATE SCHEMA office")
        connection.commit()
    install = [sys.executable, "-m", "muniment", "yoyo", "install", "--dsn", each_deployed]
    subprocess.run(install, check=True, capture_output=True)
    downstream = Downstream(tmp_path, each_deployed)

    made = downstream.alembic("revision", "--autogenerate", "-m", "own")
    assert made.returncode == 0, made.stderr
    (script,) = (tmp_path / "alembic" / "versions").glob("*.py")
    text = script.read_text()
    assert text.count("op.create_table(") == 2
    assert "op.drop" not in text
    assert "schema='agents'" not in text
    done = downstream.alembic("upgrade", "head")
    assert done.returncode == 0, done.stderr

    checked = downstream.alembic("check")
    assert (checked.returncode, checked.stdout) == (0, "No new upgrade operations detected.\n")

    unguarded = downstream.alembic("-x", "guard=off", "check")
    assert unguarded.returncode != 0
    for table in ("tool_call", "agent_run_p202605", "changes", "_yoyo_log"):
        assert f"Table('{table}'" in unguarded.stdout + unguarded.stderr, table

    # What is its own is still looked after.
    with connected(each_deployed) as connection:
        connection.exec_driver_sql("ALTER TABLE agent_run_note DROP COLUMN note")
        connection.commit()
    drifted = downstream.alembic("check")
    assert drifted.returncode != 0
    assert "agent_run_note" in drifted.stdout + drifted.stderr


def test_the_guard_knows_every_project() -> None:
    projects = {plan.stem for plan in (ROOT / "sql" / "plans").glob("*.plan")}

    assert projects <= OWNED_SCHEMAS
    assert {"muniment", "sqitch"} <= OWNED_SCHEMAS
    assert "_yoyo_log" in OWNED_TABLES

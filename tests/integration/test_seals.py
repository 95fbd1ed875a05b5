"""Seals, proven by breaking them: whatever is changed behind the ledger's back is found.

The forger is a superuser for whom triggers, foreign keys and CHECKs do not exist, and changes one
thing at a time. What no seal covers is declared in NOT_COVERED, so that a new column or table is
red here until somebody has decided.
"""

# What a forger does is put together from the catalog.
# ruff: noqa: S608

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb
from tests import fix_postgres
from tests.a_sealed_run import (
    APP,
    FIRM,
    OTHER_FIRM,
    READER,
    SERVICE,
    Ledger,
    SealedRun,
    make_sealed_run,
    open_months,
    record,
)
from tests.fix_postgres import LEDGER, Cluster

# Tables with a seal over their rows, and the columns that are their ids.
COVERED = {
    "agent_run_key": ("run_id",),
    "agent_run": ("run_id",),
    "chat_session": ("session_id",),
    "chat_turn": ("turn_id",),
    "tool_call": ("tool_call_id",),
    "redaction": ("redaction_id",),
    "run_seal": ("run_id", "redaction_id"),
    "seal_chain": (),
}
# What is not covered, and why. A table stands for all its columns.
NOT_COVERED = {
    "agent_run_key.live_started_at": "is generated from two columns that are",
    "chat_session.title": "is for people, who may change it later",
    "chat_session.status": "a conversation is closed after its runs",
    "chat_session.closed_at": "likewise",
    "chat_session.last_turn_no": "goes on with later runs; what is too low is found",
    "chat_session.last_turn_at": "goes on with later runs",
    "chat_session.metadata": "is the caller's, who may change it later",
    "tool_registry": "a call holds the fingerprint of the definition that the model saw",
    "usage_daily": "is computed from the runs",
}
# By these a row is found, or has its place: with another one it is missing where it was.
PLACES = frozenset(
    {"firm_id", "run_id", "session_id", "turn_id", "tool_call_id", "started_at", "run_started_at"}
    | {"turn_no", "call_no", "attempt_no", "kind", "chain_no", "seal_no", "redaction_id", "row_id"}
)

# Another value of the same type, and nothing where there was something.
FORGERIES = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce({0}, '') || 'x'",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
    "smallint": "coalesce({0}, 0::smallint) + 1000",
    "integer": "coalesce({0}, 0) + 1000",
    "bigint": "coalesce({0}, 0) + 1000",
    "numeric(18,9)": "coalesce({0}, 0) + 0.000000001",
    "boolean": "NOT coalesce({0}, false)",
    "jsonb": """{0} || '{{"forged": true}}'""",
    "bytea": "sha256(coalesce({0}, ''))",
}


class Forger:
    """A superuser whom nothing stops, and what a reader then sees."""

    def __init__(self, dsn: str, sealed: SealedRun) -> None:
        self.sealed = sealed
        self.connection = psycopg.connect(dsn, row_factory=namedtuple_row)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Let everything inside happen, and then not have happened."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("SET LOCAL session_replication_role = replica")
            yield

    def forge(self, statement: str, *values: object) -> int:
        return self.connection.execute(statement.encode(), values).rowcount

    def rows(self, query: str, *values: object) -> list[Any]:
        return self.connection.execute(query.encode(), values).fetchall()

    def findings(self) -> list[Any]:
        """Return what `verify_chain` says that differs, asked as a reader of the firm."""
        self.connection.execute("SET LOCAL ROLE muniment_reader")
        self.connection.execute("SELECT platform.set_tenant(%s)", [FIRM])
        found = self.rows("SELECT * FROM agents.verify_chain(%s)", FIRM)
        self.connection.execute("RESET ROLE")
        assert found
        return [row for row in found if row.verdict != "holds"]

    def verdict(self) -> Any:
        """Return what `verify_seal` says of the run."""
        (found,) = self.rows("SELECT * FROM agents.verify_seal(%s, %s)", FIRM, self.sealed.run_id)
        return found

    def reasons(self) -> set[str]:
        return {found.reason for found in self.findings()}


@pytest.fixture(scope="module")
def forgers(server: Cluster) -> Iterator[Forger]:
    with server.database(template=server.template(*LEDGER)) as dsn:
        sealed = make_sealed_run(dsn)
        forger = Forger(dsn, sealed)
        checks = forger.rows(
            "SELECT conrelid::regclass::text AS relation, conname FROM pg_constraint"
            " WHERE contype = 'c' AND connamespace = 'agents'::regnamespace AND coninhcount = 0"
        )
        for check in checks:
            forger.forge(f"ALTER TABLE {check.relation} DROP CONSTRAINT {check.conname}")
        forger.connection.commit()
        yield forger
        forger.connection.close()


@pytest.fixture
def forger(forgers: Forger) -> Iterator[Forger]:
    """Give the forger a ledger that holds, and see that it holds again afterwards."""
    with forgers.undone():
        assert forgers.findings() == []
        yield forgers
    with forgers.undone():
        assert forgers.findings() == []


def columns_of(forger: Forger, table: str) -> list[Any]:
    found = forger.rows(
        "SELECT attname, format_type(atttypid, atttypmod) AS kind, attnotnull, attgenerated"
        " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        f"agents.{table}",
    )
    return found


def rows_to_forge(forger: Forger, table: str) -> list[Any]:
    """Return where each row is that belongs to the run, or to the firm, and the ids of it."""
    of_run = {
        "chat_session": f"session_id = '{forger.sealed.session_id}'",
        "redaction": "true",
        "seal_chain": "true",
    }.get(table, f"run_id = '{forger.sealed.run_id}'")
    ids = "".join(f", {column} AS {column}" for column in COVERED[table])
    return forger.rows(
        f"SELECT tableoid::regclass::text AS relation, ctid::text AS ctid{ids} FROM agents.{table}"
        f" WHERE firm_id = '{FIRM}' AND {of_run}"
    )


def is_named(table: str, row: Any, findings: list[Any]) -> bool:
    ids = {getattr(row, column) for column in COVERED[table]} or {None}
    return any(found.table_name == table and found.row_id in ids for found in findings)


# Every column, every row ------------------------------------------------------------------


def test_every_table_is_covered_or_declared(forger: Forger) -> None:
    tables = forger.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'agents'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    assert {table.relname for table in tables} == COVERED.keys() | {
        name for name in NOT_COVERED if "." not in name
    }


@pytest.mark.parametrize("table", COVERED)
def test_a_changed_column_is_found(forger: Forger, table: str) -> None:
    rows = rows_to_forge(forger, table)
    assert rows
    unseen, unnamed = set(), set()
    for column in columns_of(forger, table):
        name = f"{table}.{column.attname}"
        if column.attgenerated:
            unseen.add(name)
            continue
        forgeries = [FORGERIES[column.kind]] + ["NULL"] * (not column.attnotnull)
        for row in rows:
            where = f"{row.relation} WHERE ctid = '{row.ctid}'"
            for forgery in forgeries:
                value = forgery.format(column.attname)
                if not forger.rows(
                    f"SELECT FROM {where} AND {column.attname} IS DISTINCT FROM {value}"
                ):
                    continue
                with forger.undone():
                    # By the parent, where a time that changes may lead to another month.
                    assert forger.forge(
                        f"UPDATE agents.{table} SET {column.attname} = {value}"
                        f" WHERE tableoid = '{row.relation}'::regclass AND ctid = '{row.ctid}'"
                    )
                    findings = forger.findings()
                if not findings:
                    unseen.add(name)
                elif column.attname not in PLACES and not is_named(table, row, findings):
                    unnamed.add(name)

    assert unseen == {name for name in NOT_COVERED if name.startswith(f"{table}.")}
    assert unnamed == set()


@pytest.mark.parametrize("table", COVERED)
def test_a_row_that_was_removed_is_found(forger: Forger, table: str) -> None:
    for row in rows_to_forge(forger, table):
        with forger.undone():
            assert forger.forge(
                f"DELETE FROM agents.{table}"
                f" WHERE tableoid = '{row.relation}'::regclass AND ctid = '{row.ctid}'"
            )
            assert forger.findings()


@pytest.mark.parametrize(
    ("table", "changes", "reason"),
    [
        (
            "agent_run_key",
            {"run_id": "r", "idempotency_key": None},
            "the key has neither run nor seal",
        ),
        ("agent_run", {"run_id": "r"}, "the run has ended without a seal"),
        (
            "chat_turn",
            {"turn_id": "r", "turn_no": 99},
            "the row was not there when the run was sealed",
        ),
        (
            "chat_turn",
            {"turn_id": "00000000-0000-0000-0000-000000000000", "created_at": "earlier"},
            "the row was not there when the run was sealed",
        ),
        (
            "tool_call",
            {"tool_call_id": "r", "call_no": 99},
            "the row was not there when the run was sealed",
        ),
        ("redaction", {"redaction_id": "r", "row_id": "r"}, "the redaction has no seal"),
        (
            "run_seal",
            {"kind": "redaction", "redaction_id": "r", "seal_no": 99},
            "the seal is broken: it is not the hash of what is written on it",
        ),
        ("seal_chain", {"chain_no": 9}, "the head of the chain is not its last seal"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_row_too_many_is_found(
    forger: Forger, table: str, changes: dict[str, object], reason: str
) -> None:
    row = rows_to_forge(forger, table)[0]
    values: dict[str, object] = {
        name: str(forger.rows("SELECT gen_random_uuid() AS id")[0].id) if value == "r" else value
        for name, value in changes.items()
    }
    if "created_at" in values:
        found = forger.rows(
            "SELECT created_at - interval '1 microsecond' AS at FROM agents.chat_turn"
            " WHERE ctid = %s::tid AND tableoid = %s::regclass", row.ctid, row.relation
        )  # fmt: skip
        values["created_at"] = found[0].at.isoformat()
    columns = ", ".join(
        column.attname for column in columns_of(forger, table) if not column.attgenerated
    )
    assert forger.forge(
        f"INSERT INTO agents.{table} ({columns}) SELECT {columns}"
        f" FROM (SELECT (jsonb_populate_record(t, %s)).* FROM agents.{table} AS t"
        " WHERE tableoid = %s::regclass AND ctid = %s::tid) AS t",
        Jsonb(values), row.relation, row.ctid,
    )  # fmt: skip

    assert reason in forger.reasons()


# Rows that change places --------------------------------------------------------------------


def test_turns_that_change_numbers_are_found(forger: Forger) -> None:
    for old, new in ((4, 1000), (5, 4), (1000, 5)):
        forger.forge("UPDATE agents.chat_turn SET turn_no = %s WHERE turn_no = %s", new, old)

    verdict = forger.verdict()
    assert (verdict.verdict, verdict.table_name, verdict.row_no) == ("differs", "chat_turn", 4)


def test_a_turn_that_goes_over_to_another_run_is_found_in_both(forger: Forger) -> None:
    sealed = forger.sealed
    forger.forge(
        "UPDATE agents.chat_turn SET (run_id, run_started_at) = ("
        " SELECT run_id, started_at FROM agents.agent_run WHERE run_id = %s"
        ") WHERE run_id = %s AND turn_no = 4",
        sealed.other_run_id, sealed.run_id,
    )  # fmt: skip

    assert {found.run_id for found in forger.findings()} == {sealed.run_id, sealed.other_run_id}


def test_a_conversation_that_counts_too_few_turns_is_found(forger: Forger) -> None:
    forger.forge("UPDATE agents.chat_session SET last_turn_no = 3")

    assert forger.reasons() == {"the conversation counts fewer turns than the run has"}


def test_a_run_that_ended_without_a_seal_is_found(forger: Forger) -> None:
    forger.forge("UPDATE agents.run_seal SET run_id = gen_random_uuid() WHERE kind = 'run'")
    (row,) = forger.rows("SELECT * FROM agents.verify_seal(%s, %s)", FIRM, forger.sealed.run_id)

    assert (row.verdict, row.reason) == ("differs", "the run has ended without a seal")


# Bodies -------------------------------------------------------------------------------------


def test_a_body_that_was_rewritten_with_its_hash_is_found(forger: Forger) -> None:
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = 'What is duel?',"
        " content_sha256 = sha256('What is duel?'), content_bytes = 13"
        " WHERE content_inline = 'What is due?'"
    )

    found = forger.verdict()
    assert (found.table_name, found.reason) == ("chat_turn", "the row is not as it was sealed")


@pytest.mark.parametrize("text", ["What is dun?", "What is due? Now"])
def test_a_body_that_was_rewritten_without_its_hash_is_found(forger: Forger, text: str) -> None:
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = %s WHERE content_inline = 'What is due?'",
        text,
    )

    assert forger.verdict().reason == "the body is not what its hash says"


def test_a_body_that_was_only_taken_out_is_found(forger: Forger) -> None:
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = NULL WHERE content_inline = 'What is due?'"
    )

    assert forger.verdict().reason == "the body is not what its hash says"


def test_a_body_that_was_redacted_without_a_redaction_is_found(forger: Forger) -> None:
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = NULL, content_storage = 'redacted'"
        " WHERE content_inline = 'What is due?'"
    )

    assert forger.verdict().reason == "the row is not as it was sealed"


def test_a_body_that_was_taken_away_before_the_seal_is_found(ledger: str) -> None:
    open_months(ledger)
    with Ledger(ledger, APP) as app:
        run = app.call("start_run", "clerk", worker_id="w1")
        held = (run.run_id, "w1", 1)
        call = app.call("request_tool_call", *held, "get_matter", args='{"matter_id": "1"}')
        made = (call.tool_call_id, call.requested_at)
        app.call("begin_tool_call", *held, *made, call.args_sha256)
        app.call("finish_tool_call", *held, *made, "succeeded", result="{}")
        with psycopg.connect(ledger) as superuser:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(
                "UPDATE agents.tool_call SET result_storage = 'redacted', result_inline = NULL"
            )
        app.call("finish_run", *held, "succeeded")
        found = app.call("verify_seal", run.run_id)

    assert (found.verdict, found.table_name, found.reason) == (
        "differs", "tool_call", "the body was taken away without a redaction"
    )  # fmt: skip


def test_turns_with_the_same_id_are_redacted_each_by_itself(ledger: str) -> None:
    open_months(ledger)
    turn_id, today = str(FIRM), datetime.now(UTC)
    with Ledger(ledger, APP) as app, Ledger(ledger, SERVICE) as service:
        session_id = app.call("open_session").session_id
        for at in (today - timedelta(seconds=2), today - timedelta(seconds=1)):
            turn = {"role": "user", "content": "secret", "turn_id": turn_id, "created_at": str(at)}
            run = {"agent_name": "clerk", "started_at": str(at), "ended_at": str(at)}
            app.call("record_turn", session_id, json.dumps(run), json.dumps([turn]))
        first, second = app.rows("SELECT * FROM agents.chat_turn ORDER BY created_at")
        service.call("redact_turn", turn_id, first.created_at, "dpo", "art. 17")
        with psycopg.connect(ledger) as superuser:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(
                "UPDATE agents.chat_turn SET content_storage = 'redacted', content_inline = NULL"
                " WHERE created_at = %s", [second.created_at],
            )  # fmt: skip
        assert app.call("verify_seal", first.run_id).verdict == "holds"
        assert app.call("verify_seal", second.run_id).verdict == "differs"
        with psycopg.connect(ledger) as superuser:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(
                "UPDATE agents.chat_turn SET content_storage = 'inline', content_inline = 'secret'"
                " WHERE created_at = %s", [second.created_at],
            )  # fmt: skip
        service.call("redact_turn", turn_id, second.created_at, "dpo", "art. 17")
        assert app.call("verify_seal", second.run_id).verdict == "holds"


def test_a_redaction_that_was_made_up_is_found(forger: Forger) -> None:
    forger.forge(
        "INSERT INTO agents.redaction (firm_id, run_id, run_started_at, table_name, row_id, row_at,"
        " body, storage, sha256, bytes, redacted_by, reason)"
        " SELECT firm_id, run_id, run_started_at, 'chat_turn', turn_id, created_at, 'content',"
        " 'inline', content_sha256, content_bytes, 'nobody', 'none'"
        " FROM agents.chat_turn WHERE content_inline = 'What is due?'"
    )
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = NULL, content_storage = 'redacted'"
        " WHERE content_inline = 'What is due?'"
    )

    assert forger.verdict().reason == "the redaction has no seal"


def test_a_redaction_that_was_made_up_for_no_run_is_found_with_the_run(forger: Forger) -> None:
    forger.forge(
        "INSERT INTO agents.redaction (firm_id, table_name, row_id, row_at,"
        " body, storage, sha256, bytes, redacted_by, reason)"
        " SELECT firm_id, 'chat_turn', turn_id, created_at, 'content',"
        " 'inline', content_sha256, content_bytes, 'nobody', 'none'"
        " FROM agents.chat_turn WHERE content_inline = 'What is due?'"
    )
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = NULL, content_storage = 'redacted'"
        " WHERE content_inline = 'What is due?'"
    )

    assert forger.verdict().reason == "the body was taken away without a redaction"


@pytest.mark.parametrize("storage", ["redacted", "inline"])
def test_a_body_that_came_back_after_its_redaction_is_found(forger: Forger, storage: str) -> None:
    text = "My number is 123-45-6789."
    forger.forge(
        "UPDATE agents.chat_turn SET content_storage = %s, content_inline = %s"
        " WHERE content_sha256 = sha256(convert_to(%s, 'UTF8'))",
        storage, text, text,
    )  # fmt: skip

    assert (
        forger.reasons()
        >= {
            "inline": {"the body that was redacted is there again"},
            "redacted": {"there is a body, or some of it, where it was redacted"},
        }[storage]
    )


def test_a_redaction_that_was_undone_without_a_trace_is_found_by_its_seal(forger: Forger) -> None:
    text = "My number is 123-45-6789."
    forger.forge(
        "UPDATE agents.chat_turn SET content_storage = 'inline', content_inline = %s"
        " WHERE content_sha256 = sha256(convert_to(%s, 'UTF8'))",
        text, text,
    )  # fmt: skip
    forger.forge("DELETE FROM agents.redaction WHERE sha256 = sha256(convert_to(%s, 'UTF8'))", text)

    assert forger.reasons() == {"the redaction is missing"}


# Chains -------------------------------------------------------------------------------------


def seals(forger: Forger) -> list[Any]:
    return forger.rows("SELECT * FROM agents.run_seal ORDER BY seal_no")


def heads(forger: Forger) -> Any:
    return forger.rows("SELECT agents.chain_heads(%s) AS heads", FIRM)[0].heads


def differing_heads(forger: Forger, document: Any) -> list[Any]:
    found = forger.rows("SELECT * FROM agents.verify_heads(%s, %s)", FIRM, Jsonb(document))
    return [row for row in found if row.verdict != "holds"]


def write_chain_anew(forger: Forger, first: int) -> None:
    """Seal the rows as they are now from one seal of the only chain on, as an able forger would."""
    previous = None
    for seal in seals(forger):
        if seal.seal_no >= first:
            forger.forge(
                "UPDATE agents.run_seal AS s SET previous_sha256 = %s,"
                " row_count = r.row_count, row_digests = r.row_digests,"
                " content_sha256 = r.content_sha256"
                " FROM (SELECT count(*) AS row_count,"
                "   string_agg(substring(digest FOR 8), '' ORDER BY place) AS row_digests,"
                "   sha256(string_agg(digest, '' ORDER BY place)) AS content_sha256"
                "   FROM agents.sealed_rows(%s, %s, %s)) AS r"
                " WHERE s.seal_no = %s AND s.kind = 'run'",
                previous, FIRM, seal.run_id, seal.run_started_at, seal.seal_no,
            )  # fmt: skip
            forger.forge(
                "UPDATE agents.run_seal SET previous_sha256 = %s WHERE seal_no = %s",
                previous, seal.seal_no,
            )  # fmt: skip
            forger.forge(
                "UPDATE agents.run_seal SET seal_sha256 = agents.seal_sha256(firm_id, chain_no,"
                " seal_no, format_no, kind, run_id, run_started_at, redaction_id, sealed_at,"
                " row_count, row_digests, content_sha256, previous_sha256) WHERE seal_no = %s",
                seal.seal_no,
            )
        (row,) = forger.rows(
            "SELECT seal_sha256 FROM agents.run_seal WHERE seal_no = %s", seal.seal_no
        )
        previous = row.seal_sha256
    forger.forge("UPDATE agents.seal_chain SET last_sha256 = %s", previous)


def test_a_chain_without_its_tail_is_found_only_by_heads_that_were_kept(forger: Forger) -> None:
    kept = heads(forger)
    last = seals(forger)[-1]
    gone = forger.rows("SELECT * FROM agents.redaction WHERE redaction_id = %s", last.redaction_id)
    # The last redaction with all that tells of it, the body as it was.
    forger.forge("DELETE FROM agents.redaction WHERE redaction_id = %s", last.redaction_id)
    forger.forge("DELETE FROM agents.run_seal WHERE seal_no = %s", last.seal_no)
    forger.forge(
        "UPDATE agents.seal_chain SET last_seal_no = last_seal_no - 1, last_sha256 = %s",
        last.previous_sha256,
    )
    assert forger.forge(
        "UPDATE agents.tool_call SET result_storage = 's3', result_s3_key = %s,"
        " result_preview = left(%s, 500) WHERE tool_call_id = %s",
        gone[0].s3_key, "all that was said " * 4_000, gone[0].row_id,
    )  # fmt: skip

    assert forger.findings() == []
    (found,) = differing_heads(forger, kept)
    assert found.reason == "the seal is missing: the chain was cut off"


def test_a_chain_that_was_written_anew_is_found_only_by_heads_that_were_kept(
    forger: Forger,
) -> None:
    kept = heads(forger)
    forger.forge(
        "UPDATE agents.chat_turn SET content_inline = 'What is duel?',"
        " content_sha256 = sha256('What is duel?'), content_bytes = 13"
        " WHERE content_inline = 'What is due?'"
    )
    assert forger.findings()
    write_chain_anew(forger, first=3)

    assert forger.findings() == []
    (found,) = differing_heads(forger, kept)
    assert found.reason == "the seal is another one: the chain was rewritten"


def test_a_seal_that_was_written_anew_is_found_by_the_one_after_it(forger: Forger) -> None:
    forger.forge("UPDATE agents.agent_run SET agent_name = 'another' WHERE agent_name = 'clerk'")
    head = seals(forger)[-1].seal_sha256
    write_chain_anew(forger, first=2)
    # Only the second seal is the forger's; the rest as it was.
    forger.forge("UPDATE agents.seal_chain SET last_sha256 = %s", head)

    assert "the seal after it, or the head of the chain, follows another one" in forger.reasons()


@pytest.mark.parametrize("seal_no", [1, 3, 7], ids=["first", "middle", "last"])
def test_a_seal_that_was_removed_is_found(forger: Forger, seal_no: int) -> None:
    assert forger.forge("DELETE FROM agents.run_seal WHERE seal_no = %s", seal_no)

    assert forger.findings()


@pytest.mark.parametrize("time", ["infinity", "-infinity", None])
def test_a_seal_is_not_put_out_of_all_time(forger: Forger, time: str | None) -> None:
    forger.forge("ALTER TABLE agents.run_seal ALTER COLUMN sealed_at DROP NOT NULL")
    assert forger.forge("UPDATE agents.run_seal SET sealed_at = %s WHERE seal_no = 3", time)

    assert "the seal is broken: it is not the hash of what is written on it" in forger.reasons()


def test_all_seals_of_a_chain_removed_are_found_by_its_head(forger: Forger) -> None:
    forger.forge("DELETE FROM agents.run_seal")

    assert "the head of the chain is not its last seal" in forger.reasons()


def test_heads_that_were_kept_hold_while_the_chains_go_on(ledger: str) -> None:
    sealed = make_sealed_run(ledger)
    with Ledger(ledger, READER) as reader, Ledger(ledger, APP) as app:
        kept = reader.call("chain_heads").chain_heads
        record(app, sealed.session_id, "and then")
        found = reader.rows("SELECT * FROM agents.verify_heads(%s, %s)", FIRM, Jsonb(kept))

    assert [row.verdict for row in found] == ["holds"]


def test_heads_of_another_firm_are_refused(ledger: str) -> None:
    with Ledger(ledger, READER) as reader, Ledger(ledger, READER, OTHER_FIRM) as other:
        document = other.call("chain_heads").chain_heads
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="p_heads"):
            reader.call("verify_heads", Jsonb(document))


# What is well holds -------------------------------------------------------------------------

SETTINGS = {
    "TimeZone": "America/St_Johns",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "extra_float_digits": "-15",
    "lc_numeric": "C",
    "lc_monetary": "C",
    "lc_time": "C",
    "lc_messages": "C",
    "xmlbinary": "hex",
    "search_path": "pg_temp",
    "plan_cache_mode": "force_custom_plan",
    "enable_partition_pruning": "off",
    "standard_conforming_strings": "off",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_a_session_makes_a_difference(forger: Forger, setting: str) -> None:
    forger.rows("SELECT set_config(%s, %s, true)", setting, SETTINGS[setting])

    assert forger.findings() == []


def test_an_open_run_is_open_and_no_run_is_not_there(ledger: str) -> None:
    open_months(ledger)
    with Ledger(ledger, APP) as app, Ledger(ledger, READER) as reader:
        run = app.call("start_run", "clerk", worker_id="w1")
        assert reader.call("verify_seal", run.run_id).verdict == "open"
        assert reader.rows("SELECT * FROM agents.verify_chain(%s)", FIRM) == []
        with pytest.raises(psycopg.errors.NoDataFound, match="p_run_id"):
            reader.call("verify_seal", FIRM)


def test_another_firm_sees_none_of_it(ledger: str) -> None:
    sealed = make_sealed_run(ledger)
    for question, values in (
        ("SELECT * FROM agents.verify_chain(%s)", (FIRM,)),
        ("SELECT * FROM agents.verify_seal(%s, %s)", (FIRM, sealed.run_id)),
    ):
        with (
            Ledger(ledger, READER, OTHER_FIRM) as other,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            other.rows(question, *values)
    with (
        Ledger(ledger, READER, OTHER_FIRM) as other,
        pytest.raises(psycopg.errors.NoDataFound),
    ):
        other.rows("SELECT * FROM agents.verify_seal(%s, %s)", OTHER_FIRM, sealed.run_id)


def test_pages_of_seals_are_all_seals(ledger: str) -> None:
    make_sealed_run(ledger)
    with Ledger(ledger, READER) as reader:
        whole = reader.rows("SELECT * FROM agents.verify_seals(%s)", FIRM)
        pages, last = [], (0, 0)
        while page := reader.rows(
            "SELECT * FROM agents.verify_seals(%s, p_after_chain_no => %s::smallint,"
            " p_after_seal_no => %s, p_limit => 2)",
            FIRM, *last,
        ):  # fmt: skip
            pages += page
            last = (page[-1].chain_no, page[-1].seal_no)

    assert pages == whole
    assert len(whole) == 7


def test_no_verifier_is_alarmed_by_those_who_write(ledger: str) -> None:
    open_months(ledger)
    writers, per_writer = 4, 20
    at_work = threading.Semaphore(0)

    def write() -> None:
        with Ledger(ledger, APP) as app:
            session_id = app.call("open_session").session_id
            for number in range(per_writer):
                record(app, session_id, f"turn {number}")
        at_work.release()

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    found: list[Any] = []
    with Ledger(ledger, READER) as reader:
        while any(thread.is_alive() for thread in threads):
            found += reader.rows(
                "SELECT * FROM agents.verify_chain(%s) WHERE verdict <> 'holds'", FIRM
            )
        for thread in threads:
            thread.join()
        whole = reader.rows("SELECT * FROM agents.verify_chain(%s)", FIRM)

    assert found == []
    assert all(at_work.acquire(blocking=False) for _ in threads)
    assert len(whole) == writers * per_writer


# The format ---------------------------------------------------------------------------------

# Rows that are the same on every server for ever, with what a text can have in it.
FIXED_ROWS = """
    SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
    INSERT INTO agents.agent_run_key
        (firm_id, run_id, started_at, idempotency_key, request_sha256, created_at)
    VALUES (
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1',
        '2026-06-09 12:00:00.123456+00', 'a "key", (with) \\ and é', sha256('request'),
        '2026-06-09 12:00:01+00'
    );
    INSERT INTO agents.chat_session
    SELECT (jsonb_populate_record(NULL::agents.chat_session, '{
        "firm_id": "00000000-0000-4000-8000-00000000000a",
        "session_id": "00000000-0000-4000-8000-0000000000a5", "status": "open", "last_turn_no": 1,
        "last_turn_at": "2026-06-09T12:00:01Z", "created_at": "2026-06-09T11:59:59.9Z",
        "channel": "", "metadata": {}
    }')).*;
    INSERT INTO agents.agent_run
    SELECT (jsonb_populate_record(NULL::agents.agent_run, '{
        "firm_id": "00000000-0000-4000-8000-00000000000a",
        "run_id": "00000000-0000-4000-8000-0000000000a1",
        "root_run_id": "00000000-0000-4000-8000-0000000000a1", "depth": 0,
        "session_id": "00000000-0000-4000-8000-0000000000a5",
        "started_at": "2026-06-09T12:00:00.123456Z", "ended_at": "2026-06-09T12:00:08Z",
        "operation": "chat", "agent_name": "clerk", "status": "succeeded", "attempt_no": 1,
        "is_error_retryable": false, "input_tokens": 9007199254740993, "cost_usd": 0.1,
        "metadata": {"b": [1, 2.50, null], "a": {"é": "\\n"}}
    }')).*;
    INSERT INTO agents.chat_turn
    SELECT (jsonb_populate_record(NULL::agents.chat_turn, jsonb_build_object(
        'content_sha256', sha256('Hello'), 'content_inline', 'Hello', 'content_bytes', 5
    ) || '{
        "firm_id": "00000000-0000-4000-8000-00000000000a",
        "turn_id": "00000000-0000-4000-8000-0000000000a7",
        "created_at": "2026-06-09T12:00:01Z", "turn_no": 1,
        "session_id": "00000000-0000-4000-8000-0000000000a5",
        "run_id": "00000000-0000-4000-8000-0000000000a1",
        "run_started_at": "2026-06-09T12:00:00.123456Z", "role": "user", "status": "complete",
        "content_format": "text", "content_storage": "inline", "metadata": {}
    }')).*;
    INSERT INTO agents.tool_call
    SELECT (jsonb_populate_record(NULL::agents.tool_call, jsonb_build_object(
        'args_sha256', sha256('{}'), 'result_sha256', sha256('[]'),
        'definition_sha256', sha256('definition')
    ) || '{
        "firm_id": "00000000-0000-4000-8000-00000000000a",
        "tool_call_id": "00000000-0000-4000-8000-0000000000a9",
        "requested_at": "2026-06-09T12:00:02Z", "started_at": "2026-06-09T12:00:03Z",
        "ended_at": "2026-06-09T12:00:04Z", "call_no": 1, "attempt_no": 1,
        "run_id": "00000000-0000-4000-8000-0000000000a1",
        "run_started_at": "2026-06-09T12:00:00.123456Z", "tool_name": "get_matter",
        "tool_version": "1.0.0", "status": "succeeded", "approval_status": "not_required",
        "args_storage": "inline", "args_inline": "{}", "args_bytes": 2,
        "result_storage": "redacted", "result_bytes": 2
    }')).*;
    INSERT INTO agents.redaction
    SELECT (jsonb_populate_record(NULL::agents.redaction, jsonb_build_object(
        'sha256', sha256('[]')
    ) || '{
        "firm_id": "00000000-0000-4000-8000-00000000000a",
        "redaction_id": "00000000-0000-4000-8000-0000000000ab",
        "run_id": "00000000-0000-4000-8000-0000000000a1",
        "run_started_at": "2026-06-09T12:00:00.123456Z", "table_name": "tool_call",
        "row_id": "00000000-0000-4000-8000-0000000000a9", "row_at": "2026-06-09T12:00:02Z",
        "body": "result", "storage": "inline", "bytes": 2, "redacted_by": "dpo",
        "reason": "art. 17", "redacted_at": "2026-07-01T00:00:00Z"
    }')).*;
"""
DIGESTS = [
    ("agent_run_key", "9ca8c835bf863941c08eae8bb2a8229b3adade4e4536b204cdf598b582d69386"),
    ("agent_run", "90e814e0b226dcd8e3ebe4368ac901078dba9362b17269ace86e714fca1acd24"),
    ("chat_session", "37d10b7d8f5e443b183f9a6e742129f839e54f1a9eca90edee649ecf649550c8"),
    ("chat_turn", "efe219f59e6404f78e5167ccb532fbc403a9f4914041fbea1e8ee541cfea30a2"),
    ("tool_call", "9497a00f3153f6233de0ce2cb9513010fd1a2f5aa7efeab2fcc46091018d43ce"),
    ("redaction", "891e8786980b9161c9f87de6330a296f3d45d935c753245de3a14464f4f00cde"),
    ("run_seal", "632ce3b50b842ad6fd1597c01de44ec67b722e1a7e937a5ec6b233b549a43e20"),
]

# Of ISO 8859-1, with a no-break space that is a space, as macOS has it.
ODD_LOCALE = """
LC_CTYPE
upper <U0041>..<U005A>
lower <U0061>..<U007A>
alpha <U0041>..<U005A>;<U0061>..<U007A>
digit <U0030>..<U0039>
space <U0009>..<U000D>;<U0020>;<U00A0>
END LC_CTYPE
"""
DIGEST_OF_A_KEY = """
    SELECT agents.agent_run_key_digest(
        ROW(
            %s, %s, '2026-06-09 12:00:00+00', chr(160), NULL, '2026-06-09 12:00:00+00', NULL, NULL
        )::agents.agent_run_key
    )
"""


def test_the_same_rows_have_the_same_digests_on_every_server(each_ledger: str) -> None:
    with psycopg.connect(each_ledger, row_factory=namedtuple_row) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(FIXED_ROWS)
        found = connection.execute(
            "SELECT table_name, encode(digest, 'hex') AS digest FROM agents.sealed_rows("
            " %s, '00000000-0000-4000-8000-0000000000a1', '2026-06-09 12:00:00.123456+00')",
            [FIRM],
        ).fetchall()
        redaction: Any = connection.execute(
            "SELECT encode(agents.redaction_digest(d), 'hex') AS digest FROM agents.redaction AS d"
        ).fetchone()
        seal: Any = connection.execute(
            "SELECT encode(agents.seal_sha256(%s, 1::smallint, 2, 1::smallint, 'run',"
            " '00000000-0000-4000-8000-0000000000a1', '2026-06-09 12:00:00.123456+00', NULL,"
            " '2026-06-09 12:00:09+00', 1, '\\x0102030405060708', sha256(''), sha256('1')),"
            " 'hex') AS digest",
            [FIRM],
        ).fetchone()

    digests = [*found, ("redaction", redaction.digest), ("run_seal", seal.digest)]
    assert [tuple(row) for row in digests] == DIGESTS


def test_the_locale_of_a_server_makes_no_difference(server: Cluster, ledger: str) -> None:
    """Where a locale counts a byte of a letter as space, a row as text is quoted otherwise."""
    if server.major < 17 or shutil.which("localedef") is None:
        pytest.skip("no locale can be made for this server")
    digests = []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as locales:
        Path(locales).chmod(0o755)
        source = Path(locales) / "source"
        source.write_text(ODD_LOCALE)
        subprocess.run(
            ["localedef", "-c", "-i", source, "-f", "ISO-8859-1", f"{locales}/odd.ISO-8859-1"],
            capture_output=True,
            check=False,
        )
        patch.setenv("LOCPATH", locales)
        patch.setattr(
            fix_postgres,
            "INITDB_OPTIONS",
            ("--encoding=LATIN1", "--locale=C", "--lc-ctype=odd.ISO-8859-1"),
        )
        odd = Cluster("odd", server.programs.directory)
        try:
            for dsn in (ledger, odd.dsn(odd.template(*LEDGER))):
                with psycopg.connect(dsn) as connection:
                    digests.append(connection.execute(DIGEST_OF_A_KEY, [FIRM, FIRM]).fetchone())
        finally:
            odd.stop()

    assert digests[0] == digests[1]

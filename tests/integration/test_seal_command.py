"""`muniment seal`: what it finds, prints and needs; with the shelf, and after redactions."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.a_sealed_run import (
    APP,
    FIRM,
    LARGE,
    OTHER_FIRM,
    SERVICE,
    Ledger,
    columns_of,
    make_sealed_run,
    open_months,
    record,
)
from tests.fix_postgres import LEDGER, ROOT, Cluster
from tests.integration.test_import_shelf import environment, muniment

from muniment import seals
from muniment._db import Connection, connect
from muniment.inventory import Swept, sweep
from muniment.seals import Difference, Event, Progress, Verification, verify, verify_run
from muniment.settings import Settings
from muniment.shelf import Shelf

RUN = UUID("00000000-0000-4000-8000-0000000000a1")
LIAR = """
    CREATE OR REPLACE FUNCTION agents.verify_seal(p_firm_id uuid, p_run_id uuid)
    RETURNS TABLE (verdict text, table_name text, row_id uuid, row_no integer, reason text)
    LANGUAGE sql
    AS $$ SELECT 'holds', NULL, NULL::uuid, NULL::integer, NULL $$
"""


@pytest.fixture
def connection(ledger: str) -> Iterator[Connection]:
    open_months(ledger)
    with closing(connect(ledger)) as opened:
        yield opened


def forge(dsn: str, statement: str) -> None:
    """Do what nobody may."""
    with psycopg.connect(dsn) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(statement.encode())


def shelved(dsn: str, shelf: Shelf) -> Any:
    """Record a run whose two turns are on the shelf."""
    started_at = datetime.now(UTC)
    turns = []
    for text in (LARGE, f"no. 2 {LARGE}"):
        body = shelf.store(
            text, kind="content", firm_id=FIRM, run_id=RUN, run_started_at=started_at
        )
        turns.append({"role": "user", **columns_of(body, "content")})
    with Ledger(dsn, APP) as app:
        session_id = app.call("open_session").session_id
        run = {"agent_name": "clerk", "run_id": str(RUN), "started_at": started_at.isoformat()}
        app.call("record_turn", session_id, json.dumps(run), json.dumps(turns))
        return app.rows("SELECT * FROM agents.chat_turn ORDER BY turn_no")


def outcome(events: Iterator[Event]) -> tuple[list[Difference], Verification]:
    *found, counts = events
    assert isinstance(counts, Verification)
    return [event for event in found if isinstance(event, Difference)], counts


# The shelf ------------------------------------------------------------------------------


def test_bodies_are_proven_with_the_seal(ledger: str, connection: Connection, shelf: Shelf) -> None:
    shelved(ledger, shelf)

    assert outcome(verify(connection, firms=[FIRM], shelf=shelf)) == (
        [],
        Verification(seals=1, bodies=2),
    )
    assert outcome(verify_run(connection, firm_id=FIRM, run_id=RUN, shelf=shelf)) == (
        [],
        Verification(seals=1, bodies=2),
    )


def test_a_body_that_is_missing_or_another_one_is_found(
    ledger: str, connection: Connection, shelf: Shelf
) -> None:
    gone, other = shelved(ledger, shelf)
    shelf.bucket.delete(gone.content_s3_key)
    shelf.bucket._client.put_object(
        Bucket=shelf.bucket.name, Key=other.content_s3_key, Body=b"x" * other.content_bytes
    )

    found, counts = outcome(verify(connection, firms=[FIRM], shelf=shelf))

    assert {(one.table_name, one.row_id, one.reason.partition(" agents/")[0]) for one in found} == {
        ("chat_turn", gone.turn_id, "the shelf does not have"),
        ("chat_turn", other.turn_id, "the shelf has another"),
    }
    assert (counts.bodies, counts.differences, counts.holds) == (0, 2, False)
    assert outcome(verify(connection, firms=[FIRM]))[0] == []


def test_the_seal_outlives_a_redaction_and_the_object_does_not(
    ledger: str, connection: Connection, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, kept = shelved(ledger, shelf)
    with Ledger(ledger, SERVICE) as service:
        service.call("redact_turn", turn.turn_id, turn.created_at, "dpo", "art. 17")

    swept = sweep(connection, shelf, firms=[FIRM], older_than=timedelta(0), dry_run=False)

    assert [one.key for one in swept if isinstance(one, Swept)] == [turn.content_s3_key]
    assert [one.key for one in shelf.bucket.listing("")] == [kept.content_s3_key]
    for page_seals in (seals.PAGE_SEALS, 1):
        monkeypatch.setattr(seals, "PAGE_SEALS", page_seals)
        assert outcome(verify(connection, firms=[FIRM], shelf=shelf)) == (
            [],
            Verification(seals=2, bodies=1),
        )


# In process -----------------------------------------------------------------------------


def test_pages_come_to_the_same_as_one(
    ledger: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sealed_run(ledger)
    forge(ledger, "UPDATE agents.agent_run SET agent_name = 'x' WHERE agent_name = 'clerk'")
    whole = outcome(verify(connection, firms=[FIRM]))
    monkeypatch.setattr(seals, "PAGE_SEALS", 2)
    events = list(verify(connection, firms=[FIRM]))

    assert outcome(iter(events)) == whole
    assert whole[1] == Verification(seals=7, differences=2)
    assert [event for event in events if isinstance(event, Progress)] == [
        Progress(verified, 7) for verified in (0, 2, 4, 6, 7)
    ]


def test_a_time_is_from_and_before(ledger: str, connection: Connection) -> None:
    make_sealed_run(ledger)
    with connection.cursor() as cursor:
        times = [
            row[0]
            for row in cursor.execute("SELECT sealed_at FROM agents.run_seal ORDER BY seal_no")
        ]

    _, counts = outcome(verify(connection, firms=[FIRM], sealed_from=times[1], sealed_to=times[3]))

    assert counts.seals == 2


# The command ----------------------------------------------------------------------------


def run(dsn: str, *arguments: object, **variables: str) -> Any:
    return muniment(
        "seal", *arguments, env=environment_without_shelf() | {"DATABASE_URL": dsn} | variables
    )


def environment_without_shelf() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AGENTS_")}


def test_what_holds_is_said_in_one_line(ledger: str) -> None:
    make_sealed_run(ledger)

    done = run(ledger, "verify")

    assert (done.returncode, done.stdout) == (0, "7 seals verified, 0 archived: all hold\n")


def test_what_differs_is_named_and_the_answer_is_no(ledger: str) -> None:
    sealed = make_sealed_run(ledger)
    forge(
        ledger,
        f"UPDATE agents.agent_run SET cost_usd = 0 WHERE run_id = '{sealed.run_id}'",  # noqa: S608
    )

    shown = run(ledger, "verify", "--firm", FIRM)
    one = run(ledger, "verify", "--firm", FIRM, "--run", sealed.run_id, "--json")

    assert shown.returncode == one.returncode == 3
    assert shown.stdout.splitlines() == [
        f"differs: firm {FIRM}, chain 1, seal 3, run {sealed.run_id}, agent_run {sealed.run_id}: "
        "the row is not as it was sealed",
        "7 seals verified, 0 archived: 1 differ",
    ]
    events = [json.loads(line) for line in one.stdout.splitlines()]
    assert [event["event"] for event in events] == ["progress", "difference", "summary"]
    assert (events[1]["table_name"], events[1]["row_id"]) == ("agent_run", str(sealed.run_id))
    assert events[2]["holds"] is False


def test_heads_that_were_kept_find_a_chain_that_was_cut_off(ledger: str, tmp_path: Path) -> None:
    open_months(ledger)
    with Ledger(ledger, APP) as app:
        session_id = app.call("open_session").session_id
        record(app, session_id, "stays")
        gone = record(app, session_id, "goes").run_id
    exported = run(ledger, "export", "--firm", FIRM)
    kept = tmp_path / "heads.json"
    kept.write_text(exported.stdout)
    holds = run(ledger, "verify", "--heads", kept)
    for table in ("chat_turn", "agent_run", "run_seal", "agent_run_key"):
        forge(ledger, f"DELETE FROM agents.{table} WHERE run_id = '{gone}'")  # noqa: S608
    forge(
        ledger,
        "UPDATE agents.seal_chain SET (last_seal_no, last_sha256) = ("
        " SELECT seal_no, seal_sha256 FROM agents.run_seal)",
    )

    assert (exported.returncode, holds.returncode) == (0, 0)
    assert holds.stdout == "2 seals verified, 0 archived, 1 heads compared: all hold\n"
    assert run(ledger, "verify").returncode == 0
    found = run(ledger, "verify", "--heads", kept)
    assert found.returncode == 3
    assert "chain 1, seal 2: the seal is missing: the chain was cut off" in found.stdout


def test_heads_of_a_firm_of_which_nothing_is_left_still_find_that(
    ledger: str, tmp_path: Path
) -> None:
    make_sealed_run(ledger)
    kept = tmp_path / "heads.json"
    kept.write_text(run(ledger, "export", "--firm", FIRM).stdout)
    forge(
        ledger,
        "TRUNCATE agents.agent_run_key, agents.agent_run, agents.chat_turn, agents.tool_call,"
        " agents.redaction, agents.run_seal, agents.seal_chain",
    )

    assert run(ledger, "verify").returncode == 0
    assert run(ledger, "verify", "--heads", kept).returncode == 3


def test_each_of_several_heads_of_a_firm_is_compared(ledger: str, tmp_path: Path) -> None:
    open_months(ledger)
    with Ledger(ledger, APP) as app:
        record(app, app.call("open_session").session_id, "stays")
    latest, oldest = tmp_path / "latest.json", tmp_path / "oldest.json"
    exported = run(ledger, "export", "--firm", FIRM).stdout
    latest.write_text(exported)
    oldest.write_text(exported.replace('"seal_no": 1', '"seal_no": 2'))

    found = run(ledger, "verify", "--heads", oldest, "--heads", latest)

    assert (found.returncode, found.stdout.splitlines()) == (
        3,
        [
            f"differs: firm {FIRM}, chain 1, seal 2: the seal is missing: the chain was cut off",
            "1 seals verified, 0 archived, 2 heads compared: 1 differ",
        ],
    )


def test_heads_of_a_firm_that_has_none_compare_nothing_and_say_so(
    ledger: str, tmp_path: Path
) -> None:
    kept = tmp_path / "heads.json"
    kept.write_text(run(ledger, "export", "--firm", OTHER_FIRM).stdout)

    done = run(ledger, "verify", "--heads", kept)

    assert done.stdout == "0 seals verified, 0 archived, 0 heads compared: all hold\n"


def test_a_firm_whose_keys_were_removed_is_still_verified(ledger: str) -> None:
    make_sealed_run(ledger)
    forge(ledger, "DELETE FROM agents.agent_run_key")

    found = run(ledger, "verify")

    assert found.returncode == 3
    assert "7 seals verified, 0 archived: 19 differ" in found.stdout


def test_who_replaces_what_verifies_is_found_on_another_server(
    server: Cluster, ledger: str, tmp_path: Path
) -> None:
    how_to = (ROOT / "docs/how-to/keep-the-heads-elsewhere.md").read_text()
    commands = how_to[how_to.index('psql -q "$OWN" -c') :].partition("muniment seal verify")[0]
    month = datetime.now(UTC) - timedelta(days=31)
    commands = commands.replace("2026-01-01", f"{month:%Y-%m}-01").replace("pg_dump", "$PG_DUMP", 1)
    make_sealed_run(ledger)
    forge(ledger, "UPDATE agents.agent_run SET cost_usd = 0 WHERE agent_name = 'clerk'")
    forge(ledger, LIAR)
    with server.database(template=server.template(*LEDGER)) as own:
        subprocess.run(
            ["sh", "-e", "-c", commands],
            env=os.environ
            | {"OWN": own, "DATABASE_URL": ledger}
            | {"PG_DUMP": shlex.join(server.programs.command("pg_dump"))},
            check=True,
        )
        told, found = run(ledger, "verify"), run(own, "verify")

    assert (told.returncode, found.returncode) == (0, 3)
    assert found.stdout.count(": the row is not as it was sealed\n") == 2


def test_the_shelf_is_looked_at_when_asked(
    ledger: str, connection: Connection, shelf: Shelf, shelf_settings: Settings
) -> None:
    shelved(ledger, shelf)

    done = muniment(
        "seal", "verify", "--bodies", env=environment(shelf_settings, DATABASE_URL=ledger)
    )

    assert (done.returncode, done.stdout) == (
        0,
        "1 seals verified, 0 archived, 2 bodies proven: all hold\n",
    )
    without = run(ledger, "verify", "--bodies")
    assert (without.returncode, "no shelf named" in without.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", RUN], "--run goes with one --firm"),
        (["--firm", FIRM, "--run", RUN, "--from", "2026-06-01T00:00:00Z"], "--run goes with"),
        (["--from", "yesterday"], "--from"),
        (
            ["--from", "2026-06-02T00:00:00Z", "--to", "2026-06-01T00:00:00Z"],
            "--from is not before --to",
        ),
        (["--heads", "heads.json", "--firm", OTHER_FIRM], "--heads is of another firm"),
        (["--heads", "broken.json"], "is not what `muniment seal export` prints"),
        (["--heads", "nothing.json"], "does not exist"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    arguments: list[object], message: str, tmp_path: Path
) -> None:
    (tmp_path / "heads.json").write_text(json.dumps({"firm_id": str(FIRM), "heads": []}))
    (tmp_path / "broken.json").write_text("[]")

    done = muniment("seal", "verify", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr


def test_a_run_that_is_not_there_is_an_error(ledger: str) -> None:
    done = run(ledger, "verify", "--firm", FIRM, "--run", RUN)

    assert (done.returncode, "p_run_id" in done.stderr) == (1, True)


def test_who_is_bound_by_row_security_has_to_name_the_firm(ledger: str) -> None:
    make_sealed_run(ledger)
    bound = {"PGOPTIONS": "-c role=muniment_reader"}

    unnamed = run(ledger, "verify", **bound)
    named = run(ledger, "verify", "--firm", FIRM, **bound)

    assert (unnamed.returncode, named.returncode) == (1, 0)
    assert "no firm named" in unnamed.stderr

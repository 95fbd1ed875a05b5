"""Imports whose bodies do not fit the register: the object first, the row second, and the proof."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.fault_proxy import Fault, FaultProxy

from muniment._db import Connection, connect
from muniment.errors import ShelfUnreachable
from muniment.inventory import SweepSummary, sweep
from muniment.settings import Settings
from muniment.shelf import Shelf, StoredBody
from muniment.transcript.acting import APP, acting_as, fetch
from muniment.transcript.importer import ImportSummary, import_transcripts
from muniment.transcript.record import read_record
from muniment.transcript.rows import Origin

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
ORIGIN = Origin("chats.jsonl", started_at=datetime(2026, 6, 9, 12, tzinfo=UTC))
LARGE = "exhibit " * 10_000
ODD = "a\0b \ud83d"


def record(text: str = LARGE) -> list[dict[str, Any]]:
    """Return a conversation in which everything is as large as ``text``."""
    call = {"id": "c", "function": {"name": "get_matter", "arguments": f"a {text}"}}
    return [
        {"role": "user", "content": f"q {text}"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": f"r {text}"},
        {"role": "assistant", "content": "Short."},
    ]


def bring_in(connection: Connection, shelf: Shelf | None, *records: Any, **others: Any) -> Any:
    *_, summary = import_transcripts(
        connection,
        [read_record(number, one) for number, one in enumerate(records, start=1)],
        firm_id=FIRM,
        origin=ORIGIN,
        shelf=shelf,
        **others,
    )
    assert isinstance(summary, ImportSummary)
    return summary


def keys(shelf: Shelf) -> set[str]:
    return {found.key for found in shelf.bucket.listing("")}


def count(connection: Connection, table: str) -> int:
    return connection.execute(f"SELECT FROM agents.{table}").rowcount


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def connection(ledger: str) -> Iterator[Connection]:
    with closing(connect(ledger)) as opened:
        yield opened


def environment(settings: Settings, **others: str) -> dict[str, str]:
    """Return the environment in which a program finds a shelf."""
    secret = settings.secret_access_key
    assert secret is not None
    return {
        **os.environ,
        "AGENTS_BUCKET_NAME": settings.bucket,
        "AGENTS_S3_ENDPOINT_URL": settings.endpoint_url or "",
        "AGENTS_S3_ACCESS_KEY_ID": settings.access_key_id or "",
        "AGENTS_S3_SECRET_ACCESS_KEY": secret.get_secret_value(),
        **others,
    }


def muniment(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muniment", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


# In process -------------------------------------------------------------------------


@pytest.mark.parametrize("text", [LARGE, ODD], ids=["large", "odd"])
def test_rows_name_objects_that_are_there(connection: Connection, shelf: Shelf, text: str) -> None:
    summary = bring_in(connection, shelf, record(text))

    assert (summary.added, summary.refused) == (1, 0)
    with acting_as(connection, APP, doing="look", firm_id=FIRM):
        turns = fetch(connection, b"SELECT * FROM agents.chat_turn ORDER BY turn_no")
        (call,) = fetch(connection, b"SELECT * FROM agents.tool_call")
    bodies = [StoredBody.from_row(turn, "content") for turn in turns]
    bodies += [StoredBody.from_row(call, "args"), StoredBody.from_row(call, "result")]
    assert bodies.pop(1) is None
    stored = [body for body in bodies if body is not None]
    assert [body.storage for body in stored] == ["s3", "s3", "inline", "s3", "s3"]
    assert shelf.fetch_many(stored, firm_id=FIRM) == [
        f"q {text}", f"r {text}", "Short.", f"a {text}", f"r {text}",
    ]  # fmt: skip
    assert {body.s3_key for body in stored if body.s3_key} == keys(shelf)
    # What the columns say is what the body says, in both directions.
    for name, row in (("content", turns[0]), ("args", call), ("result", call)):
        body = StoredBody.from_row(row, name)
        assert body is not None
        assert body.columns(name) == {key: row[key] for key in body.columns(name)}


def test_the_columns_of_a_body_are_those_of_the_tables(connection: Connection) -> None:
    for table, name in (("chat_turn", "content"), ("tool_call", "args"), ("tool_call", "result")):
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'agents'"
            " AND table_name = %s AND column_name ~ %s AND column_name <> 'content_format'",
            (table, f"^{name}_"),
        )
        assert {row[0] for row in found} == set(StoredBody.no_columns(name))


def test_a_second_import_sends_nothing(connection: Connection, shelf: Shelf) -> None:
    bring_in(connection, shelf, record())
    before = {found.key: found.modified_at for found in shelf.bucket.listing("")}

    summary = bring_in(connection, shelf, record())

    assert summary.present == 1
    assert {found.key: found.modified_at for found in shelf.bucket.listing("")} == before


def test_a_dry_run_stores_nothing(connection: Connection, shelf: Shelf) -> None:
    assert bring_in(connection, shelf, record(), dry_run=True).added == 1
    assert keys(shelf) == set()
    assert count(connection, "agent_run_key") == 0


def test_without_a_shelf_only_records_that_need_one_stay_out(connection: Connection) -> None:
    summary = bring_in(connection, None, record(), record("small"), record(ODD))

    assert (summary.added, summary.refused) == (1, 2)


@pytest.mark.parametrize("kind", ["refuse", "silence", "busy", "cut_request"])
def test_when_the_shelf_fails_no_row_is_written_and_a_retry_is_whole(
    connection: Connection,
    shelf_settings: Settings,
    shelf: Shelf,
    proxy: FaultProxy,
    kind: str,
) -> None:
    quick = {"connect_timeout": 1.0, "read_timeout": 2.0, "attempts": 1}
    settings = shelf_settings.model_copy(update={"endpoint_url": proxy.endpoint_url, **quick})
    proxy.fault = Fault(kind, after=30_000)
    with Shelf(settings) as faulty:
        with pytest.raises(ShelfUnreachable):
            bring_in(connection, faulty, record(), record("small"))
        assert count(connection, "agent_run_key") == count(connection, "chat_turn") == 0

        proxy.fault = None
        summary = bring_in(connection, faulty, record(), record("small"))

    assert (summary.added, summary.refused) == (2, 0)
    # q, r as turns; a, r as the call's: nothing is left of the attempt before.
    assert len(keys(shelf)) == 4


# As programs ------------------------------------------------------------------------


def test_import_and_show_go_through_the_shelf(
    ledger: str, shelf_settings: Settings, shelf: Shelf, tmp_path: Path
) -> None:
    file = tmp_path / "chats.json"
    file.write_text(json.dumps([record(LARGE), record(ODD)]))
    env = environment(shelf_settings)
    where = ("--firm", FIRM, "--dsn", ledger)

    done = muniment("import", file, "--started-at", "2026-06-09T12:00:00Z", *where, env=env)
    assert done.returncode == 0, done.stderr
    listed = json.loads(muniment("runs", "--json", *where, env=env).stdout)
    runs = [one["run_id"] for one in listed]

    texts = set()
    for run in runs:
        shown = muniment("show", run, "--full", "--json", *where, env=env)
        assert shown.returncode == 0, shown.stderr
        texts |= {turn["content"]["text"] for turn in json.loads(shown.stdout)["turns"][::2]}
        plain = muniment("show", run, "--full", *where, env=env)
        assert plain.returncode == 0, plain.stderr
        short = muniment("show", run, *where, env=env)
        assert "on the shelf: agents/" in short.stdout
    assert texts == {f"q {LARGE}", f"r {LARGE}", f"q {ODD}", f"r {ODD}"}

    # Without the bucket, and with an object that was changed, the rest is still shown.
    for key in keys(shelf):
        shelf.bucket._client.put_object(Bucket=shelf.bucket.name, Key=key, Body=b"forged")
    forged = muniment("show", runs[0], "--full", *where, env=env)
    assert forged.returncode == 1
    assert "not fetched: body differs: agents/" in forged.stdout
    assert "Short." in forged.stdout
    assert "forged" not in forged.stdout
    away = environment(shelf_settings, AGENTS_BUCKET_NAME="no-such-bucket")
    assert (
        "no bucket no-such-bucket" in muniment("show", runs[0], "--full", *where, env=away).stdout
    )


def test_kill_between_object_and_row_leaves_only_an_orphan(
    ledger: str, connection: Connection, shelf_settings: Settings, shelf: Shelf, tmp_path: Path
) -> None:
    # A firm without any run could not be swept: it would be taken for the wrong database.
    bring_in(connection, shelf, record("small"))
    file = tmp_path / "chats.json"
    file.write_text(json.dumps([record()]))
    command = ["import", str(file), "--started-at", "2026-06-09T12:00:00Z"]
    command += ["--firm", str(FIRM), "--dsn", ledger]
    env = environment(shelf_settings)
    with closing(connect(ledger)) as other, other.transaction():
        # Reading goes on, writing does not.
        other.execute("LOCK TABLE agents.agent_run_key IN SHARE MODE")
        process = subprocess.Popen([sys.executable, "-m", "muniment", *command], env=env)
        eventually(lambda: len(keys(shelf)) == 4)
        process.send_signal(signal.SIGKILL)
        process.wait()
    eventually(
        lambda: (
            connection.execute(
                "SELECT FROM pg_stat_activity WHERE application_name = 'muniment'"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
            ).rowcount
            == 0
        )
    )

    assert (count(connection, "agent_run_key"), count(connection, "chat_turn")) == (1, 4)
    assert len(keys(shelf)) == 4
    checked = muniment("shelf", "check", "--firm", FIRM, "--json", "--dsn", ledger, env=env)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    counted = json.loads(checked.stdout.splitlines()[-1])
    assert (counted["orphans"], counted["young"]) == (0, 4)

    *_, removed = sweep(connection, shelf, firms=[FIRM], older_than=timedelta(0), dry_run=False)
    assert isinstance(removed, SweepSummary)
    assert removed.swept == 4
    assert keys(shelf) == set()
    done = muniment(*command, env=env)
    assert done.returncode == 0, done.stderr
    assert len(keys(shelf)) == 4

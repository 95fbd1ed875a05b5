"""What `muniment runs` and `muniment show` find, for whom, and how it looks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from muniment._db import Connection, connect
from muniment.cli import ledger as ledger_command
from muniment.errors import AccessDenied
from muniment.queries import query
from muniment.transcript.acting import APP, READER, acting_as
from muniment.transcript.importer import import_transcripts
from muniment.transcript.ledger_reader import RunNotFound, list_runs, read_run
from muniment.transcript.reader import open_transcript
from muniment.transcript.record import read_record
from muniment.transcript.rows import Origin, Subject

FIRM_A = UUID("00000000-0000-4000-8000-00000000000a")
FIRM_B = UUID("00000000-0000-4000-8000-00000000000b")
EXAMPLE = Path(__file__).parents[2] / "examples" / "matter-chat.jsonl"
MATTER = Subject("matter", "2026-117")
HERE = datetime(2026, 6, 9, 12, tzinfo=UTC)


def import_example(connection: Connection, firm_id: UUID = FIRM_A) -> None:
    origin = Origin(EXAMPLE.name, "MatterChatAgent", MATTER)
    list(import_transcripts(connection, open_transcript(EXAMPLE), firm_id=firm_id, origin=origin))


def import_one(connection: Connection, *messages: dict[str, Any]) -> str:
    """Import one record, and return the id of its run."""
    origin = Origin("one.json", started_at=HERE)
    record = read_record(1, list(messages))
    list(import_transcripts(connection, [record], firm_id=FIRM_A, origin=origin))
    found = connection.execute("SELECT run_id FROM agents.agent_run WHERE started_at = %s", (HERE,))
    return str(found.fetchall()[0][0])


@pytest.fixture
def connection(ledger: str) -> Iterator[Connection]:
    with closing(connect(ledger)) as opened:
        yield opened


@pytest.fixture
def example(connection: Connection) -> Connection:
    """Give a ledger in which firm A has the example."""
    import_example(connection)
    return connection


def muniment(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muniment", *arguments], capture_output=True, text=True, check=False
    )


# Runs ------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_with_what_is_known_of_them(example: Connection) -> None:
    newest, middle, oldest = list_runs(example, firm_id=FIRM_A, limit=10)
    assert newest.started_at > middle.started_at > oldest.started_at
    assert (newest.status, newest.turn_count, newest.tool_call_count) == ("abandoned", 5, 2)
    assert (newest.input_tokens, newest.output_tokens) == (1903, 420)
    assert (middle.input_tokens, middle.output_tokens, middle.cost_usd) == (None, None, None)
    # Summed up over the two messages that tell theirs.
    assert (oldest.input_tokens, oldest.output_tokens) == (412 + 655, 31 + 48)
    assert (oldest.agent_name, oldest.subject_type, oldest.subject_id) == (
        "MatterChatAgent",
        "matter",
        "2026-117",
    )


def test_runs_can_be_narrowed_down(example: Connection) -> None:
    def count(**narrowed: Any) -> int:
        return len(list_runs(example, firm_id=FIRM_A, **{"limit": 10, **narrowed}))

    assert count() == 3
    assert count(limit=2) == 2
    assert count(status="succeeded") == 2
    assert count(status="failed") == 0
    assert count(subject=MATTER) == 3
    assert count(subject=Subject("matter", "2026-118")) == 0
    assert count(subject=MATTER, status="abandoned") == 1


def test_a_firm_does_not_find_the_runs_of_another(example: Connection) -> None:
    (run, *_) = list_runs(example, firm_id=FIRM_A, limit=10)
    assert list_runs(example, firm_id=FIRM_B, limit=10) == []
    with pytest.raises(RunNotFound, match="this firm has no such run"):
        read_run(example, str(run.run_id), firm_id=FIRM_B)


def test_without_the_reader_role_nothing_is_shown(ledger: str, example: Connection) -> None:
    example.execute("CREATE ROLE runs_login LOGIN NOINHERIT IN ROLE muniment_app")
    try:
        with closing(connect(ledger.replace("postgres@", "runs_login@"))) as other:
            with pytest.raises(AccessDenied, match="list runs: cannot act as muniment_reader"):
                list_runs(other, firm_id=FIRM_A, limit=1)
            with pytest.raises(AccessDenied, match="cannot act as muniment_reader"):
                read_run(other, "0" * 8, firm_id=FIRM_A)
    finally:
        example.execute("DROP ROLE runs_login")


# Show ------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_its_turns_and_calls(example: Connection) -> None:
    newest = list_runs(example, firm_id=FIRM_A, limit=1)[0]
    timeline = read_run(example, str(newest.run_id), firm_id=FIRM_A)
    assert [turn.role for turn in timeline.turns] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    draft, letter = timeline.tool_calls
    assert (draft.tool_name, draft.status) == ("save_draft", "succeeded")
    assert draft.ended_at is not None
    assert draft.ended_at - draft.requested_at == timedelta(seconds=1)
    assert (letter.tool_name, letter.status, letter.result) == ("send_email", "unknown", None)
    assert letter.turn_id == timeline.turns[-1].turn_id
    assert timeline.run.reasoning_tokens == 256


@pytest.mark.parametrize("digits", [8, 9, 13, 20, 36])
def test_a_run_is_found_by_the_beginning_of_its_id(example: Connection, digits: int) -> None:
    for run in list_runs(example, firm_id=FIRM_A, limit=3):
        for spelled in (str(run.run_id), str(run.run_id).upper()):
            assert read_run(example, spelled[:digits], firm_id=FIRM_A).run.run_id == run.run_id
    assert read_run(example, run.run_id.hex, firm_id=FIRM_A).run.run_id == run.run_id


@pytest.mark.parametrize("run", ["", "abcdef0", "not-a-run", "0" * 33, "%"])
def test_what_is_no_id_is_refused(example: Connection, run: str) -> None:
    with pytest.raises(RunNotFound, match="not the id of a run"):
        read_run(example, run, firm_id=FIRM_A)


def start_run(connection: Connection, run_id: UUID, **columns: Any) -> None:
    """Write a run that is under way, as a worker does, not an importer."""
    with acting_as(connection, APP, doing="starting a run", firm_id=FIRM_A):
        values = {"firm": FIRM_A, "run": run_id, "at": HERE, **columns}
        connection.execute(
            "WITH key AS ("
            " INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)"
            " VALUES (%(firm)s, %(run)s, %(at)s)"
            ") INSERT INTO agents.agent_run"
            " (firm_id, run_id, started_at, root_run_id, agent_name, cost_usd)"
            " VALUES (%(firm)s, %(run)s, %(at)s, %(run)s, 'live', 0.00123)",
            values,
        )


def test_a_beginning_that_fits_several_runs_names_them(connection: Connection) -> None:
    ids = [UUID(int=(0xABCDEF01 << 96) + number) for number in range(7)]
    for run_id in ids:
        start_run(connection, run_id)
    with pytest.raises(RunNotFound) as caught:
        read_run(connection, "abcdef01", firm_id=FIRM_A)
    assert f"several begin so: {ids[0]}, " in caught.value.message
    assert caught.value.message.endswith(f"{ids[4]} and more")


def test_a_run_under_way_is_shown_too(ledger: str, connection: Connection) -> None:
    run_id = UUID("abcdef01-0000-4000-8000-000000000000")
    start_run(connection, run_id)
    timeline = read_run(connection, str(run_id), firm_id=FIRM_A)
    assert (timeline.run.status, timeline.run.ended_at) == ("queued", None)
    assert (timeline.turns, timeline.tool_calls) == ((), ())
    shown = muniment("show", str(run_id), "--firm", str(FIRM_A), "--dsn", ledger).stdout
    assert "ended     -\n" in shown
    assert "cost      $0.00123\n" in shown


def test_a_turn_months_after_the_start_of_its_run_is_shown(connection: Connection) -> None:
    run_id = UUID("abcdef01-0000-4000-8000-000000000000")
    start_run(connection, run_id)
    connection.execute("SELECT agents.ensure_partitions('2026-08-01', 1)")
    with acting_as(connection, APP, doing="answering", firm_id=FIRM_A):
        connection.execute(
            "WITH session AS ("
            " INSERT INTO agents.chat_session (firm_id) VALUES (%(firm)s) RETURNING session_id)"
            " INSERT INTO agents.chat_turn"
            " (firm_id, session_id, turn_no, run_id, run_started_at, created_at, role)"
            " SELECT %(firm)s, session_id, 1, %(run)s, %(at)s, '2026-08-01Z', 'user' FROM session",
            {"firm": FIRM_A, "run": run_id, "at": HERE},
        )
    assert HERE.month < 8
    (turn,) = read_run(connection, str(run_id), firm_id=FIRM_A).turns
    assert turn.created_at.month == 8
    (listed,) = list_runs(connection, firm_id=FIRM_A, limit=1)
    assert listed.turn_count == 1


def test_texts_are_cut_unless_they_are_asked_for(connection: Connection) -> None:
    text = "ä" * 400 + "\n" + "b" * 400
    run_id = import_one(connection, {"role": "user", "content": text})
    (turn,) = read_run(connection, run_id, firm_id=FIRM_A).turns
    assert turn.content is not None
    assert turn.content.text == text[:500]
    assert (turn.content.bytes, turn.content.is_whole) == (len(text.encode()), False)
    (turn,) = read_run(connection, run_id, firm_id=FIRM_A, whole_bodies=True).turns
    assert turn.content is not None
    assert (turn.content.text, turn.content.is_whole) == (text, True)


def test_months_that_cannot_hold_the_run_and_its_rows_are_not_read(
    example: Connection,
) -> None:
    run = list_runs(example, firm_id=FIRM_A, limit=1)[0]
    example.execute("SELECT agents.ensure_partitions('2023-01-01', 24)")
    whose = {
        "firm_id": FIRM_A,
        "run_id": run.run_id,
        "started_at": run.started_at,
        "characters": 500,
    }
    for name, table in (
        ("run", "agent_run"),
        ("turns", "chat_turn"),
        ("tool_calls", "tool_call"),
    ):
        with acting_as(example, READER, doing="explaining", firm_id=FIRM_A):
            explain = b"EXPLAIN (FORMAT JSON) " + query(f"ledger.{name}")
            plan = str(example.execute(explain, whose).fetchall())
        assert f"{table}_p202606" in plan
        assert f"{table}_p2023" not in plan


# Command line ----------------------------------------------------------------------------------


def test_the_list_is_a_table_with_whole_ids_in_a_pipe(ledger: str, example: Connection) -> None:
    listed = muniment("runs", "--firm", str(FIRM_A), "--dsn", ledger)
    heading, *lines = listed.stdout.splitlines()
    assert heading.split() == [
        *("RUN", "STARTED", "STATUS", "AGENT", "SUBJECT", "MODEL"),
        *("TURNS", "CALLS", "IN", "OUT", "COST"),
    ]
    assert [line.split()[0] for line in lines] == [
        str(run.run_id) for run in list_runs(example, firm_id=FIRM_A, limit=9)
    ]
    # Counts that were not told are a dash; the table keeps its columns.
    assert lines[1].split()[-3:] == ["-", "-", "-"]
    assert "1,903  420" in lines[0]


def test_the_list_as_json_has_null_for_what_is_not_known(ledger: str, example: Connection) -> None:
    listed = muniment("runs", "--firm", str(FIRM_A), "--dsn", ledger, "--limit", "2", "--json")
    newest, middle = json.loads(listed.stdout)
    assert newest["started_at"] == "2026-06-30T23:59:40+00:00"
    assert newest["input_tokens"] == 1903
    assert middle["input_tokens"] is None


def test_the_firm_may_come_from_the_environment(
    ledger: str, example: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert muniment("runs", "--dsn", ledger).returncode == 2
    monkeypatch.setenv("MUNIMENT_FIRM", str(FIRM_A))
    assert len(json.loads(muniment("runs", "--dsn", ledger, "--json").stdout)) == 3


def test_a_firm_without_runs_has_an_empty_list(ledger: str, connection: Connection) -> None:
    import_example(connection, FIRM_B)
    listed = muniment("runs", "--firm", str(FIRM_A), "--dsn", ledger)
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "", "no runs\n")
    as_json = muniment("runs", "--firm", str(FIRM_A), "--dsn", ledger, "--json")
    assert json.loads(as_json.stdout) == []


def test_a_run_is_a_timeline(ledger: str, example: Connection) -> None:
    run_id = str(list_runs(example, firm_id=FIRM_A, limit=1)[0].run_id)
    shown = muniment("show", run_id[:8], "--firm", str(FIRM_A), "--dsn", ledger).stdout
    assert f"run       {run_id}\n" in shown
    assert "status    abandoned\n" in shown
    assert "tokens    in 1,903 (1,024 from cache), out 420 (256 reasoning)\n" in shown
    assert "imported  matter-chat.jsonl, record 3, times from the record\n" in shown
    assert (
        "  5  2026-07-01 00:00:03Z  assistant  tokens in -, out -, cost -\n"
        "     The draft is saved. I send it now.\n"
        "     call 2  send_email  unknown\n"
        '       args   {"matter_id": "2026-117", '
    ) in shown
    assert "call 1  save_draft  succeeded  1.000 s\n" in shown


def test_a_run_as_json_has_everything(ledger: str, example: Connection) -> None:
    run_id = str(list_runs(example, firm_id=FIRM_A, limit=1)[0].run_id)
    shown = muniment("show", run_id, "--firm", str(FIRM_A), "--dsn", ledger, "--json")
    document = json.loads(shown.stdout)
    assert document.keys() == {"run", "turns", "tool_calls"}
    assert document["run"]["metadata"]["import"]["record"] == 3
    assert document["turns"][0]["content"]["text"].startswith("You are MatterChatAgent")
    assert document["tool_calls"][1]["result"] is None


def test_a_text_cannot_act_on_a_terminal(ledger: str, connection: Connection) -> None:
    nasty = "a\x1b[2Jb\u202ec\x9bd\r\n\tlast line " + "e" * 300
    run_id = import_one(connection, {"role": "user", "content": nasty})
    options = ("show", run_id, "--firm", str(FIRM_A), "--dsn", ledger)
    excerpt = muniment(*options).stdout
    assert "a\\x1b[2Jb\\u202ec\\x9bd last line eee" in excerpt
    assert "(326 bytes)" in excerpt
    whole = muniment(*options, "--full").stdout
    assert "     a\\x1b[2Jb\\u202ec\\x9bd\\r\n     \tlast line eee" in whole
    for text in (excerpt, whole, muniment(*options, "--json", "--full").stdout):
        assert not set(text) & set("\x1b\x9b\u202e\r")


def test_an_unknown_run_is_an_error_without_a_traceback(ledger: str, example: Connection) -> None:
    shown = muniment("show", "0" * 8, "--firm", str(FIRM_A), "--dsn", ledger)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr == "muniment: run 00000000: this firm has no such run\n"


@pytest.mark.parametrize("command", ["import", "runs", "show"])
def test_each_command_has_help(command: str) -> None:
    shown = muniment(command, "--help")
    assert shown.returncode == 0
    assert "--firm UUID" in shown.stdout
    assert "MUNIMENT_FIRM" in shown.stdout


def test_a_narrow_terminal_loses_columns_and_never_digits(
    example: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = list_runs(example, firm_id=FIRM_A, limit=1)
    cells = [ledger_command._run_cells(run, is_short=True) for run in found]
    for width, columns in ((200, 11), (100, 9), (80, 8)):
        monkeypatch.setenv("COLUMNS", str(width))
        ledger_command._print_rich_table(cells)
        heading, line = capsys.readouterr().out.splitlines()
        assert len(heading.split()) == columns
        assert str(found[0].run_id)[:13] in line
        assert "1,903  420     -" in line

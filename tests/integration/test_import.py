"""Imports into a real ledger: once each, in the right role, and what is refused says why."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from muniment._db import Connection, connect
from muniment.errors import AccessDenied, StoreError, TranscriptError
from muniment.transcript import importer
from muniment.transcript.acting import APP, READER, acting_as
from muniment.transcript.importer import (
    BatchDone,
    Event,
    ImportSummary,
    MonthsMade,
    ToolsRegistered,
    import_transcripts,
)
from muniment.transcript.reader import open_transcript
from muniment.transcript.record import Record, read_record
from muniment.transcript.rows import Origin, Subject

FIRM_A = UUID("00000000-0000-4000-8000-00000000000a")
FIRM_B = UUID("00000000-0000-4000-8000-00000000000b")
# In a month for which the deploy has partitions, and in one for which it has none.
HERE = datetime(2026, 6, 9, 12, tzinfo=UTC)
ELSEWHERE = datetime(2024, 2, 29, 12, tzinfo=UTC)
ORIGIN = Origin("chats.jsonl", "MatterChatAgent", Subject("matter", "7"), HERE)

LEDGER = ("agent_run_key", "agent_run", "chat_session", "chat_turn", "tool_call")


def conversation(text: str, *, tool: str = "get_matter", **members: Any) -> dict[str, Any]:
    """Return a record of four messages and one call."""
    function = {"name": tool, "arguments": '{"matter_id": "7"}'}
    return {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]},
            {"role": "tool", "tool_call_id": "c", "content": "it is open"},
            {"role": "assistant", "content": "The matter is open."},
        ],
        **members,
    }


def parsed(*records: Any) -> list[Record | TranscriptError]:
    found: list[Record | TranscriptError] = []
    for number, record in enumerate(records, start=1):
        try:
            found.append(read_record(number, record))
        except TranscriptError as error:
            found.append(error)
    return found


def import_all(
    connection: Connection,
    *records: Any,
    firm_id: UUID = FIRM_A,
    origin: Origin = ORIGIN,
    dry_run: bool = False,
) -> tuple[ImportSummary, list[Event]]:
    """Import records, and return the summary and the events before it."""
    *events, summary = import_transcripts(
        connection, parsed(*records), firm_id=firm_id, origin=origin, dry_run=dry_run
    )
    assert isinstance(summary, ImportSummary)
    return summary, events


def counts(connection: Connection) -> tuple[int, ...]:
    """Return how many keys, runs, sessions, turns and calls there are, of all firms."""
    query = sql.SQL("SELECT {}").format(
        sql.SQL(", ").join(
            sql.SQL("(SELECT count(*) FROM agents.{})").format(sql.Identifier(table))
            for table in LEDGER
        )
    )
    return tuple(connection.execute(query).fetchall()[0])


def refusals(events: list[Event]) -> list[TranscriptError]:
    return [event for event in events if isinstance(event, TranscriptError)]


@pytest.fixture
def superuser(ledger: str) -> Iterator[Connection]:
    with closing(connect(ledger)) as connection:
        yield connection


Login = Callable[..., Connection]


@pytest.fixture
def login(ledger: str) -> Iterator[Login]:
    """Give connections of new logins that are members of the given roles and of no others."""
    opened: list[Connection] = []
    numbers = count(1)

    def make(*roles: str) -> Connection:
        name = sql.Identifier(f"import_login_{next(numbers)}")
        with psycopg.connect(ledger, autocommit=True) as owner:
            owner.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(name))
            for role in roles:
                owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), name))
        opened.append(connect(make_conninfo(ledger, user=name.as_string().strip('"'))))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()
    with psycopg.connect(ledger, autocommit=True) as owner:
        for number in range(1, next(numbers)):
            name = sql.Identifier(f"import_login_{number}")
            owner.execute(sql.SQL("DROP ROLE {}").format(name))


# What goes in ----------------------------------------------------------------------------------


def test_a_record_becomes_a_run_a_session_turns_and_calls(superuser: Connection) -> None:
    record = conversation("What about it?", model="gpt-4o", usage={"prompt_tokens": 12})
    summary, _ = import_all(superuser, record)

    assert summary == ImportSummary(1, 1, 0, 0, turns=4, tool_calls=1)
    assert counts(superuser) == (1, 1, 1, 4, 1)
    assert superuser.execute(
        """
        SELECT run.agent_name, run.subject_type, run.subject_id, run.status, run.started_at,
            run.ended_at, run.request_model, run.input_tokens, run.output_tokens,
            session.status, session.channel, session.last_turn_no, session.closed_at,
            run.root_run_id = run.run_id, session.idempotency_key = key.idempotency_key
        FROM agents.agent_run AS run
        INNER JOIN agents.agent_run_key AS key USING (firm_id, run_id, started_at)
        INNER JOIN agents.chat_session AS session USING (firm_id, session_id)
        """
    ).fetchall() == [
        (
            *("MatterChatAgent", "matter", "7", "succeeded", HERE),
            *(HERE, "gpt-4o", 12, None),
            *("closed", "import", 4, HERE, True, True),
        )
    ]
    assert superuser.execute(
        "SELECT turn_no, role, content_inline, author_id FROM agents.chat_turn ORDER BY turn_no"
    ).fetchall() == [
        (1, "user", "What about it?", None),
        (2, "assistant", None, None),
        (3, "tool", "it is open", "get_matter"),
        (4, "assistant", "The matter is open.", None),
    ]
    assert superuser.execute(
        """
        SELECT call.call_no, turn.turn_no, call.tool_name, call.tool_version, call.status,
            call.args_inline, call.result_inline, call.provider_call_id
        FROM agents.tool_call AS call
        INNER JOIN agents.chat_turn AS turn USING (firm_id, turn_id)
        """
    ).fetchall() == [
        (1, 2, "get_matter", "imported", "succeeded", '{"matter_id": "7"}', "it is open", "c")
    ]


def test_a_text_comes_back_as_it_was(superuser: Connection) -> None:
    texts = ["", "\\u0041 \\", "Grüße 👋 \u2028", '{"a": "\x01\t\n"}', "x" * 32_768]
    import_all(superuser, [{"role": "user", "content": text} for text in texts])
    found = superuser.execute("SELECT content_inline FROM agents.chat_turn ORDER BY turn_no")
    assert [row[0] for row in found] == texts


def test_a_second_import_adds_nothing(superuser: Connection) -> None:
    records = [conversation("one"), conversation("two")]
    import_all(superuser, *records)
    before = counts(superuser)
    summary, _ = import_all(superuser, *records, origin=Origin("copy.json", started_at=ELSEWHERE))
    assert summary == ImportSummary(2, 0, 2, 0, turns=0, tool_calls=0)
    assert counts(superuser) == before


def test_a_longer_file_adds_what_is_new(superuser: Connection) -> None:
    import_all(superuser, conversation("one"), conversation("two"))
    summary, _ = import_all(
        superuser, conversation("one"), conversation("two"), conversation("three")
    )
    assert (summary.added, summary.present) == (1, 2)
    assert counts(superuser) == (3, 3, 3, 12, 3)


def test_equal_records_of_one_file_are_runs_of_their_own(superuser: Connection) -> None:
    again = [conversation("again")] * 3
    assert import_all(superuser, *again)[0].added == 3
    assert import_all(superuser, *again)[0].present == 3
    assert import_all(superuser, *again, conversation("again"))[0].added == 1
    assert counts(superuser)[0] == 4


def test_an_import_that_was_stopped_goes_on(
    superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH_ROWS", 12)
    records = [conversation(str(number)) for number in range(10)]
    events = import_transcripts(superuser, parsed(*records), firm_id=FIRM_A, origin=ORIGIN)
    done = next(event for event in events if isinstance(event, BatchDone))
    events.close()  # type: ignore[attr-defined]

    assert done.records == 2
    assert counts(superuser)[0] == 2
    summary, _ = import_all(superuser, *records)
    assert (summary.added, summary.present) == (8, 2)


# Two at once -----------------------------------------------------------------------------------


def test_two_importers_at_once_add_everything_once(
    ledger: str, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH_ROWS", 60)
    # Missing months and tools too: both importers find them missing.
    records = [
        conversation(
            f"question {number}",
            tool=f"tool_{number % 7}",
            timestamp=(ELSEWHERE + timedelta(days=number)).isoformat(),
        )
        for number in range(100)
    ]
    start = threading.Barrier(2)

    def run(mine: list[Any]) -> ImportSummary:
        with closing(connect(ledger)) as connection:
            start.wait()
            return import_all(connection, *mine)[0]

    with ThreadPoolExecutor(2) as pool:
        # The second one comes from the other end, so that their batches cross.
        first, second = pool.map(run, (records, records[::-1]))

    assert first.added + second.added == 100
    assert first.present + second.present == 100
    assert first.turns + second.turns == 400
    assert counts(superuser) == (100, 100, 100, 400, 100)


def test_another_writer_in_the_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(importer, "sleep", pauses.append)
    answers = iter([StoreError("deadlock", sqlstate="40P01"), StoreError("lock", sqlstate="55P03")])

    def do() -> str:
        for error in answers:
            raise error
        return "done"

    assert importer._patiently(do) == "done"
    assert len(pauses) == 2

    def never() -> str:
        raise StoreError("lock", sqlstate="55P03")

    with pytest.raises(StoreError, match="lock"):
        importer._patiently(never)


# What is refused -------------------------------------------------------------------------------


def test_a_broken_record_does_not_stop_the_others(superuser: Connection) -> None:
    broken = {"messages": [{"role": "critic"}]}
    summary, events = import_all(superuser, conversation("one"), broken, conversation("two"))
    assert summary == ImportSummary(3, 2, 0, 1, turns=8, tool_calls=2)
    assert [error.record for error in refusals(events)] == [2]


def test_only_the_record_that_the_database_refuses_is_left_out(superuser: Connection) -> None:
    # Its name is noted in the metadata, which has an end.
    too_much = {**conversation("two"), "x" * 9000: 1}
    summary, events = import_all(superuser, conversation("one"), too_much, conversation("three"))
    assert summary == ImportSummary(3, 2, 0, 1, turns=8, tool_calls=2)
    assert counts(superuser) == (2, 2, 2, 8, 2)
    (refused,) = refusals(events)
    assert refused.record == 2
    assert "SQLSTATE 23514, agent_run_metadata_ck" in refused.reason
    assert isinstance(refused.__cause__, StoreError)


def test_a_record_without_any_time_is_refused_with_a_hint(superuser: Connection) -> None:
    timed = conversation("two", timestamp=HERE.isoformat())
    summary, events = import_all(superuser, conversation("one"), timed, origin=Origin("f"))
    assert (summary.added, summary.refused) == (1, 1)
    (refused,) = refusals(events)
    assert "--started-at" in (refused.hint or "")


# Months ----------------------------------------------------------------------------------------


def partitions(connection: Connection) -> set[str]:
    found = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'agents.agent_run'::regclass"
    )
    return {row[0] for row in found}


def test_exactly_the_months_that_are_missing_are_made(superuser: Connection) -> None:
    before = partitions(superuser)
    messages = [
        {"role": "user", "content": "hm", "timestamp": at}
        for at in ("2024-01-31T23:59:59Z", "2024-03-01T00:00:00Z", "2026-06-01T00:00:00Z")
    ]
    summary, events = import_all(superuser, messages)
    assert summary.added == 1
    assert [event for event in events if isinstance(event, MonthsMade)] == [
        MonthsMade(("2024-01", "2024-03"))
    ]
    made = {"agents.agent_run_p202401", "agents.agent_run_p202403"}
    assert partitions(superuser) - before == made
    found = superuser.execute("SELECT tableoid::regclass::text FROM agents.chat_turn ORDER BY 1")
    assert [row[0] for row in found] == [
        "agents.chat_turn_p202401",
        "agents.chat_turn_p202403",
        "agents.chat_turn_p202606",
    ]


def test_an_import_makes_so_many_months_and_no_more(
    superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "MONTHS_AT_MOST", 2)
    before = partitions(superuser)
    months = ("2021-01", "2022-02", "2023-03")
    summary, events = import_all(
        superuser, *(conversation(month, timestamp=f"{month}-05T00:00:00Z") for month in months)
    )
    assert (summary.added, summary.refused) == (2, 1)
    (refused,) = refusals(events)
    assert refused.reason == "the ledger has no partition for 2023-03"
    made = {name.rpartition("_p")[2] for name in partitions(superuser) - before}
    assert made == {"202101", "202202"}


def test_without_the_maintainer_records_of_missing_months_are_refused(
    login: Login, superuser: Connection
) -> None:
    before = partitions(superuser)
    here = conversation("one")
    elsewhere = conversation("two", timestamp=ELSEWHERE.isoformat())
    summary, events = import_all(login("muniment_app", "muniment_service"), elsewhere, here)
    assert (summary.added, summary.refused) == (1, 1)
    (refused,) = refusals(events)
    assert (refused.record, refused.reason) == (1, "the ledger has no partition for 2024-02")
    assert "muniment_maintainer" in (refused.hint or "")
    assert "agents.ensure_partitions('2024-02-01', 1)" in (refused.hint or "")
    assert partitions(superuser) == before


# Roles and tools -------------------------------------------------------------------------------


def test_unknown_tools_are_registered_as_imported_and_inactive(superuser: Connection) -> None:
    _, events = import_all(
        superuser, conversation("one", tool="get_matter"), conversation("two", tool="mcp/seen.once")
    )
    assert ToolsRegistered(("get_matter", "mcp/seen.once")) in events
    found = superuser.execute(
        """
        SELECT tool_name, tool_version, is_active, side_effect, replay, approval
        FROM agents.tool_registry
        WHERE tool_name IN ('get_matter', 'mcp/seen.once')
        ORDER BY tool_name, tool_version
        """
    )
    assert found.fetchall() == [
        # The tool that is in use stays as it is: nobody knows whether the model saw this one.
        ("get_matter", "1.0.0", True, "read", "safe", "never"),
        ("get_matter", "imported", False, "unknown", "never", "always"),
        ("mcp/seen.once", "imported", False, "unknown", "never", "always"),
    ]
    summary, events = import_all(superuser, conversation("three"))
    assert summary.added == 1
    assert not [event for event in events if isinstance(event, ToolsRegistered)]


def test_without_the_service_unknown_tools_stop_the_import(
    login: Login, superuser: Connection
) -> None:
    app_only = login("muniment_app")
    with pytest.raises(AccessDenied) as caught:
        import_all(app_only, conversation("one", tool="seen_once"))
    assert "registering the tools seen_once: cannot act as muniment_service" in str(caught.value)
    assert "GRANT muniment_service TO" in (caught.value.hint or "")
    assert counts(superuser)[0] == 0

    import_all(superuser, conversation("one", tool="seen_once"), firm_id=FIRM_B)
    assert import_all(app_only, conversation("one", tool="seen_once"))[0].added == 1


@pytest.mark.parametrize("roles", [(), ("muniment_reader",), ("muniment_service",)])
def test_without_the_app_role_nothing_can_be_imported(login: Login, roles: tuple[str, ...]) -> None:
    with pytest.raises(AccessDenied, match="import: cannot act as muniment_app") as caught:
        import_all(login(*roles), conversation("one"))
    assert "GRANT muniment_app TO" in (caught.value.hint or "")


def test_a_database_without_a_ledger_is_named_as_such(database: str) -> None:
    with closing(connect(database)) as connection, pytest.raises(StoreError) as caught:
        import_all(connection, conversation("one"))
    assert "muniment deploy agents" in (caught.value.hint or "")


def test_row_security_binds_a_superuser_too(superuser: Connection) -> None:
    row = "INSERT INTO agents.chat_session (firm_id) VALUES (%s)"
    with (
        pytest.raises(AccessDenied),
        acting_as(superuser, APP, doing="writing for another firm", firm_id=FIRM_B),
    ):
        superuser.execute(row, (FIRM_A,))


def test_a_firm_sees_nothing_of_another(superuser: Connection) -> None:
    import_all(superuser, conversation("one"), firm_id=FIRM_A)
    for role in (APP, READER):
        with acting_as(superuser, role, doing="looking", firm_id=FIRM_B):
            assert counts(superuser) == (0, 0, 0, 0, 0)
    # The same record is another run for another firm: neither can tell that the other has it.
    assert import_all(superuser, conversation("one"), firm_id=FIRM_B)[0].added == 1
    assert counts(superuser) == (2, 2, 2, 8, 2)
    with acting_as(superuser, APP, doing="looking", firm_id=FIRM_A):
        assert counts(superuser) == (1, 1, 1, 4, 1)


def test_the_connection_keeps_neither_role_nor_firm(superuser: Connection) -> None:
    import_all(superuser, conversation("one"))
    found = superuser.execute(
        "SELECT current_user = session_user, current_setting('app.tenant_id', true)"
    ).fetchone()
    assert found == (True, "")


# Dry run ---------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_an_import_would_do_and_does_nothing(superuser: Connection) -> None:
    import_all(superuser, conversation("there"))
    before = (counts(superuser), partitions(superuser))
    records = [
        conversation("there"),
        conversation("new", tool="seen_once", timestamp=ELSEWHERE.isoformat()),
        {"messages": []},
    ]
    rehearsal = import_all(superuser, *records, dry_run=True)
    assert (counts(superuser), partitions(superuser)) == before
    assert not superuser.execute(
        "SELECT FROM agents.tool_registry WHERE tool_name = 'seen_once'"
    ).fetchall()

    performance = import_all(superuser, *records)
    assert rehearsal[0] == performance[0] == ImportSummary(3, 1, 1, 1, turns=4, tool_calls=1)
    assert list(map(str, rehearsal[1])) == list(map(str, performance[1]))


# On every server -------------------------------------------------------------------------------


def test_the_example_goes_in_on_every_server(each_ledger: str) -> None:
    path = Path(__file__).parents[2] / "examples" / "matter-chat.jsonl"
    origin = Origin(path.name, "MatterChatAgent", Subject("matter", "2026-117"))
    with closing(connect(each_ledger)) as connection:
        for added in (3, 0):
            *_, summary = import_transcripts(
                connection, open_transcript(path), firm_id=FIRM_A, origin=origin
            )
            assert isinstance(summary, ImportSummary)
            assert (summary.added, summary.refused) == (added, 0)
        assert counts(connection) == (3, 3, 3, 16, 5)
        found = connection.execute("SELECT status, count(*) FROM agents.tool_call GROUP BY status")
        assert dict(found.fetchall()) == {"succeeded": 4, "unknown": 1}


# Command line ----------------------------------------------------------------------------------


def muniment(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muniment", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """Give a file with two good records and a bad one between them."""
    path = tmp_path / "chats.jsonl"
    records = [conversation("one"), {"messages": [{"role": "critic\x1b"}]}, conversation("two")]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def test_the_command_lists_what_it_refused_and_fails(ledger: str, chats: Path) -> None:
    options = ("--firm", str(FIRM_A), "--dsn", ledger)
    refused = 'record 2: message 1: role "critic\\u001b" is none of'

    untimed = muniment("import", str(chats), *options)
    assert untimed.returncode == 1
    assert untimed.stdout == (
        "3 records: 0 added (0 turns, 0 tool calls), 0 already there, 3 refused\n"
    )
    assert "record 1: it tells no time\n" in untimed.stderr
    assert untimed.stderr.count("hint: ") == 1

    timed = (*options, "--started-at", "2026-06-09T12:00:00Z", "--subject", "matter:7")
    rehearsed = muniment("import", str(chats), *timed, "--dry-run")
    assert rehearsed.stdout == (
        "3 records: 2 would be added (8 turns, 2 tool calls), 0 already there, 1 refused\n"
    )
    done = muniment("import", str(chats), *timed)
    assert done.returncode == 1
    assert done.stdout == "3 records: 2 added (8 turns, 2 tool calls), 0 already there, 1 refused\n"
    assert refused in done.stderr
    assert "tools registered, inactive: get_matter\n" in done.stderr

    again = muniment("import", str(chats), *timed, "--json")
    assert again.returncode == 1
    assert again.stderr == ""
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert [event["event"] for event in events] == ["refused", "progress", "summary"]
    assert events[0]["record"] == 2
    assert events[-1] == {
        "event": "summary", "records": 3, "added": 0, "present": 2, "refused": 1,
        "turns": 0, "tool_calls": 0, "dry_run": False,
    }  # fmt: skip


def test_the_command_succeeds_when_nothing_was_refused(ledger: str, chats: Path) -> None:
    chats.write_text(json.dumps(conversation("one", timestamp=HERE.isoformat())) + "\n")
    done = muniment("import", str(chats), "--firm", str(FIRM_A), "--dsn", ledger)
    assert (done.returncode, done.stdout) == (
        0,
        "1 record: 1 added (4 turns, 1 tool call), 0 already there, 0 refused\n",
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "Missing option '--firm'"),
        (("--firm", "acme"), "'acme' is not a valid UUID"),
        (("--firm", str(FIRM_A), "--started-at", "2026-06-09T12:00"), "has no offset from UTC"),
        (("--firm", str(FIRM_A), "--subject", "Matter 7"), "is not a type and an id"),
        (("--firm", str(FIRM_A), "--subject", "matter:"), "does not have 1 to 200 characters"),
        (("--firm", str(FIRM_A), "--agent", "\udcff"), "it is not in UTF-8"),
    ],
)
def test_the_command_refuses_what_it_cannot_mean(
    chats: Path, options: tuple[str, ...], complaint: str
) -> None:
    refused = muniment("import", str(chats), "--dsn", "host=nowhere.invalid", *options)
    assert refused.returncode == 2
    assert complaint in refused.stderr


def test_the_command_says_where_a_file_stops_being_json(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all,\n")
    done = muniment("import", str(path), "--firm", str(FIRM_A), "--dsn", "host=nowhere.invalid")
    assert done.returncode == 1
    assert f"muniment: {path}:1:1: not JSON: Expecting value" in done.stderr

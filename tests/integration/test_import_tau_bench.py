"""A real file, 200 conversations of an airline agent: tau-bench's runs of gpt-4o.

It is sierra-research/tau-bench, historical_trajectories/gpt-4o-airline.json (MIT licence), and not
part of this repository: MUNIMENT_TAU_BENCH names it, or it lies in ``shared/data`` beside the
checkout.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from muniment._db import Connection, connect
from muniment.transcript.importer import Event, ImportSummary, import_transcripts
from muniment.transcript.ledger_reader import list_runs, read_run
from muniment.transcript.reader import open_transcript
from muniment.transcript.record import Record
from muniment.transcript.rows import Origin, Subject

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
# The file tells no times; its system prompt says that it is then.
STARTED_AT = datetime(2024, 5, 15, 20, tzinfo=UTC)
ORIGIN = Origin("airline.json", "airline", Subject("benchmark", "tau"), STARTED_AT)

FILE = Path(
    os.environ.get("MUNIMENT_TAU_BENCH")
    or Path(__file__).parents[3] / "shared" / "data" / "tau-bench-gpt-4o-airline.json"
)

if not FILE.is_file():
    pytest.skip(
        "tau-bench's gpt-4o-airline.json is not here: set MUNIMENT_TAU_BENCH",
        allow_module_level=True,
    )


def import_file(connection: Connection) -> list[Event]:
    return list(import_transcripts(connection, open_transcript(FILE), firm_id=FIRM, origin=ORIGIN))


@pytest.fixture
def imported(ledger: str) -> Iterator[Connection]:
    """Give a ledger into which the file was imported."""
    with closing(connect(ledger)) as connection:
        assert import_file(connection)[-1] == ImportSummary(
            records=200, added=200, present=0, refused=0, turns=5308, tool_calls=1164
        )
        yield connection


def count_by(connection: Connection, expression: str, table: str) -> dict[str, int]:
    found = connection.execute(
        f"SELECT {expression}, count(*) FROM agents.{table} GROUP BY 1".encode()  # noqa: S608
    )
    return dict(found.fetchall())


def test_all_of_it_goes_in(imported: Connection) -> None:
    assert count_by(imported, "'all'", "agent_run_key") == {"all": 200}
    assert count_by(imported, "status", "agent_run") == {"abandoned": 200}
    assert count_by(imported, "status", "chat_session") == {"closed": 200}
    assert count_by(imported, "role", "chat_turn") == {
        "system": 200,
        "user": 1490,
        "assistant": 2454,
        "tool": 1164,
    }
    assert count_by(imported, "status", "tool_call") == {"succeeded": 1164}
    assert len(count_by(imported, "tool_name", "tool_call")) == 14


def test_a_second_import_adds_nothing(imported: Connection) -> None:
    assert import_file(imported)[-1] == ImportSummary(
        records=200, added=0, present=200, refused=0, turns=0, tool_calls=0
    )
    assert count_by(imported, "'all'", "chat_turn") == {"all": 5308}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("agent_run", "started_at"),
        ("chat_turn", "created_at"),
        ("tool_call", "requested_at"),
    ],
)
def test_every_row_is_in_the_partition_of_its_month(
    imported: Connection, table: str, column: str
) -> None:
    in_its_month = (
        f"tableoid::regclass::text = 'agents.{table}_p'"
        f" || to_char({column} AT TIME ZONE 'UTC', 'YYYYMM')"
    )
    assert count_by(imported, in_its_month, table).keys() == {True}


def test_turns_have_no_gaps_and_calls_have_their_turn(imported: Connection) -> None:
    gaps = imported.execute(
        """
        SELECT session_id
        FROM agents.chat_turn
        GROUP BY session_id
        HAVING min(turn_no) <> 1 OR max(turn_no) <> count(*)
        """
    )
    assert gaps.fetchall() == []
    strays = imported.execute(
        """
        SELECT call.tool_call_id
        FROM agents.tool_call AS call
        LEFT JOIN agents.chat_turn AS turn
            ON turn.firm_id = call.firm_id
            AND turn.turn_id = call.turn_id
            AND turn.run_id = call.run_id
            AND turn.role = 'assistant'
        WHERE turn.turn_id IS NULL
        """
    )
    assert strays.fetchall() == []


def test_what_is_shown_is_what_the_file_says(imported: Connection) -> None:
    said: Counter[tuple[str | None, str | None]] = Counter()
    for record in open_transcript(FILE):
        assert isinstance(record, Record)
        said.update((message.role, message.content) for message in record.messages)
        said.update((call.arguments, call.result) for call in record.tool_calls)
    shown: Counter[tuple[str | None, str | None]] = Counter()
    for run in list_runs(imported, firm_id=FIRM, limit=1000):
        timeline = read_run(imported, str(run.run_id), firm_id=FIRM, whole_bodies=True)
        assert (run.turn_count, run.tool_call_count) == (
            len(timeline.turns),
            len(timeline.tool_calls),
        )
        shown.update(
            (turn.role, turn.content.text if turn.content else None) for turn in timeline.turns
        )
        shown.update(
            (call.args.text if call.args else None, call.result.text if call.result else None)
            for call in timeline.tool_calls
        )
    assert shown == said

"""`muniment import`, `runs` and `show`: transcripts into the ledger, and a look at it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click

from muniment._db import connect
from muniment.cli._options import dsn_option, resolve_dsn, shelf_of
from muniment.cli._progress import progress
from muniment.cli._timeline import labelled, shown, timeline_lines
from muniment.cli._visible import visible
from muniment.errors import TranscriptError
from muniment.transcript.importer import (
    BatchDone,
    Event,
    ImportSummary,
    MonthsMade,
    ToolsRegistered,
    import_transcripts,
)
from muniment.transcript.ledger_reader import RunSummary, list_runs, read_run
from muniment.transcript.reader import open_transcript
from muniment.transcript.record import parse_time
from muniment.transcript.rows import Origin, Subject

F = TypeVar("F", bound=Callable[..., Any])

STATUSES = (
    "queued",
    "running",
    "waiting_approval",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "abandoned",
)

# Twelve hex digits: a uuid's random or millisecond part, so they hardly ever fit two runs.
SHORT_ID = 13

# To the minute.
SHORT_TIME = 16


def _read_subject(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> Subject | None:
    if value is None:
        return None
    subject_type, _, subject_id = value.partition(":")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", subject_type):
        raise click.BadParameter(f"{value!r} is not a type and an id, like matter:2026-117")
    return Subject(subject_type, _checked(subject_id))


def _read_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_text(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else _checked(value)


def _checked(text: str) -> str:
    """Return a text that the ledger takes as a name: not empty, not endless, and really Unicode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise click.BadParameter("it is not in UTF-8") from None
    if not 1 <= len(text) <= 200:
        raise click.BadParameter(f"{text!r} does not have 1 to 200 characters")
    return text


def _firm_option(command: F) -> F:
    return click.option(
        "--firm",
        "firm_id",
        type=click.UUID,
        required=True,
        envvar=["MUNIMENT_FIRM"],
        show_envvar=True,
        metavar="UUID",
        help="The firm whose ledger it is.",
    )(command)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_firm_option
@click.option(
    "--subject",
    callback=_read_subject,
    metavar="TYPE:ID",
    help="What the conversations are about, for example matter:2026-117.",
)
@click.option(
    "--started-at",
    callback=_read_time,
    metavar="TIME",
    help="When the runs started whose records tell no time: ISO 8601 with an offset.",
)
@click.option(
    "--agent",
    default="imported",
    show_default=True,
    callback=_read_text,
    help="The agent whose runs they are.",
)
@click.option("--model", callback=_read_text, help="The model, where a record names none.")
@click.option("--provider", callback=_read_text, help="Its provider, where a record names none.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@dsn_option
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    firm_id: UUID,
    subject: Subject | None,
    started_at: datetime | None,
    agent: str,
    model: str | None,
    provider: str | None,
    dry_run: bool,
    as_json: bool,
    dsn: str | None,
) -> None:
    """Import chat transcripts in the OpenAI message format.

    FILE is JSON (a list of records, or one) or JSON Lines (a record a line). A record is a list of
    messages, or an object that holds one as messages, traj, history or trajectory. Each becomes
    a run of the firm.

    A text over 32,768 bytes goes to the shelf: that of the AGENTS_ settings, else that of `muniment
    up` if the ledger is in its database.

    Importing a file again adds nothing, and importing a longer version of it adds what is new.
    Records that cannot go in are listed, the others go in, and the exit code is 1.
    """
    transcript = open_transcript(file)
    origin = Origin(transcript.name, agent, subject, started_at, provider, model)
    with connect(resolve_dsn(dsn)) as connection, shelf_of(connection) as shelf:
        events = import_transcripts(
            connection,
            transcript,
            firm_id=firm_id,
            origin=origin,
            shelf=shelf,
            dry_run=dry_run,
        )
        if as_json:
            summary = _print_events(events, dry_run)
        else:
            summary = _tell_events(events, transcript.expected, dry_run)
    if summary.refused:
        ctx.exit(1)


@click.command()
@_firm_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="The most runs to list.",
)
@click.option("--status", type=click.Choice(STATUSES), help="Only runs in this status.")
@click.option(
    "--subject", callback=_read_subject, metavar="TYPE:ID", help="Only runs about this subject."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@dsn_option
def runs(
    firm_id: UUID,
    limit: int,
    status: str | None,
    subject: Subject | None,
    as_json: bool,
    dsn: str | None,
) -> None:
    """List the runs of a firm, the newest first."""
    with connect(resolve_dsn(dsn)) as connection:
        found = list_runs(connection, firm_id=firm_id, limit=limit, status=status, subject=subject)
    if as_json:
        _print_json([asdict(run) for run in found])
    elif found:
        _print_runs(found)
    else:
        click.echo("no runs", err=True)


@click.command()
@click.argument("run")
@_firm_option
@click.option("--full", is_flag=True, help="Show whole texts, not only how they begin.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@dsn_option
@click.pass_context
def show(
    ctx: click.Context, run: str, firm_id: UUID, full: bool, as_json: bool, dsn: str | None
) -> None:
    """Show one run with its turns and tool calls.

    RUN is its id, or the first digits of it: eight or more. With --full, what is on the shelf is
    fetched and proven by its SHA-256; if anything is not what the ledger says, or cannot be had,
    that is shown in its place and the exit code is 1.
    """
    with connect(resolve_dsn(dsn)) as connection, shelf_of(connection) as shelf:
        timeline = read_run(connection, run, firm_id=firm_id, whole_bodies=full, shelf=shelf)
    if as_json:
        _print_json(asdict(timeline))
    else:
        click.echo("\n".join(timeline_lines(timeline, full=full)))
    bodies = [turn.content for turn in timeline.turns]
    bodies += [body for call in timeline.tool_calls for body in (call.args, call.result)]
    if any(body is not None and body.problem is not None for body in bodies):
        ctx.exit(1)


# --- import ---------------------------------------------------------------------------------


def _print_events(events: Iterator[Event], dry_run: bool) -> ImportSummary:
    """Print each event as a JSON object, and return the last."""
    for event in events:
        _print_json(_as_json(event) | {"dry_run": dry_run}, indent=None)
        if isinstance(event, ImportSummary):
            return event
    raise AssertionError("an import ends with its summary")


def _as_json(event: Event) -> dict[str, Any]:
    if isinstance(event, TranscriptError):
        facts = {"record": event.record, "reason": event.reason, "hint": event.hint}
        return {"event": "refused", **facts}
    names = {
        MonthsMade: "months",
        ToolsRegistered: "tools",
        BatchDone: "progress",
        ImportSummary: "summary",
    }
    return {"event": names[type(event)], **asdict(event)}


def _tell_events(events: Iterator[Event], expected: int, dry_run: bool) -> ImportSummary:
    """Tell a person how the import goes, and what it came to; return the summary."""
    would = "would be " if dry_run else ""
    hints: set[str] = set()
    with progress("records", expected) as (advance, say):
        for event in events:
            if isinstance(event, TranscriptError):
                say(event.message)
                if event.hint:
                    hints.add(event.hint)
            elif isinstance(event, MonthsMade):
                say(f"partitions {would}made: {', '.join(event.months)}")
            elif isinstance(event, ToolsRegistered):
                say(f"tools {would}registered, inactive: {', '.join(event.tool_names)}")
            elif isinstance(event, BatchDone):
                advance(event.records)
            else:
                summary = event
    for hint in sorted(hints):
        click.echo(f"hint: {hint}", err=True)
    click.echo(
        f"{_counted(summary.records, 'record')}: {summary.added:,} {would}added "
        f"({_counted(summary.turns, 'turn')}, {_counted(summary.tool_calls, 'tool call')}), "
        f"{summary.present:,} already there, {summary.refused:,} refused"
    )
    return summary


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


# --- runs -----------------------------------------------------------------------------------

RUNS_COLUMNS = (
    "RUN", "STARTED", "STATUS", "AGENT", "SUBJECT", "MODEL", "TURNS", "CALLS", "IN", "OUT", "COST",
)  # fmt: skip
RUNS_NUMBERS = frozenset({"TURNS", "CALLS", "IN", "OUT", "COST"})

# What a narrow terminal does without, first things first: a number that is cut is a wrong number.
RUNS_DISPENSABLE = ("MODEL", "AGENT", "SUBJECT")
GAP = 2


def _print_runs(found: Sequence[RunSummary]) -> None:
    """Print a table: with short ids and what fits on a terminal, with everything in a pipe."""
    if sys.stdout.isatty():
        _print_rich_table([_run_cells(run, is_short=True) for run in found])
    else:
        _print_plain_table([_run_cells(run, is_short=False) for run in found])


def _run_cells(run: RunSummary, *, is_short: bool) -> dict[str, str]:
    """Return the cells of a run by column."""
    started_at = shown(run.started_at)
    cells = (
        str(run.run_id)[:SHORT_ID] if is_short else str(run.run_id),
        started_at[:SHORT_TIME] if is_short else started_at,
        run.status,
        visible(run.agent_name),
        visible(labelled(run.subject_type, run.subject_id)),
        visible(shown(run.request_model)),
        shown(run.turn_count),
        shown(run.tool_call_count),
        shown(run.input_tokens),
        shown(run.output_tokens),
        shown(run.cost_usd),
    )
    return dict(zip(RUNS_COLUMNS, cells, strict=True))


def _widths(cells: Sequence[Mapping[str, str]]) -> dict[str, int]:
    return {
        column: max(len(column), *(len(row[column]) for row in cells)) for column in RUNS_COLUMNS
    }


def _print_rich_table(cells: Sequence[Mapping[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    widths = _widths(cells)
    for column in RUNS_DISPENSABLE:
        if sum(widths.values()) + GAP * (len(widths) - 1) > console.width:
            del widths[column]
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for column in widths:
        table.add_column(column, justify="right" if column in RUNS_NUMBERS else "left")
    for row in cells:
        table.add_row(*(Text(row[column]) for column in widths))
    console.print(table)


def _print_plain_table(cells: Sequence[Mapping[str, str]]) -> None:
    headings = {column: column for column in RUNS_COLUMNS}
    widths = _widths(cells)
    for row in (headings, *cells):
        line = (
            row[column].rjust(width) if column in RUNS_NUMBERS else row[column].ljust(width)
            for column, width in widths.items()
        )
        click.echo((" " * GAP).join(line).rstrip())


def _print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON in ASCII: nothing in it can act on a terminal."""
    click.echo(json.dumps(value, indent=indent, default=_json_value))


def _json_value(value: object) -> str:
    """Return what JSON has no type for as a string: times in UTC, amounts exactly."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)

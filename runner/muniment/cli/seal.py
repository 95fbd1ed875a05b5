"""`muniment seal`: verify the seals over finished runs, and keep their heads elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from muniment.cli._options import (
    dsn_option,
    is_interactive,
    json_option,
    resolve_dsn,
    shelf_of,
)
from muniment.cli._visible import visible
from muniment.errors import ConfigError

if TYPE_CHECKING:
    from muniment.seals import Difference, Event, Verification


def _read_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    from muniment.transcript.record import parse_time

    if value is None:
        return None
    try:
        return parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_heads(
    _ctx: click.Context, _param: click.Parameter, paths: tuple[Path, ...]
) -> dict[UUID, list[dict[str, Any]]]:
    """Read documents of `muniment seal export`, by the firm that each is of."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    for path in paths:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found.setdefault(UUID(document["firm_id"]), []).append(document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise click.BadParameter(f"{path} is not what `muniment seal export` prints") from None
    return found


@click.group()
def seal() -> None:
    """Verify the seals over finished runs.

    docs/explanation/what-a-seal-proves.md tells what they prove, and what not.
    """


@seal.command()
@click.option(
    "--firm",
    "firms",
    type=click.UUID,
    multiple=True,
    envvar=["MUNIMENT_FIRM"],
    show_envvar=True,
    metavar="UUID",
    help="Only this firm; may be repeated [default: all, which takes a superuser].",
)
@click.option("--run", "run_id", type=click.UUID, metavar="UUID", help="Only this run.")
@click.option(
    "--from",
    "sealed_from",
    callback=_read_time,
    metavar="TIME",
    help="Only what was sealed from then on: ISO 8601 with an offset.",
)
@click.option(
    "--to",
    "sealed_to",
    callback=_read_time,
    metavar="TIME",
    help="Only what was sealed before.",
)
@click.option(
    "--heads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    callback=_read_heads,
    metavar="FILE",
    help="Compare with heads that `muniment seal export` printed before; may be repeated.",
)
@click.option("--bodies", is_flag=True, help="Fetch and prove what is on the shelf too.")
@json_option
@dsn_option
@click.pass_context
def verify(
    ctx: click.Context,
    firms: tuple[UUID, ...],
    run_id: UUID | None,
    sealed_from: datetime | None,
    sealed_to: datetime | None,
    heads: dict[UUID, list[dict[str, Any]]],
    bodies: bool,
    as_json: bool,
    dsn: str | None,
) -> None:
    """Compare finished runs with their seals.

    Hashes every row again and follows the chains. Prints what differs; exits 3 if anything does.
    With --json, prints one object a line; the last is the summary.
    """
    from muniment._db import connect
    from muniment.seals import firms_of, verify, verify_run

    if run_id is not None and (len(firms) != 1 or sealed_from or sealed_to or heads):
        raise click.UsageError("--run goes with one --firm, and with no --from, --to or --heads.")
    if sealed_from is not None and sealed_to is not None and sealed_from >= sealed_to:
        raise click.UsageError("--from is not before --to: nothing would be verified.")
    if firms and not heads.keys() <= set(firms):
        raise click.UsageError("--heads is of another firm than --firm.")
    with (
        connect(resolve_dsn(dsn)) as connection,
        shelf_of(connection) if bodies else nullcontext() as shelf,
    ):
        if bodies and shelf is None:
            raise ConfigError(
                "no shelf named",
                hint="Set AGENTS_BUCKET_NAME, or run `muniment up` for a shelf of its own.",
            )
        if run_id is not None:
            events = verify_run(connection, firm_id=firms[0], run_id=run_id, shelf=shelf)
        else:
            events = verify(
                connection,
                firms=sorted(set(firms) or firms_of(connection)),
                sealed_from=sealed_from,
                sealed_to=sealed_to,
                heads=heads,
                shelf=shelf,
            )
        counts = (
            _print_events(events)
            if as_json
            else _tell_events(events, bodies=bodies, heads=bool(heads))
        )
    if not counts.holds:
        ctx.exit(3)


@seal.command()
@click.option(
    "--firm",
    "firm_id",
    type=click.UUID,
    required=True,
    envvar=["MUNIMENT_FIRM"],
    show_envvar=True,
    metavar="UUID",
    help="The firm whose chains they are.",
)
@dsn_option
def export(firm_id: UUID, dsn: str | None) -> None:
    """Print where the chains of a firm end, to be kept elsewhere.

    With it, `muniment seal verify --heads FILE` finds a chain that was cut off or written anew.
    """
    from muniment._db import connect
    from muniment.seals import export_heads

    with connect(resolve_dsn(dsn)) as connection:
        click.echo(json.dumps(export_heads(connection, firm_id=firm_id), indent=2))


def _print_events(events: Iterator[Event]) -> Verification:
    """Print each event as a JSON object, and return the last."""
    from muniment.seals import Difference, Progress, Verification

    names = {Difference: "difference", Progress: "progress", Verification: "summary"}
    for event in events:
        document = {"event": names[type(event)], **asdict(event)}
        if isinstance(event, Verification):
            document["holds"] = event.holds
        click.echo(json.dumps(document, default=str))
        if isinstance(event, Verification):
            return event
    raise AssertionError("a verification ends with its summary")


def _tell_events(events: Iterator[Event], *, bodies: bool, heads: bool) -> Verification:
    """Tell a person what differs, and what it came to; return the summary."""
    from muniment.cli._progress import progress
    from muniment.seals import Progress, Verification

    first = next(events)
    assert isinstance(first, Progress)  # noqa: S101
    with progress("seals", first.expected) as (advance, say):
        # On a terminal the bar has to make room for a line.
        tell = say if is_interactive() and sys.stdout.isatty() else click.echo
        for event in events:
            if isinstance(event, Progress):
                advance(event.verified)
            elif isinstance(event, Verification):
                counts = event
            else:
                # What is on the shelf, or in a forged row, can be anything.
                tell(visible(f"differs: {_place(event)}: {event.reason}"))
    parts = [f"{counts.seals:,} seals verified", f"{counts.archived:,} archived"]
    if counts.open:
        parts.append(f"{counts.open:,} open")
    if heads:
        parts.append(f"{counts.heads:,} heads compared")
    if bodies:
        parts.append(f"{counts.bodies:,} bodies proven")
    ending = "all hold" if counts.holds else f"{counts.differences:,} differ"
    click.echo(f"{', '.join(parts)}: {ending}")
    return counts


def _place(difference: Difference) -> str:
    """Say where a difference is, from the firm down to the row."""
    parts = [f"firm {difference.firm_id}"]
    if difference.chain_no is not None:
        number = "" if difference.seal_no is None else f", seal {difference.seal_no}"
        parts.append(f"chain {difference.chain_no}{number}")
    if difference.run_id is not None:
        parts.append(f"run {difference.run_id}")
    if difference.table_name is not None and difference.row_id is not None:
        number = "" if difference.row_no is None else f" (no. {difference.row_no})"
        parts.append(f"{difference.table_name} {difference.row_id}{number}")
    return ", ".join(parts)

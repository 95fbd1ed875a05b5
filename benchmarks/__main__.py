"""`python -m benchmarks`: run the rounds, show what came out, and write it down if told to."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.contenders import CommandFailed
from benchmarks.options import ROUNDS_TO_QUOTE, how_often, where_to
from benchmarks.report import BEGIN, Report, with_results
from benchmarks.rounds import Room, Time, fsync_seconds, open_room, place_below
from muniment.errors import MunimentError

# Fewer say too little to be quoted.
CHANGES_TO_QUOTE = 50
TO_QUOTE = f"{ROUNDS_TO_QUOTE} rounds or more of {CHANGES_TO_QUOTE} changes, all projects and fsync"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@how_often
@click.option(
    "--changes",
    type=click.IntRange(1, 999),
    default=CHANGES_TO_QUOTE,
    show_default=True,
    help="How many trivial changes to deploy, beside this repository's own.",
)
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="NAME",
    help="Which of this repository's own to deploy, with all that it requires; otherwise all.",
)
@where_to(TO_QUOTE)
def main(
    rounds: int,
    warm_up: int,
    changes: int,
    projects: tuple[str, ...],
    directory: Path,
    no_fsync: bool,
    as_json: bool,
    page: Path | None,
) -> None:
    """Measure muniment beside its peers on this machine, in interleaved rounds."""
    if page is not None:
        is_short = rounds < ROUNDS_TO_QUOTE or changes != CHANGES_TO_QUOTE
        if is_short or projects or no_fsync:
            raise click.UsageError(f"--write takes {TO_QUOTE}.")
        # That it has a place for them is better known before the minutes than after.
        with_results(page, "", mark=BEGIN)
    load = os.getloadavg()[0]
    # The server must not outlive this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            place_below(directory) as place,
            open_room(place, changes, projects=projects, fsync=not no_fsync) as room,
        ):
            for tool, reason in room.absent.items():
                click.echo(f"without {tool}: {reason}", err=True)
            fsync = fsync_seconds(place)
            times = _measure(room, rounds, warm_up)
            report = Report(room, times, rounds=rounds, fsync=fsync, load=load)
    except (CommandFailed, MunimentError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report.json(), indent=2))
    else:
        report.print(_console())
    if page is not None:
        page.write_text(with_results(page, report.markdown(), mark=BEGIN), encoding="utf-8")


def _measure(room: Room, rounds: int, warm_up: int) -> list[Time]:
    times: list[Time] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=room.laps_of(rounds + warm_up))
        for lap in room.run(rounds, warm_up=warm_up):
            if not lap.is_warm_up:
                times += lap.times
            progress.update(task, advance=1, description=f"{lap.contender} ({lap.workload})")
    return times


def _console() -> Console:
    """Return a console on stdout, wide enough for the tables where stdout is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


if __name__ == "__main__":
    main()

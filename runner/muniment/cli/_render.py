"""How the events of the engine are shown: a bar for people, lines for logs, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

from muniment.cli._options import is_interactive
from muniment.cli._visible import visible
from muniment.errors import MunimentError
from muniment.migrate.events import (
    ChangeAdopted,
    ChangeBlessed,
    ChangeDeployed,
    ChangeFailed,
    ChangeRehearsed,
    ChangeRetrying,
    ChangeReverted,
    ChangesPending,
    ChangeStarted,
    ChangeVerified,
    Event,
    LockWaiting,
    NothingToDo,
    Notice,
    RegistryCreated,
    RunFinished,
    RunPlanned,
    ScriptDiffers,
    TagPlanned,
    TagRecorded,
    WaiterInTheWay,
)
from muniment.migrate.events import as_json as event_as_json

__all__ = ["describe", "errors_as_json", "render"]

_DONE = {
    "deploy": "deployed",
    "revert": "reverted",
    "verify": "verified",
    "adopt": "adopted",
    "bless": "blessed",
    "rehearse": "rehearsed",
}


def render(events: Iterable[Event], *, as_json: bool) -> None:
    """Show events while they come; what they raise goes through.

    Args:
        events: A run of the engine, which works while it is iterated.
        as_json: Print each event to stdout as one JSON object a line, instead of telling a person
            on stderr.
    """
    if as_json:
        _print_json(events)
    elif is_interactive():
        _show_bar(events)
    else:
        for event in events:
            _print_line(event, click.echo)


@contextmanager
def errors_as_json(as_json: bool) -> Iterator[None]:
    """Print an error of the block as one more JSON object, if JSON is wanted, and let it through.

    Whoever reads the lines then needs neither stderr nor a guess to tell why they end.
    """
    try:
        yield
    except MunimentError as error:
        if as_json:
            document = {
                "event": "run_failed",
                "error": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
                "exit_code": error.exit_code,
            }
            click.echo(json.dumps(document))
        raise


def _print_json(events: Iterable[Event]) -> None:
    for event in events:
        click.echo(json.dumps(event_as_json(event)))


def _show_bar(events: Iterable[Event]) -> None:
    """Show a bar below the lines while there is something to do; it goes away at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
    task = progress.add_task("", total=None, visible=False)

    def echo(line: str, *, err: bool) -> None:
        if err:
            progress.console.print(line, markup=False)
        else:
            click.echo(line)

    with progress:
        for event in events:
            if isinstance(event, RunPlanned) and not event.dry_run:
                progress.update(task, total=len(event.changes), completed=0, visible=True)
            elif isinstance(event, ChangeStarted):
                progress.update(
                    task,
                    description=visible(event.change),
                    # A rehearsal takes three steps a change.
                    total=event.total,
                    completed=event.number - 1,
                )
            else:
                _print_line(event, echo)
            if isinstance(event, RunFinished):
                progress.update(task, visible=False)


def _print_line(event: Event, echo: Callable[..., None]) -> None:
    if isinstance(event, RunPlanned):
        if event.dry_run:
            # What a dry run would do is an answer; what a run does is progress.
            for change in event.changes:
                echo(visible(f"would {event.action} {change}"), err=False)
        return
    line = describe(event)
    if line is not None:
        echo(line, err=not isinstance(event, TagPlanned))


def describe(event: Event) -> str | None:
    """Say an event in one line, or return None for what the lines of others say."""
    line = _line(event)
    # Messages are the server's, names of programs whoever connected has chosen.
    return None if line is None else visible(line)


def _line(event: Event) -> str | None:
    match event:
        case LockWaiting(holder_pid=None):
            return "waiting for another deploy to end"
        case LockWaiting(holder_pid, application):
            return f"waiting for another deploy to end: process {holder_pid} ({application})"
        case WaiterInTheWay(waiter_pid, application):
            return (
                f"waiting until process {waiter_pid} ({application}) no longer waits for this "
                "deploy: its snapshot is in the way"
            )
        case RegistryCreated():
            return "created the registry of deployed changes"
        case TagPlanned(change, tag):
            return f"would tag {change} {tag}"
        case TagRecorded(change, tag):
            return f"tagged {change} {tag}"
        case ChangeDeployed(change, _, tags, _, duration_ms):
            return f"deployed {' '.join((change, *tags))} ({duration_ms} ms)"
        case ChangeReverted(change, _, duration_ms):
            return f"reverted {change} ({duration_ms} ms)"
        case ChangeVerified(change, _, duration_ms):
            return f"verified {change} ({duration_ms} ms)"
        case ChangeAdopted(change, _, tags):
            return f"adopted {' '.join((change, *tags))}"
        case ScriptDiffers(_, _, path, None, _):
            return f"{path} is not known to the registry yet"
        case ScriptDiffers(_, _, path, str(old), new):
            return f"{path} has changed since: {old[:8]} is now {new[:8]}"
        case ChangeBlessed(change, _, scripts, _):
            return f"blessed {change}: {', '.join(scripts)}"
        case ChangeRehearsed(change, _, step, duration_ms):
            return f"rehearsed {step} of {change} ({duration_ms} ms)"
        case ChangeFailed(action="verify", change=change, message=message):
            return f"FAILED {change}: {_where(event)}{message}"
        case ChangesPending(changes):
            return f"not deployed: {', '.join(changes)}"
        case ChangeRetrying(change, attempt, attempts, _, message, wait_ms):
            return f"retrying {change} in {wait_ms} ms (attempt {attempt} of {attempts}: {message})"
        case Notice(change, severity, message):
            return f"{severity.lower()} {change}: {message}"
        case NothingToDo(action):
            return f"nothing to {action}"
        case RunFinished(action, changes, duration_ms):
            noun = "change" if changes == 1 else "changes"
            return f"{_DONE[action]} {changes} {noun} in {duration_ms / 1000:.2f} s"
    return None


def _where(event: ChangeFailed) -> str:
    return f"{event.path}:{event.line}:{event.column}: " if event.line else ""

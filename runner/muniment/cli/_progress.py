"""How far a long command is: a bar when a person watches, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic

import click

from muniment.cli._options import is_interactive
from muniment.cli._visible import visible

__all__ = ["Advance", "progress"]

# Without a terminal, it is said at most so often where it is.
SECONDS_A_LINE = 5.0

# To set the count, and to say a line.
Advance = tuple[Callable[[int], None], Callable[[str], None]]


def progress(noun: str, expected: int) -> AbstractContextManager[Advance]:
    """Return a context that gives two functions: to set the count, and to say a line.

    Args:
        noun: What is counted, in the plural.
        expected: How many there will be.
    """
    return _bar(noun, expected) if is_interactive() else _lines(noun, expected)


@contextmanager
def _bar(noun: str, expected: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn())
    # stdout is data, and goes where it was sent.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=expected)

        def advance(count: int) -> None:
            bar.update(task, completed=count)

        def say(line: str) -> None:
            console.print(visible(line), markup=False, highlight=False, soft_wrap=True)

        yield advance, say


@contextmanager
def _lines(noun: str, expected: int) -> Iterator[Advance]:
    said_at = monotonic()

    def advance(count: int) -> None:
        nonlocal said_at
        if monotonic() - said_at >= SECONDS_A_LINE:
            say(f"{count:,} of {expected:,} {noun}")
            said_at = monotonic()

    def say(line: str) -> None:
        click.echo(visible(line), err=True)

    yield advance, say

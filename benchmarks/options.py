"""The options that all benchmarks of a server have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["ROUNDS_TO_QUOTE", "how_often", "where_to"]

# Fewer say too little to be quoted.
ROUNDS_TO_QUOTE = 7

Command = TypeVar("Command", bound=Callable[..., Any])


def how_often(command: Command) -> Command:
    """Add how many rounds there are."""
    command = click.option(
        "--warm-up",
        type=click.IntRange(min=0),
        default=1,
        show_default=True,
        help="Rounds before, whose times are not counted.",
    )(command)
    return click.option(
        "--rounds", type=click.IntRange(min=1), default=ROUNDS_TO_QUOTE, show_default=True
    )(command)


def where_to(to_quote: str) -> Callable[[Command], Command]:
    """Add where to measure, and where to put what comes out.

    Args:
        to_quote: What it takes to be written into a page.
    """

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--write",
                "page",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                help=f"Write the results into this page; takes {to_quote}.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print JSON."),
            click.option(
                "--no-fsync", is_flag=True, help="Wait for no disk: to try it out, not to measure."
            ),
            click.option(
                "--directory",
                type=click.Path(path_type=Path, exists=True, file_okay=False),
                # By custom a real disk, where /tmp may be memory; nothing waits for memory.
                default="/var/tmp",  # noqa: S108
                show_default=True,
                help="The disk to measure on: the server's files go below it for the time.",
            ),
        ):
            command = option(command)
        return command

    return add

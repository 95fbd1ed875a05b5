"""What the commands share that run or look at plans: targets, plans, the database, settings."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli._options import committer, refuse_other_registry, resolve_dsn
from muniment.migrate.projects import Projects, Target, find_sql_directory
from muniment.migrate.settings import Settings

if TYPE_CHECKING:
    from muniment._db import Connection


def read_targets(targets: tuple[str, ...], spec: str | None) -> list[Target]:
    """Read ``PROJECT[:CHANGE]`` and ``--to``.

    Raises:
        click.UsageError: --to stands beside anything but one project, or a change has no name: a
            variable of a shell that is not set must not mean the whole project.
    """
    wanted = [read_target(text) for text in targets]
    if spec is None:
        return wanted
    require_change(spec)
    if len(wanted) != 1 or wanted[0].spec is not None:
        raise click.UsageError("--to needs exactly one PROJECT, without a change of its own.")
    return [Target(wanted[0].project, spec)]


def read_target(text: str) -> Target:
    """Read ``PROJECT[:CHANGE]``; raises as :func:`read_targets` does."""
    target = Target.parse(text)
    if target.spec is None and ":" in text:
        raise click.UsageError(f"{text!r} names no change after the colon.")
    return target


def require_change(spec: str) -> None:
    """Refuse a --to that names no change.

    Raises:
        click.UsageError: It is empty.
    """
    if not spec.strip():
        raise click.UsageError("--to names no change.")


def read_projects(sql_dir: Path | None, names: tuple[str, ...] = ()) -> Projects:
    """Read the plans that are named, so that a mistake is told before a server is asked for."""
    projects = Projects(find_sql_directory(sql_dir))
    for name in names:
        projects.plan(name)
    return projects


def run_settings(lock_wait: float, lock_timeout: float) -> Settings:
    """Return in whose name a run works, and how patiently."""
    from muniment import __version__

    return Settings(
        committer=committer(),
        tool=f"muniment {__version__}",
        lock_wait=lock_wait,
        lock_timeout=lock_timeout,
    )


@contextmanager
def open_database(dsn: str | None) -> Iterator[Connection]:
    """Connect, and end on SIGTERM as on Ctrl-C.

    Raises:
        ConfigError: Nothing names a database, or sqitch.conf another registry.
        ConnectFailed: No server answers, or it refuses this user.
    """
    refuse_other_registry()
    from muniment._db import connect

    # Whoever stops a container sends SIGTERM: it is to end with a rollback.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with connect(resolve_dsn(dsn)) as connection:
            yield connection
    finally:
        signal.signal(signal.SIGTERM, before)

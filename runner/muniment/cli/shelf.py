"""`muniment shelf`: look after the bucket with the large bodies."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from muniment.cli._options import (
    dsn_option,
    json_option,
    resolve_dsn,
    shelf_of,
    shelf_settings,
)
from muniment.cli._visible import visible
from muniment.errors import ConfigError

if TYPE_CHECKING:
    from muniment._db import Connection
    from muniment.inventory import Event
    from muniment.shelf import Shelf

F = TypeVar("F", bound=Callable[..., Any])

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# A writer renews an object that it meets and that is older than an hour; younger ones may be about
# to get their row.
SAFE_SECONDS = 2 * 3_600

POLICIES = ("app", "reader", "maintainer", "lifecycle")


def _read_age(minimum: int = 0) -> Callable[[click.Context, click.Parameter, str], timedelta]:
    """Return a callback that reads a span of time such as ``36h`` or ``7d``."""

    def read(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
        found = re.fullmatch(r"([0-9]{1,6})([smhd])", value)
        if found is None:
            raise click.BadParameter(f"{value!r} is not a time such as 36h or 7d")
        seconds = int(found[1]) * UNITS[found[2]]
        if seconds < minimum:
            raise click.BadParameter(f"{value} is too short: at least {minimum // 3_600}h")
        return timedelta(seconds=seconds)

    return read


@click.group()
def shelf() -> None:
    """Look after the shelf: the bucket with the large bodies.

    It is the one that AGENTS_BUCKET_NAME, PRAMAAN_ENV or AGENTS_S3_ENDPOINT_URL name, else that of
    `muniment up`.
    """


def _scope_options(command: F) -> F:
    command = click.option(
        "--month",
        callback=_read_month,
        metavar="YYYY-MM",
        help="Only runs that started in this month (UTC).",
    )(command)
    return click.option(
        "--firm",
        "firms",
        type=click.UUID,
        multiple=True,
        metavar="UUID",
        help="Only this firm; may be repeated [default: all, which takes a superuser].",
    )(command)


def _read_month(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{4})-?(0[1-9]|1[0-2])", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a month such as 2026-06")
    return found[1] + found[2]


@shelf.command()
@_scope_options
@click.option(
    "--sample",
    type=click.FloatRange(0, 100),
    default=100.0,
    show_default=True,
    metavar="PERCENT",
    help="How many of the objects to read and prove; presence and size are compared for all.",
)
@click.option(
    "--grace",
    callback=_read_age(),
    default="1d",
    show_default=True,
    metavar="AGE",
    help="How old an object without a row must be to count as an orphan.",
)
@json_option
@dsn_option
@click.pass_context
def check(
    ctx: click.Context,
    firms: tuple[UUID, ...],
    month: str | None,
    sample: float,
    grace: timedelta,
    as_json: bool,
    dsn: str | None,
) -> None:
    """Compare the shelf with the ledger, both ways.

    Finds rows without object, objects without row, and objects of another size or SHA-256 than the
    ledger says. Exits 3 if anything is wrong. With --json, prints one object a line; the last is
    the summary.
    """
    from muniment.inventory import Inventory, check

    with _opened(dsn) as (connection, opened):
        chosen = _chosen(firms, connection, opened)
        events = check(
            connection, opened, firms=chosen, month=month, share=sample / 100, grace=grace
        )
        counts = _tell(events, as_json)
    assert isinstance(counts, Inventory)  # noqa: S101
    if not as_json:
        click.echo(
            f"{counts.bodies:,} bodies in the ledger, {counts.objects:,} objects on the shelf, "
            f"{counts.proven:,} proven: {counts.missing:,} missing, {counts.orphans:,} orphans, "
            f"{counts.wrong_size:,} of a wrong size, {counts.wrong_hash:,} of a wrong hash, "
            f"{counts.foreign:,} foreign ({counts.young:,} young, {counts.archived:,} archived)"
        )
    if not counts.is_in_order:
        ctx.exit(3)


@shelf.command()
@_scope_options
@click.option(
    "--older-than",
    callback=_read_age(SAFE_SECONDS),
    default="7d",
    show_default=True,
    metavar="AGE",
    help="How old an orphan must be, at least 2h: its row may still come.",
)
@click.option("--yes", is_flag=True, help="Delete them; without it, they are only listed.")
@json_option
@dsn_option
def sweep(
    firms: tuple[UUID, ...],
    month: str | None,
    older_than: timedelta,
    yes: bool,
    as_json: bool,
    dsn: str | None,
) -> None:
    """Delete objects that no row of the ledger names.

    Such are left when a writer dies between object and row. Never deleted are objects whose
    rows may have left the database with a month, and objects that are not the ledger's. Without
    --yes, prints what would be deleted. With --json, prints one object a line; the last is the
    summary.
    """
    from muniment.inventory import SweepSummary, sweep

    with _opened(dsn) as (connection, opened):
        chosen = _chosen(firms, connection, opened)
        events = sweep(
            connection, opened, firms=chosen, month=month, older_than=older_than, dry_run=not yes
        )
        counts = _tell(events, as_json)
    assert isinstance(counts, SweepSummary)  # noqa: S101
    if not as_json:
        done = "deleted" if yes else "would be deleted"
        click.echo(
            f"{counts.objects:,} objects on the shelf, {counts.swept:,} {done} "
            f"({counts.swept_bytes:,} bytes); {counts.young:,} young, "
            f"{counts.archived:,} archived and {counts.foreign:,} foreign stay"
        )


@shelf.command()
@click.argument("which", type=click.Choice(POLICIES), metavar="[app|reader|maintainer|lifecycle]")
def policy(which: str) -> None:
    """Print an IAM policy, or the lifecycle rules of the bucket.

    app, reader and maintainer: the least that a program needs which acts in that role of the
    ledger. lifecycle: rules that fit AGENTS_S3_RETENTION_DAYS.
    """
    from muniment.settings import get_settings
    from muniment.shelf.policy import iam_policy, lifecycle_rules

    settings = get_settings()
    document = lifecycle_rules(settings) if which == "lifecycle" else iam_policy(settings, which)
    click.echo(json.dumps(document, indent=2))


@shelf.command()
def env() -> None:
    """Print the variables that lead other programs to the shelf of `muniment up`.

    For example: eval "$(muniment shelf env)"
    """
    from muniment.embedded import running_shelf

    server = running_shelf()
    if server is None:
        raise ConfigError("no shelf is running here", hint="Run `muniment up`.")
    for name, value in {
        "AGENTS_BUCKET_NAME": server.bucket,
        "AGENTS_S3_ENDPOINT_URL": server.endpoint_url,
        "AGENTS_S3_ACCESS_KEY_ID": server.access_key_id,
        "AGENTS_S3_SECRET_ACCESS_KEY": server.secret_access_key,
    }.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@contextmanager
def _opened(dsn: str | None) -> Iterator[tuple[Connection, Shelf]]:
    """Yield the database and its shelf."""
    from muniment._db import connect

    with connect(resolve_dsn(dsn)) as connection:
        if shelf_settings(connection) is None:
            raise ConfigError(
                "no shelf named",
                hint="Set AGENTS_BUCKET_NAME, or run `muniment up` for a shelf of its own.",
            )
        with shelf_of(connection) as opened:
            assert opened is not None  # noqa: S101
            yield connection, opened


def _chosen(firms: tuple[UUID, ...], connection: Connection, opened: Shelf) -> list[UUID]:
    from muniment.inventory import firms_of

    return sorted(set(firms)) if firms else firms_of(connection, opened)


def _tell(events: Iterator[Event], as_json: bool) -> Event:
    """Print findings as they come, and return the last event."""
    from muniment.inventory import Finding, FirmDone, Progress, Swept

    names = {Finding: "finding", Progress: "progress", FirmDone: "firm_done", Swept: "swept"}
    for event in events:
        last = event
        if as_json:
            document = {"event": names.get(type(event), "summary"), **asdict(event)}
            click.echo(json.dumps(document, default=str))
        elif isinstance(event, Finding):
            # A key that is none of the ledger's can be anything.
            click.echo(visible(f"{event.problem} {event.key}: {event.detail}"))
        elif isinstance(event, Swept):
            click.echo(f"orphan {event.key} ({event.size:,} bytes)")
        elif isinstance(event, Progress):
            click.echo(f"{event.compared:,} compared", err=True)
    return last

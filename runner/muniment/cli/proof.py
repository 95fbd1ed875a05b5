"""`muniment rehearse`, `adopt` and `bless`: what has to be proved before it is believed."""

from __future__ import annotations

from pathlib import Path

import click

from muniment.cli._options import dsn_option, json_option, lock_options, sql_dir_option
from muniment.cli._runs import open_database, read_projects, read_targets, run_settings
from muniment.migrate.projects import Target


@click.command()
@click.argument("targets", nargs=-1, metavar="[PROJECT[:CHANGE]]...")
@click.option("--to", "spec", metavar="CHANGE", help="Stop after this change of the one PROJECT.")
@click.option("--allow-drift", is_flag=True, help="Rehearse although deployed scripts were edited.")
@json_option
@lock_options
@sql_dir_option
@dsn_option
def rehearse(
    targets: tuple[str, ...],
    spec: str | None,
    allow_drift: bool,
    as_json: bool,
    lock_wait: float,
    lock_timeout: float,
    sql_dir: Path | None,
    dsn: str | None,
) -> None:
    """Try a deploy: forth with verify, back, and forth again, and keep nothing of it.

    All of it is one transaction that is rolled back. What its statements lock is locked until then;
    the transaction is as long as two deploys and a revert.
    """
    wanted = read_targets(targets, spec)
    from muniment.cli._render import errors_as_json, render

    with errors_as_json(as_json):
        projects = read_projects(sql_dir)
        # A mistake in a plan or a target is told before a server is asked for.
        projects.steps(wanted)
        from muniment.migrate.rehearse import rehearse as run_rehearsal

        with open_database(dsn) as connection:
            events = run_rehearsal(
                connection,
                projects,
                wanted,
                settings=run_settings(lock_wait, lock_timeout),
                allow_drift=allow_drift,
            )
            render(events, as_json=as_json)


@click.command()
@click.argument("targets", nargs=-1, metavar="[PROJECT[:CHANGE]]...")
@click.option("--to", "spec", metavar="CHANGE", help="Stop after this change of the one PROJECT.")
@click.option("--dry-run", is_flag=True, help="Run the verify scripts, and write nothing.")
@json_option
@lock_options
@sql_dir_option
@dsn_option
def adopt(
    targets: tuple[str, ...],
    spec: str | None,
    dry_run: bool,
    as_json: bool,
    lock_wait: float,
    lock_timeout: float,
    sql_dir: Path | None,
    dsn: str | None,
) -> None:
    """Take as deployed what the database has already, without running its deploy scripts.

    For objects made by hand, by a dump or by another tool. Every verify script must pass; if one
    does not, nothing is written and the exit code is 3.
    """
    wanted = read_targets(targets, spec)
    from muniment.cli._render import errors_as_json, render

    with errors_as_json(as_json):
        projects = read_projects(sql_dir)
        projects.steps(wanted)
        from muniment.migrate.adopt import adopt as run_adopt

        with open_database(dsn) as connection:
            events = run_adopt(
                connection,
                projects,
                wanted,
                settings=run_settings(lock_wait, lock_timeout),
                dry_run=dry_run,
            )
            render(events, as_json=as_json)


def _check_reason(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("say in one sentence why the edit is right.")
    return value


@click.command()
@click.argument("change", metavar="PROJECT:CHANGE")
@click.option(
    "--reason",
    required=True,
    callback=_check_reason,
    metavar="TEXT",
    help="Why it is right; it is recorded.",
)
@click.option("--dry-run", is_flag=True, help="Say what differs, verify, and write nothing.")
@json_option
@lock_options
@sql_dir_option
@dsn_option
def bless(
    change: str,
    reason: str,
    dry_run: bool,
    as_json: bool,
    lock_wait: float,
    lock_timeout: float,
    sql_dir: Path | None,
    dsn: str | None,
) -> None:
    """Accept that scripts of a deployed change have been edited since, and record why.

    Runs none but the verify script, as it is now; if that fails, nothing is written and the exit
    code is 3. Afterwards `muniment check` and `sqitch check` find no drift.
    """
    target = Target.parse(change)
    if not target.project or target.spec is None:
        raise click.UsageError(f"{change!r} is not PROJECT:CHANGE.")
    from muniment.cli._render import errors_as_json, render

    with errors_as_json(as_json):
        projects = read_projects(sql_dir, (target.project,))
        from muniment.migrate.bless import bless as run_bless

        with open_database(dsn) as connection:
            events = run_bless(
                connection,
                projects,
                target,
                reason=reason,
                settings=run_settings(lock_wait, lock_timeout),
                dry_run=dry_run,
            )
            render(events, as_json=as_json)

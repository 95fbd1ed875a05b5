"""`muniment deploy`, `verify`, `revert`, `status`, `log`, `plan` and `check`.

Most of the time of a short command is Python's imports, so each command imports what it alone
needs: the driver only where there is a database to talk to, the engine only where it runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from muniment.cli._options import (
    dsn_option,
    json_option,
    lock_options,
    projects_argument,
    sql_dir_option,
)
from muniment.cli._runs import (
    open_database,
    read_projects,
    read_target,
    read_targets,
    require_change,
    run_settings,
)
from muniment.cli._visible import visible
from muniment.migrate.projects import Target

if TYPE_CHECKING:
    from muniment.migrate.bless import Blessing
    from muniment.migrate.deploy import Mode
    from muniment.migrate.plan import Change
    from muniment.migrate.registry import Entry
    from muniment.migrate.status import ProjectStatus

# The answer is no: drift, or pending under --check.
EXIT_NO = 3


def _check_script(
    _ctx: click.Context, _param: click.Parameter, value: IO[str] | None
) -> IO[str] | None:
    """Refuse a file that cannot be made: it is opened when everything else is done."""
    if value is None or value.name == "-":
        return value
    path = Path(value.name)
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory {path.parent}.")
    if path.is_dir():
        raise click.BadParameter(f"{path} is a directory.")
    return value


@click.command()
@click.argument("targets", nargs=-1, metavar="[PROJECT[:CHANGE]]...")
@click.option("--to", "spec", metavar="CHANGE", help="Stop after this change of the one PROJECT.")
@click.option("--no-verify", is_flag=True, help="Do not run the verify scripts.")
@click.option("--allow-drift", is_flag=True, help="Deploy although deployed scripts were edited.")
@click.option(
    "--mode",
    type=click.Choice(["change", "tag", "all"]),
    default="change",
    show_default=True,
    help="After a failure keep every whole change, go back to the last tag, or revert all of it.",
)
@click.option("--single-transaction", is_flag=True, help="Commit once: everything or nothing.")
@click.option(
    "--sql",
    "script",
    type=click.File("w", encoding="utf-8", lazy=True),
    metavar="FILE",
    callback=_check_script,
    help="Deploy nothing, but write it down as a script for psql; - is stdout.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be deployed, and write nothing.")
@json_option
@lock_options
@sql_dir_option
@dsn_option
def deploy(
    targets: tuple[str, ...],
    spec: str | None,
    no_verify: bool,
    allow_drift: bool,
    mode: Mode,
    single_transaction: bool,
    script: IO[str] | None,
    dry_run: bool,
    as_json: bool,
    lock_wait: float,
    lock_timeout: float,
    sql_dir: Path | None,
    dsn: str | None,
) -> None:
    """Deploy projects, and of other projects what they require.

    Without a PROJECT: all but the optional ones. Each change is one transaction with its proof and
    its record; a run that ends early is continued by the next.
    """
    if single_transaction and mode != "change":
        raise click.UsageError("With --single-transaction nothing remains that --mode could keep.")
    if script is not None and (dry_run or single_transaction or as_json or mode != "change"):
        raise click.UsageError("--sql goes with targets, --to, --no-verify and --allow-drift only.")
    wanted = read_targets(targets, spec)
    from muniment.cli._render import errors_as_json, render

    with errors_as_json(as_json):
        projects = read_projects(sql_dir)
        # A mistake in a plan or a target is told before a server is asked for.
        projects.steps(wanted)
        from muniment.migrate.deploy import deploy as run_deploy

        with open_database(dsn) as connection:
            settings = run_settings(lock_wait, lock_timeout)
            if script is not None:
                from muniment.migrate.offline import deploy_as_script

                text, changes = deploy_as_script(
                    connection,
                    projects,
                    wanted,
                    settings=settings,
                    verify=not no_verify,
                    allow_drift=allow_drift,
                )
                script.write(text)
                noun = "change" if len(changes) == 1 else "changes"
                click.echo(f"wrote {len(changes)} {noun} to {script.name}", err=True)
                return
            events = run_deploy(
                connection,
                projects,
                wanted,
                settings=settings,
                verify=not no_verify,
                dry_run=dry_run,
                allow_drift=allow_drift,
                mode=mode,
                single_transaction=single_transaction,
            )
            render(events, as_json=as_json)


@click.command()
@projects_argument
@json_option
@sql_dir_option
@dsn_option
def verify(names: tuple[str, ...], as_json: bool, sql_dir: Path | None, dsn: str | None) -> None:
    """Run the verify scripts of everything that is deployed.

    Takes no lock and changes nothing. Exits with 3 if one fails, or if what is deployed is not the
    beginning of the plan.
    """
    from muniment.cli._render import errors_as_json, render

    with errors_as_json(as_json):
        projects = read_projects(sql_dir, names)
        from muniment.migrate.verify import verify as run_verify

        with open_database(dsn) as connection:
            render(run_verify(connection, projects, names), as_json=as_json)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="PROJECT...")
@click.option("--to", "spec", metavar="[PROJECT:]CHANGE", help="Keep this change, and all before.")
@click.option("--all", "everything", is_flag=True, help="Keep nothing of the projects.")
@click.option("--yes", is_flag=True, help="Mean it: what the scripts drop is gone.")
@click.option("--dry-run", is_flag=True, help="Say what would be reverted, and write nothing.")
@json_option
@lock_options
@sql_dir_option
@dsn_option
def revert(
    names: tuple[str, ...],
    spec: str | None,
    everything: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    lock_wait: float,
    lock_timeout: float,
    sql_dir: Path | None,
    dsn: str | None,
) -> None:
    """Revert changes of projects, newest first.

    With several projects, everything of theirs goes that was deployed after the change of --to.
    """
    if (spec is None) != everything:
        raise click.UsageError("Say either --to CHANGE or --all.")
    if not (yes or dry_run):
        raise click.UsageError("Reverting destroys data: say --yes, or look first with --dry-run.")
    kept = _kept(names, spec)
    from muniment.cli._render import errors_as_json, render

    with errors_as_json(as_json):
        projects = read_projects(sql_dir, names)
        from muniment.migrate.revert import revert as run_revert

        with open_database(dsn) as connection:
            events = run_revert(
                connection,
                projects,
                names,
                keep=kept,
                settings=run_settings(lock_wait, lock_timeout),
                dry_run=dry_run,
            )
            render(events, as_json=as_json)


@click.command()
@projects_argument
@click.option("--check", "is_check", is_flag=True, help="Exit with 3 if something is pending.")
@json_option
@sql_dir_option
@dsn_option
def status(
    names: tuple[str, ...],
    is_check: bool,
    as_json: bool,
    sql_dir: Path | None,
    dsn: str | None,
) -> int:
    """Show what is deployed and what is pending. Only reads, and takes no lock."""
    from muniment.cli._render import errors_as_json

    with errors_as_json(as_json):
        projects = read_projects(sql_dir, names)
        from muniment.migrate.status import status as read_status

        with open_database(dsn) as connection:
            found = read_status(connection, projects, names)
    if as_json:
        _print_json({"projects": [asdict(one) for one in found]})
    else:
        for one in found:
            _print_status(one)
    is_behind = any(one.pending or one.differences for one in found)
    return EXIT_NO if is_check and is_behind else 0


@click.command()
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@json_option
@dsn_option
def log(limit: int | None, as_json: bool, dsn: str | None) -> None:
    """Show what was deployed, reverted, tried in vain and blessed, newest first."""
    from muniment.cli._render import errors_as_json

    with errors_as_json(as_json):
        from muniment.migrate.bless import Blessing, read_blessings
        from muniment.migrate.registry import read_log

        with open_database(dsn) as connection:
            found: list[tuple[datetime, Entry | Blessing]] = [
                *((one.committed_at, one) for one in read_log(connection, limit=limit)),
                *((one.blessed_at, one) for one in read_blessings(connection, limit=limit)),
            ]
    found.sort(key=lambda line: line[0], reverse=True)
    newest = found[:limit]
    if as_json:
        blessings = [asdict(one) for _, one in newest if isinstance(one, Blessing)]
        events = [asdict(one) for _, one in newest if not isinstance(one, Blessing)]
        _print_json({"events": events, "blessings": blessings})
        return
    for moment, one in newest:
        if isinstance(one, Blessing):
            event, what = "bless", f"{one.qualified} ({one.script}: {one.reason})"
        else:
            event, what = one.event, " ".join((f"{one.project}:{one.name}", *one.tags))
        who = f"{one.committer_name} <{one.committer_email}>"
        click.echo(visible(f"{_time(moment)}  {event:<6}  {what}  {who}"))


@click.command()
@projects_argument
@json_option
@sql_dir_option
def plan(names: tuple[str, ...], as_json: bool, sql_dir: Path | None) -> None:
    """Show the plans. Needs no database."""
    from muniment.cli._render import errors_as_json

    with errors_as_json(as_json):
        projects = read_projects(sql_dir, names)
        plans = [projects.plan(name) for name in names or projects.names]
    if as_json:
        _print_json(
            {
                "projects": [
                    {
                        "project": one.project,
                        "uri": one.uri,
                        "changes": [_planned(change) for change in one.changes],
                    }
                    for one in plans
                ]
            }
        )
        return
    for one in plans:
        for change in one.changes:
            tags = "".join(f" @{tag.name}" for tag in change.tags)
            line = f"{change.change_id[:8]}  {change.qualified}{tags}  {change.note}"
            click.echo(visible(line.rstrip()))


@click.command()
@projects_argument
@json_option
@sql_dir_option
@dsn_option
def check(names: tuple[str, ...], as_json: bool, sql_dir: Path | None, dsn: str | None) -> int:
    """Compare the scripts with what is deployed; exit with 3 if one has changed since."""
    from muniment.cli._render import errors_as_json

    with errors_as_json(as_json):
        projects = read_projects(sql_dir, names)
        from muniment.migrate.status import check as find_drifts

        with open_database(dsn) as connection:
            drifts = find_drifts(connection, projects, names)
    if as_json:
        _print_json({"drifts": [asdict(drift) for drift in drifts]})
    else:
        for drift in drifts:
            how = _drifted(drift.kind, drift.current_hash)
            click.echo(visible(f"{drift.change}: {drift.path} {how}"))
        if not drifts:
            click.echo("no drift", err=True)
    return EXIT_NO if drifts else 0


def _kept(names: tuple[str, ...], spec: str | None) -> Target | None:
    if spec is None:
        return None
    require_change(spec)
    if ":" in spec:
        return read_target(spec)
    if len(names) > 1:
        raise click.UsageError("With several projects --to needs PROJECT:CHANGE.")
    return Target(names[0], spec)


def _print_status(one: ProjectStatus) -> None:
    if one.head is None:
        head = "nothing deployed"
    else:
        name = " ".join((one.head.name, *one.head_tags))
        who = f"{one.head.committer_name} <{one.head.committer_email}>"
        head = f"at {name}, {_time(one.head.committed_at)} by {who}"
    click.echo(visible(f"{one.project}  {one.deployed}/{one.planned}  {head}"))
    for sentence in one.differences:
        click.echo(visible(f"  differs: {sentence}"))
    for name in one.pending:
        click.echo(visible(f"  pending: {name}"))


def _planned(change: Change) -> dict[str, Any]:
    return {
        "change": change.name,
        "change_id": change.change_id,
        "requires": [required.text for required in change.requires],
        "conflicts": [conflict.text for conflict in change.conflicts],
        "tags": [f"@{tag.name}" for tag in change.tags],
        "planned_at": change.planned_at,
        "planner_name": change.planner_name,
        "planner_email": change.planner_email,
        "note": change.note,
    }


def _drifted(kind: str, current_hash: str | None) -> str:
    if kind == "plan":
        return "does not have it"
    return "has changed since" if current_hash else "is missing"


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2, default=_json_value))


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")

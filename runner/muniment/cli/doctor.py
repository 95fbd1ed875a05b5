"""`muniment doctor`: what is wrong with a database, and the command that repairs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli._options import (
    dsn_option,
    find_other_registry,
    json_option,
    resolve_dsn,
    sql_dir_option,
)
from muniment.cli._visible import visible

if TYPE_CHECKING:
    from muniment.migrate.doctor import Examined, Finding

# The answer is no: something is wrong.
EXIT_NO = 3
# Nothing is wrong that could be seen, and not everything could.
EXIT_UNKNOWN = 1


@click.command()
@json_option
@sql_dir_option
@dsn_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, sql_dir: Path | None, dsn: str | None) -> int:
    """Look for what is wrong, and say what repairs it.

    Changes nothing: it reads plans, scripts, registry and catalogue, runs the verify script of what
    comes next in each plan, read-only, and works on a standby. Exits with 3 if something is wrong,
    and with 1 if something could not be looked at.
    """
    if not as_json:
        found = []
        for examined in _look(ctx, sql_dir, dsn):
            found.append(examined)
            _print_examined(examined)
        _print_sum(found)
        return _exit_code(found)
    from muniment.cli._render import errors_as_json

    with errors_as_json(as_json):
        found = list(_look(ctx, sql_dir, dsn))
    _print_document(found)
    return _exit_code(found)


def _look(ctx: click.Context, sql_dir: Path | None, dsn: str | None) -> Iterator[Examined]:
    from muniment._db import connect
    from muniment.migrate.doctor import examine, name_database
    from muniment.migrate.projects import Projects, find_sql_directory

    projects = Projects(find_sql_directory(sql_dir))
    with connect(resolve_dsn(dsn), application_name="muniment doctor") as connection:
        yield from examine(
            connection,
            projects,
            named_dsn=name_database(connection) if _is_typed(ctx, "dsn") else None,
            named_sql_dir=sql_dir if _is_typed(ctx, "sql_dir") else None,
            other_registry=find_other_registry(),
        )


def _is_typed(ctx: click.Context, option: str) -> bool:
    """Whether an option was given as such; the next command finds the others as this one did."""
    return ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def _exit_code(found: list[Examined]) -> int:
    states = {examined.state for examined in found}
    if "finding" in states:
        return EXIT_NO
    return EXIT_UNKNOWN if "unknown" in states else 0


def _print_examined(examined: Examined) -> None:
    name = examined.check.replace("_", " ")
    asides = [f"not seen: {reason}" for reason in examined.unknown]
    asides += examined.notes
    said = f": {'; '.join(asides)}" if asides else ""
    click.echo(visible(f"{examined.state:<8} {name}{said}"))
    for finding in examined.findings:
        click.echo(visible(f"  {finding.object}: {finding.meaning}"))
        for step in finding.repair:
            click.echo(visible(f"    {step.by}: {step.command}"))


def _print_sum(found: list[Examined]) -> None:
    findings = sum(len(examined.findings) for examined in found)
    unknown = sum(examined.state == "unknown" for examined in found)
    if findings or unknown:
        noun = "finding" if findings == 1 else "findings"
        seen = f", {unknown} of {len(found)} checks could not look" if unknown else ""
        click.echo(f"{findings} {noun}{seen}", err=True)
    else:
        click.echo("healthy", err=True)


def _print_document(found: list[Examined]) -> None:
    code = _exit_code(found)
    document: dict[str, Any] = {
        "healthy": code == 0,
        "exit_code": code,
        "checks": [
            {
                "check": examined.check,
                "state": examined.state,
                "findings": [_finding(finding) for finding in examined.findings],
                "unknown": list(examined.unknown),
                "notes": list(examined.notes),
            }
            for examined in found
        ],
    }
    click.echo(json.dumps(document, indent=2))


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "object": finding.object,
        "meaning": finding.meaning,
        "repair": [{"by": step.by, "command": step.command} for step in finding.repair],
    }

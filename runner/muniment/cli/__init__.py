"""The `muniment` command: click only. It reads options, calls the package, and renders.

stdout is data, stderr is progress and errors. Exit codes: 0 done, 1 failed, 2 usage, 3 the answer
is no, 130 interrupted.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

import click

from muniment.errors import MunimentError

# Where each command lives. A module is imported when its command runs: start-up is most of the
# time of a short command, and `muniment dsn` needs no database driver.
COMMANDS = {
    "up": "muniment.cli.server:up",
    "down": "muniment.cli.server:down",
    "dsn": "muniment.cli.server:dsn",
    "deploy": "muniment.cli.migrate:deploy",
    "verify": "muniment.cli.migrate:verify",
    "revert": "muniment.cli.migrate:revert",
    "status": "muniment.cli.migrate:status",
    "log": "muniment.cli.migrate:log",
    "plan": "muniment.cli.migrate:plan",
    "check": "muniment.cli.migrate:check",
    "doctor": "muniment.cli.doctor:doctor",
    "rehearse": "muniment.cli.proof:rehearse",
    "adopt": "muniment.cli.proof:adopt",
    "bless": "muniment.cli.proof:bless",
    "new": "muniment.cli.scaffold:new",
    "tag": "muniment.cli.scaffold:tag",
    "rework": "muniment.cli.scaffold:rework",
    "yoyo": "muniment.cli.yoyo:yoyo",
    "import": "muniment.cli.ledger:import_",
    "runs": "muniment.cli.ledger:runs",
    "show": "muniment.cli.ledger:show",
    "seal": "muniment.cli.seal:seal",
    "shelf": "muniment.cli.shelf:shelf",
    "docs": "muniment.cli.docs:docs",
    "completion": "muniment.cli.completion:completion",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101
        if ctx.resilient_parsing:
            # A shell asks how a line could go on.
            from muniment.cli.completion import teach

            teach(command)
        return command


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from muniment import __version__

    click.echo(f"muniment {__version__}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "MUNIMENT"},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def cli() -> None:
    """The evidence room for AI agents: PostgreSQL is the register, S3 is the shelf.

    Start with `muniment up`, then `muniment import FILE --firm UUID` and `muniment runs`.
    """


def _tell(text: str) -> None:
    """Print an error, which may quote a server or a file; only its line ends are acted on."""
    from muniment.cli._visible import visible

    for line in text.split("\n"):
        click.echo(visible(line), err=True)


def main() -> None:
    """Run the command line and leave with its exit code.

    A MunimentError becomes one line on stderr and its hint another; anything else is a bug and
    keeps its traceback.
    """
    # Modules are some 40,000 objects that stay. To look through them for garbage while they are
    # loaded and once more at the exit is a tenth of the time of a short command.
    gc.set_threshold(100_000)
    try:
        code = cli.main(prog_name="muniment", standalone_mode=False)
    except MunimentError as error:
        _tell(f"muniment: {error.message}")
        if error.hint:
            _tell(f"hint: {error.hint}")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("muniment: interrupted", err=True)
        sys.exit(130)
    finally:
        gc.freeze()
    sys.exit(code if isinstance(code, int) else 0)

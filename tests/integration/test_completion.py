"""Shells complete what muniment takes: real ones, at a terminal, with the keys that one presses."""

from __future__ import annotations

import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from tests.sample import Sample

from muniment.cli import cli
from muniment.cli.completion import form

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
# A shell at a terminal wants to be in charge of it.
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
PROMPT = "ready> "
SCRIPT = f"{sys.executable} -m muniment completion"
SET_UP = {
    "bash": f'eval "$({SCRIPT} bash)"',
    "zsh": f'autoload -U compinit; compinit -u -D; eval "$({SCRIPT} zsh)"',
    "fish": f"{SCRIPT} fish | source",
}
SET_PROMPT = {
    "bash": "PS1='ready'; PS1+='> '",
    "zsh": "PS1='ready'; PS1+='> '",
    "fish": "function fish_prompt; echo -n ready; echo -n '> '; end",
}


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path / "checkout")
    made.add("ledger:roles", note="Make the roles: all, that is, five.\nOn two lines.")
    made.add("ledger:views/daily", requires=["roles"])
    made.tag("ledger", "v1", note="The first.")
    made.rework("ledger:roles", "v1", deploy="SELECT 2;", revert="SELECT 1;", verify="SELECT 1;")
    made.add("other:thing")
    return made


@pytest.fixture
def environment(sample: Sample, tmp_path: Path) -> dict[str, str]:
    """An environment in which `muniment` writes its arguments into a file, unless a shell asks."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "muniment"
    program.write_text(
        f"""#!/bin/sh
[ -z "$_MUNIMENT_COMPLETE" ] || exec {sys.executable} -m muniment "$@"
printf '%s\\n' "$@" >{tmp_path}/typing
mv {tmp_path}/typing {tmp_path}/typed
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
        "MUNIMENT_SQL_DIR": str(sample.sql),
    }


class Terminal:
    """A shell at a terminal, and what one sees there."""

    def __init__(self, shell: str, directory: Path, environment: dict[str, str]) -> None:
        self._typed = directory.parent / "typed"
        self.seen = ""
        self._fd, other = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *SHELLS[shell]],
            cwd=directory,
            env=environment,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        for line in (SET_PROMPT[shell], SET_UP[shell]):
            self.enter(line)
            self.wait_until(lambda shown: PROMPT in shown)

    def enter(self, text: str) -> None:
        """Type a text and the return key."""
        os.write(self._fd, f"{text}\r".encode())

    def wait_until(self, is_so: Callable[[str], bool]) -> None:
        """Read what the shell shows until something is so, given what was read since then."""
        until = time.monotonic() + 60
        shown = ""
        while not is_so(shown):
            assert time.monotonic() < until, f"it does not come to pass:\n{shown}"
            if select.select([self._fd], [], [], 0.05)[0]:
                shown += os.read(self._fd, 4096).decode(errors="replace")
        self.seen += shown

    def complete(self, line: str) -> list[str]:
        """Type a line with tabs in it, and return the arguments that it became."""
        self._typed.unlink(missing_ok=True)
        self.enter(line)
        self.wait_until(lambda _shown: self._typed.exists())
        return self._typed.read_text().splitlines()

    def close(self) -> None:
        os.close(self._fd)
        self._process.wait(timeout=30)


@pytest.fixture(params=SHELLS)
def terminal(
    request: pytest.FixtureRequest, sample: Sample, environment: dict[str, str]
) -> Iterator[Terminal]:
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    opened = Terminal(shell, sample.directory, environment)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("line", "became"),
    [
        ("muniment stat\t", ["status"]),
        ("muniment yo\tgen\t--ch\t", ["yoyo", "generate", "--check"]),
        ("muniment verify le\to\t", ["verify", "ledger", "other"]),
        ("muniment rework ledger:v\t", ["rework", "ledger:views/daily"]),
        ("muniment rework led\tv\t", ["rework", "ledger:views/daily"]),
        ("muniment rework oth\t", ["rework", "other:thing"]),
        ("muniment deploy ledger:v\t", ["deploy", "ledger:views/daily"]),
        ("muniment deploy ledger:@\t", ["deploy", "ledger:@v1"]),
        ("muniment deploy ledger:roles@H\t", ["deploy", "ledger:roles@HEAD"]),
        ("muniment deploy ledger --to roles@v\t", ["deploy", "ledger", "--to", "roles@v1"]),
        ("muniment deploy ledger --to @\t", ["deploy", "ledger", "--to", "@v1"]),
        (
            "muniment new ledger:x -n 'Two words.' --req\toth\tth\t",
            ["new", "ledger:x", "-n", "Two words.", "--requires", "other:thing"],
        ),
        ("muniment tag led\tv2 --ch\tv\t", ["tag", "ledger", "v2", "--change", "views/daily"]),
        ("muniment tag led\tv2 --change=v\t", ["tag", "ledger", "v2", "--change=views/daily"]),
        (
            "muniment new ledger:x --requires=other:t\t",
            ["new", "ledger:x", "--requires=other:thing"],
        ),
        ("muniment completion z\t", ["completion", "zsh"]),
        ("muniment plan --sql-dir sq\t", ["plan", "--sql-dir", "sql"]),
    ],
)
def test_a_line_is_completed(terminal: Terminal, line: str, became: list[str]) -> None:
    # zsh takes the slash after a directory away again when the line ends.
    assert [word.removesuffix("/") for word in terminal.complete(line)] == became


def test_nothing_is_printed_over_the_line(terminal: Terminal, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "muniment"
    program.write_text(program.read_text().replace("exec ", "{ echo broken >&2; exit 1; } #"))

    assert terminal.complete("muniment sta\t") == ["sta"]
    assert "broken" not in terminal.seen


def ask(
    directory: Path,
    environment: dict[str, str],
    *words: str,
    by: str = "bash",
    options: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Ask as the script for a shell does how to go on with the last of some words."""
    return subprocess.run(
        [sys.executable, *options, "-m", "muniment"],
        cwd=directory,
        env={
            **environment,
            "_MUNIMENT_COMPLETE": f"{by}_complete",
            "COMP_WORDS": "\n".join(["muniment", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
    )


def answers(directory: Path, environment: dict[str, str], *words: str) -> list[str]:
    done = ask(directory, environment, *words)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["status", ""], ["ledger", "other"]),
        (["deploy", "ledger", ""], ["ledger", "other"]),
        (["deploy", "ledger:"], ["roles@v1", "views/daily", "@v1", "roles@HEAD"]),
        (["rework", ""], ["ledger:roles", "ledger:views/daily", "other:thing"]),
        (["new", ""], ["ledger:", "other:"]),
        (["revert", "other", "--to", ""], ["thing", "ledger:", "other:"]),
        (["tag", "other", "v1", "--change", ""], ["thing"]),
        (["tag", "other", ""], []),
        (["deploy", "--to", ""], []),
        (["deploy", "nothing:"], []),
        (["status", "--dsn", ""], []),
        (["log", ""], []),
        (["tag", "--sql-dir", "elsewhere", ""], []),
    ],
    ids=" ".join,
)
def test_what_is_planned_is_offered(
    sample: Sample, environment: dict[str, str], words: list[str], expected: list[str]
) -> None:
    prefix = words[-1] if words[-1].endswith(":") else ""

    found = answers(sample.directory, environment, *words)

    assert [name.removeprefix(prefix) for name in found] == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tag", ""], ["p"]),
        (["new", ""], ["p:"]),
        (["rework", "p:"], []),
        (["new", "p:x", "--requires", ""], []),
    ],
    ids=" ".join,
)
def test_without_plans_and_with_broken_ones_nothing_is_said(
    tmp_path: Path, environment: dict[str, str], words: list[str], expected: list[str]
) -> None:
    del environment["MUNIMENT_SQL_DIR"]

    assert answers(tmp_path, environment, *words) == []
    (tmp_path / "sql" / "plans").mkdir(parents=True)
    (tmp_path / "sql" / "plans" / "p.plan").write_text("no plan")
    assert answers(tmp_path, environment, *words) == expected


def test_a_note_is_told_by_its_first_line(sample: Sample, environment: dict[str, str]) -> None:
    # zsh reads three lines for each answer.
    done = ask(sample.directory, environment, "deploy", "ledger:roles", by="zsh")

    assert done.stdout.replace(r"\:", ":").splitlines() == [
        *("plain", "ledger:roles@v1", "Make the roles: all, that is, five."),
        *("plain", "ledger:roles@HEAD", "_"),
    ]


def test_the_answer_does_not_wait_for_a_driver_or_a_parser(
    sample: Sample, environment: dict[str, str]
) -> None:
    loaded = ask(
        sample.directory, environment, "deploy", "ledger:", options=("-X", "importtime")
    ).stderr

    assert "muniment.cli.completion" in loaded
    assert "psycopg" not in loaded
    assert "pglast" not in loaded


def parameters(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, click.Parameter]]:
    yield from ((f"{ctx.command_path} {param.name}", param) for param in command.params)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from parameters(below, click.Context(below, info_name=name, parent=ctx))


def test_whatever_help_calls_a_project_or_a_change_is_completed() -> None:
    ctx = click.Context(cli, info_name="muniment", resilient_parsing=True)
    called = {name: (form(param), param) for name, param in parameters(cli, ctx)}
    planned = {
        name: param
        for name, (words, param) in called.items()
        if "PROJECT" in words or "CHANGE" in words
    }

    assert {"muniment deploy targets", "muniment revert spec", "muniment plan names"} <= set(
        planned
    )
    assert [name for name, param in planned.items() if param.type is click.STRING] == []

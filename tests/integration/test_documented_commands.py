"""The commands in the documentation are run as they are written, and print what it says.

A ```console block holds commands, which begin with "$ ", and perhaps what they print. They run in a
directory that has of the checkout what they need. Ids, times and durations may differ, and a line
"..." stands for any lines. A ```python block is a file, whose name is in its first line.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from tests.fix_postgres import ROOT

from muniment.embedded import stop
from muniment.embedded.programs import wheel_directory

README = ROOT / "README.md"
TUTORIALS = sorted((ROOT / "docs" / "tutorial").glob("*.md"))

# Installing is not tried here: what the lines stand for is already done, or is done instead.
INSTEAD = {
    "make up": ".venv/bin/muniment up",
    "make test": None,
    "pip install muniment": None,
}
# What varies from run to run, or between a terminal and a pipe.
VARIABLE = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?", "ID"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?", "TIME"),
    (r"\b\d+ ms\b", "N ms"),
    (r"\b\d+\.\d+ s\b", "N s"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
)
# What a command that fails on purpose prints.
FAILURE = re.compile(r"^(ERROR: |muniment: )", re.MULTILINE)


@dataclass
class Command:
    """A command, the lines that are shown under it, and where it is."""

    text: str
    place: str
    shown: list[str] = field(default_factory=list)


def sections(page: Path) -> dict[str, list[Command]]:
    """Return the commands of a page below each of its headings."""
    found: dict[str, list[Command]] = {}
    heading = ""
    tokens = MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            heading = token.content
        elif token.type == "fence" and token.info == "python":
            assert token.map is not None
            name = token.content.partition("\n")[0].removeprefix("# ")
            save = f"cat > {name} << 'END'\n{token.content}END"
            place = f"{page.relative_to(ROOT)}:{token.map[0] + 2}"
            found.setdefault(heading, []).append(Command(save, place))
        elif token.type == "fence" and token.info == "console":
            assert token.map is not None
            found.setdefault(heading, []).extend(commands(token.content, page, token.map[0] + 2))
    return found


def commands(block: str, page: Path, first_line: int) -> Iterator[Command]:
    """Read one block; a backslash at its end joins a command with the next line."""
    lines = iter(enumerate(block.splitlines(), start=first_line))
    current: Command | None = None
    for number, line in lines:
        if not line.startswith("$ "):
            assert current is not None, f"{page}:{number}: output before any command"
            current.shown.append(line)
            continue
        if current is not None:
            yield current
        text = [line.removeprefix("$ ")]
        while text[-1].endswith("\\"):
            text.append(next(lines)[1])
        current = Command("\n".join(text), f"{page.relative_to(ROOT)}:{number}")
    if current is not None:
        yield current


class Reader:
    """Somebody who types what a page says.

    Args:
        directory: Where they are.
        database_url: What they set DATABASE_URL to, whatever the page has.
    """

    def __init__(self, directory: Path, database_url: str | None = None) -> None:
        """Make the directory look like a checkout in which `make setup` was run."""
        self._directory = directory
        self._database_url = database_url
        (directory / ".venv").symlink_to(sys.prefix)
        (directory / "examples").symlink_to(ROOT / "examples")
        tools = directory / "bin"
        tools.mkdir()
        # Where PostgreSQL is not installed, psql is the one that `muniment up` tells to use.
        (tools / "psql").symlink_to(shutil.which("psql") or wheel_directory() / "psql")
        path = [str(tools), str(Path(sys.prefix) / "bin"), os.environ["PATH"]]
        self._environment = {"PATH": os.pathsep.join(path), "HOME": str(directory), "LC_ALL": "C"}

    def follow(self, found: Sequence[Command]) -> None:
        """Run commands in their order, and hold what they print to what is shown."""
        for command in found:
            text = INSTEAD.get(command.text, command.text)
            exported = re.fullmatch(r"export (\w+)=(.*)", command.text)
            if exported:
                self._export(exported[1], shlex.split(exported[2])[0])
            elif text is not None:
                self._run(text, command)

    def _export(self, name: str, value: str) -> None:
        if name == "DATABASE_URL":
            assert self._database_url is not None
            value = self._database_url
        self._environment[name] = value

    def _run(self, text: str, command: Command) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", text],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = f"{command.place}: $ {text}\n{done.stdout}"
        is_refused = bool(FAILURE.search("\n".join(command.shown)))
        assert (done.returncode != 0) == is_refused, f"exit code {done.returncode}\n{said}"
        assert not command.shown or matches(command.shown, done.stdout.splitlines()), said


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Tell whether lines are as shown; in what is shown, "..." stands for any number of them."""
    if not shown:
        return not any(line.strip() for line in printed)
    if shown[0].strip() == "...":
        return any(matches(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    if not shown[0].strip() or not printed:
        return not shown[0].strip() and matches(shown[1:], printed[bool(printed) :])
    return normal(shown[0]) == normal(printed[0]) and matches(shown[1:], printed[1:])


def normal(line: str) -> str:
    """Return a line without what varies; columns are as wide as their ids, so blanks count once."""
    for pattern, name in VARIABLE:
        line = re.sub(pattern, name, line)
    return " ".join(line.split())


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    if (tmp_path / ".muniment").is_dir():
        stop(tmp_path / ".muniment")


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_is_true(directory: Path, page: Path) -> None:
    found = [command for section in sections(page).values() for command in section]

    Reader(directory).follow(found)

    assert len(found) > 7
    assert found[0].text == "make up"
    assert found[-1].text == ".venv/bin/muniment down"


def test_the_five_minutes_of_the_readme_are_true(directory: Path) -> None:
    found = sections(README)["Five minutes"]

    Reader(directory).follow(found)

    assert {"import", "runs", "status"} <= {
        word for command in found for word in command.text.split()
    }
    assert found[-1].text.startswith("psql ")


def test_the_deploy_of_the_readme_is_true(tmp_path: Path, database: str) -> None:
    found = sections(README)["A database of your own"]

    Reader(tmp_path, database).follow(found)

    assert any(command.text.startswith("export DATABASE_URL=") for command in found)
    assert [command.text for command in found[-2:]] == [
        "muniment deploy agents",
        "muniment verify",
    ]


def test_what_is_not_run_is_known() -> None:
    pages = [*sections(README).values()]
    pages += [section for page in TUTORIALS for section in sections(page).values()]
    skipped = {
        command.text
        for section in pages
        for command in section
        if command.text.split()[0] in {"make", "pip"}
    }

    assert skipped == set(INSTEAD)
    # `make up` is what is run instead of it, once the stamp says that everything is installed.
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile.partition("\nup:")[2].splitlines()[1:]
    assert list(takewhile(str.strip, recipe)) == ["\t@$(BIN)/muniment up"]


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["a", "...", "c"], ["a", "b", "d"], False),
        (["took 3 ms"], ["took 41 ms"], True),
        (["5fa23709-4266  x"], ["5fa23709-4266-5336-a5b1-b913be7f37c5 x"], True),
        (["a"], [], False),
        (["a"], ["a", ""], True),
    ],
)
def test_output_is_compared(shown: list[str], printed: list[str], expected: bool) -> None:
    assert matches(shown, printed) is expected


def test_what_the_page_about_seals_shows_is_true(tmp_path: Path, ledger: str) -> None:
    found = sections(ROOT / "docs" / "explanation" / "what-a-seal-proves.md")["See it work"]

    Reader(tmp_path, ledger).follow(found)

    assert sum(command.text.startswith("muniment seal verify") for command in found) == 4

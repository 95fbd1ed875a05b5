"""The sql directory holds together: plans, scripts, tests and sqitch.conf name the same things.

What can be checked of the house style without a database is checked here too; what needs one is in
tests/pgtap/_catalog.
"""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from pglast import parser

from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects
from muniment.migrate.script import Kind, check_header, parse_script

ROOT = Path(__file__).parents[2]
SQL = ROOT / "sql"
PGTAP = ROOT / "tests" / "pgtap"
KINDS: tuple[Kind, ...] = get_args(Kind)

PROJECTS = Projects(SQL)
CHANGES = [change for name in PROJECTS.names for change in PROJECTS.plan(name).changes]
SCRIPTS = sorted(path for kind in KINDS for path in (SQL / kind).rglob("*.sql"))
TESTS = sorted(PGTAP.rglob("*.sql"))

# Roles belong to the cluster: the one thing that may be there already.
MAY_MEET_ITSELF = {SQL / kind / "platform" / "roles.sql" for kind in KINDS}
# These follow another index, and the comment above that speaks of both.
SHARE_A_COMMENT = {
    "agent_run_parent_ix",
    "agent_run_session_ix",
    "agent_run_trace_ix",
    "tool_call_child_run_ix",
}
LONGEST_NAME = 63  # NAMEDATALEN - 1
LONGEST_LINE = 100


class Token(NamedTuple):
    word: str
    line: int
    is_name: bool


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def named(change: Change) -> str:
    return change.qualified


def tokens(path: Path) -> list[Token]:
    """Return the tokens of a file without comments; the inside of a string is one token."""
    text = path.read_text(encoding="utf-8")
    return [
        Token(
            text[token.start : token.end + 1],
            text.count("\n", 0, token.start) + 1,
            token.name == "IDENT",
        )
        for token in parser.scan(text)
        if token.name not in {"SQL_COMMENT", "C_COMMENT"}
    ]


def test_there_is_something_to_check() -> None:
    assert {"platform", "agents"} <= set(PROJECTS.names)
    assert len(CHANGES) > 10


@pytest.mark.parametrize("change", CHANGES, ids=named)
def test_a_change_has_its_scripts_and_their_headers_say_what_the_plan_says(
    change: Change,
) -> None:
    for kind in KINDS:
        check_header(PROJECTS.script(change, kind), change)


@pytest.mark.parametrize("change", CHANGES, ids=named)
def test_a_change_has_a_test_of_its_name(change: Change) -> None:
    assert (PGTAP / change.project / f"{change.name}.sql").is_file()


@pytest.mark.parametrize("path", [*SCRIPTS, *TESTS], ids=shown)
def test_a_script_is_in_the_grammar_of_postgresql(path: Path) -> None:
    # The runner takes a plain script as it is, and leaves a syntax error to the server.
    parser.parse_sql_json(path.read_text(encoding="utf-8"))


def test_a_script_belongs_to_a_change() -> None:
    planned = {PROJECTS.script_path(change, kind) for change in CHANGES for kind in KINDS}

    assert [shown(path) for path in SCRIPTS if path not in planned] == []


def test_a_test_belongs_to_a_change_or_to_no_project() -> None:
    planned = {PGTAP / change.project / f"{change.name}.sql" for change in CHANGES}
    stray = [
        shown(path)
        for path in TESTS
        if path not in planned and not path.relative_to(PGTAP).parts[0].startswith("_")
    ]

    assert stray == []


@pytest.mark.parametrize(
    "path", [path for path in TESTS if PGTAP / "_setup" not in path.parents], ids=shown
)
def test_a_test_is_one_transaction_that_any_client_can_run(path: Path) -> None:
    # As a verify script: BEGIN first, ROLLBACK last, nothing that only psql understands.
    parse_script(path.read_bytes(), "verify", path=shown(path))


def test_no_two_deploy_scripts_are_the_same() -> None:
    # The registry has a unique key on project and hash: the second could not be deployed.
    for name in PROJECTS.names:
        changes = PROJECTS.plan(name).changes
        hashes = [PROJECTS.script_hash(change, "deploy") for change in changes]
        assert len(set(hashes)) == len(hashes), name


def test_sqitch_has_one_target_a_project_and_finds_the_same_files() -> None:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "sqitch.conf")
    targets = {
        section.removeprefix('target "').removesuffix('"'): dict(config[section])
        for section in config.sections()
        if section.startswith("target")
    }

    assert sorted(targets) == PROJECTS.names
    for name, target in targets.items():
        expected = {"uri": "db:pg:", "plan_file": f"sql/plans/{name}.plan"}
        expected |= {f"{kind}_dir": f"sql/{kind}/{name}" for kind in KINDS}
        assert expected.items() <= target.items()
        if any(change.rework_tags for change in PROJECTS.plan(name).changes):
            # sqitch looks for the scripts of older instances elsewhere unless it is told.
            reworked = {f"reworked_{kind}_dir": f"sql/{kind}/{name}" for kind in KINDS}
            assert reworked.items() <= target.items()


def test_an_index_says_what_it_is_for() -> None:
    silent = {
        index
        for path in SCRIPTS
        for index in re.findall(
            r"^(?!--).*\nCREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(\w+)",
            path.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }

    assert silent == SHARE_A_COMMENT


@pytest.mark.parametrize("path", SCRIPTS, ids=shown)
def test_a_name_is_not_cut_off(path: Path) -> None:
    long = [
        f"line {token.line}: {token.word}"
        for token in tokens(path)
        if token.is_name and len(token.word.strip('"').encode()) > LONGEST_NAME
    ]

    assert long == []


@pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if path not in MAY_MEET_ITSELF], ids=shown
)
def test_a_surprise_stops_the_run(path: Path) -> None:
    found = []
    words = [token._replace(word=token.word.upper()) for token in tokens(path)]
    for before, token, after in zip(words, words[1:], words[2:], strict=False):
        pair = f"{token.word} {after.word}"
        is_conditional = pair in {"IF EXISTS", "IF NOT"}
        is_replacing = pair == "OR REPLACE"
        # A foreign key may say what happens to its rows; DROP and TRUNCATE may not.
        is_cascade = after.word == "CASCADE" and token.word not in {"DELETE", "UPDATE"}
        if is_conditional or is_replacing or is_cascade:
            found.append(f"line {token.line}: {before.word} {pair}")

    assert found == []


@pytest.mark.parametrize("path", [*SCRIPTS, *TESTS], ids=shown)
def test_lines_end_where_their_text_ends(path: Path) -> None:
    text = path.read_bytes().decode()
    wrong = [
        f"line {number}"
        for number, line in enumerate(text.split("\n"), start=1)
        if "\t" in line or line != line.rstrip()
    ]

    assert wrong == []
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize("path", SCRIPTS, ids=shown)
def test_a_script_fits_a_reviewers_screen(path: Path) -> None:
    wrong = [
        f"line {number}: {len(line)} columns"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LONGEST_LINE
    ]

    assert wrong == []


@pytest.mark.parametrize("name", PROJECTS.names)
def test_a_plan_ends_its_last_line(name: str) -> None:
    # Or the next line would be appended to it.
    assert PROJECTS.plan(name).path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("change", CHANGES, ids=named)
def test_a_note_is_a_sentence(change: Change) -> None:
    assert re.fullmatch(r"[A-Z].*\.", change.note, re.DOTALL)


def test_only_what_reads_scripts_needs_the_parser() -> None:
    # pglast is under the GPL, and slow to import: docs/adr/0005.
    package = ROOT / "runner" / "muniment"
    users = {
        shown(path)
        for path in package.rglob("*.py")
        if re.search(r"^\s*(from|import) pglast\b", path.read_text(), re.MULTILINE)
    }

    assert users == {"runner/muniment/migrate/script.py", "runner/muniment/migrate/steps.py"}

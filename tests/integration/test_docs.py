"""The documentation is true: pages are fresh, links lead somewhere, commands are named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import click
import psycopg
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from psycopg.conninfo import make_conninfo
from tests.fix_postgres import ROOT

from muniment.cli import COMMANDS, cli

DEPLOY_SCRIPTS = sorted((ROOT / "sql" / "deploy").rglob("*.sql"))
DOCS_LINE = re.compile(r"^--.*\bDocs: (\S+)$", re.MULTILINE)
# What tools leave behind is not documentation, nor is what begins with a dot.
NOT_OURS = {"node_modules", "build", "dist"}


@cache
def markdown_files() -> list[Path]:
    found: list[Path] = []
    for directory, below, files in os.walk(ROOT):
        below[:] = [name for name in below if not name.startswith(".") and name not in NOT_OURS]
        found += [Path(directory, name) for name in files if name.endswith(".md")]
    return sorted(found)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run_docs(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muniment", "docs", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


# The pages that are made ----------------------------------------------------


def test_schema_pages_are_fresh_on_every_server(each_deployed: str) -> None:
    done = run_docs("build", "--check", "--dsn", each_deployed)

    assert done.returncode == 0, (
        f"{done.stdout}{done.stderr}Run `muniment docs build` on a database with all of sql/ in it:"
        " `muniment down --destroy --yes`, `muniment up`, `muniment docs build`."
    )


def test_the_page_of_commands_is_fresh() -> None:
    done = run_docs("commands", "--check")

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_more_months_do_not_change_a_page(deployed: str) -> None:
    with psycopg.connect(deployed, autocommit=True) as connection:
        connection.execute("SELECT agents.ensure_partitions('2030-01-01', 2)")

    assert run_docs("build", "--check", "--dsn", deployed).returncode == 0


def test_a_stale_page_is_named_and_written_anew(deployed: str, tmp_path: Path) -> None:
    to = ("--out", "pages", "--dsn", deployed)
    missing = run_docs("build", "--check", *to, cwd=tmp_path)
    first = run_docs("build", *to, cwd=tmp_path)
    with psycopg.connect(deployed, autocommit=True) as connection:
        connection.execute("COMMENT ON TABLE agents.agent_run IS 'Another | comment.'")
    stale = run_docs("build", "--check", *to, cwd=tmp_path)
    second = run_docs("build", *to, cwd=tmp_path)
    third = run_docs("build", *to, cwd=tmp_path)

    assert missing.returncode == 3
    assert missing.stdout == "".join(
        f"pages/{name}.md is missing\n"
        for name in ("agentcore", "agents", "astra", "goclaw", "open_agents", "platform")
    )
    assert (first.returncode, first.stdout) == (
        0,
        "pages/agentcore.md\npages/agents.md\npages/astra.md\npages/goclaw.md\n"
        "pages/open_agents.md\npages/platform.md\n",
    )
    assert (stale.returncode, stale.stdout) == (3, "pages/agents.md is stale\n")
    assert "hint: Run `muniment docs build`." in stale.stderr
    assert (second.returncode, second.stdout) == (0, "pages/agents.md\n")
    assert (third.returncode, third.stdout) == (0, "")
    assert r"Another \| comment." in (tmp_path / "pages" / "agents.md").read_text()


def test_a_login_that_only_reads_the_ledger_is_enough(deployed: str) -> None:
    dsn = make_conninfo(deployed, options="-c role=muniment_reader")

    done = run_docs("build", "--check", "--dsn", dsn)

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_what_is_not_deployed_is_said(database: str) -> None:
    done = run_docs("build", "--check", "--dsn", database)

    assert done.returncode == 1
    assert "nothing to document" in done.stderr
    assert "Traceback" not in done.stderr


# Links ----------------------------------------------------------------------


@cache
def tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))


def inline_tokens(path: Path) -> Iterator[Token]:
    for token in tokens(path):
        yield from token.children or ()


def links(path: Path) -> Iterator[str]:
    for token in inline_tokens(path):
        target = token.attrGet("href") or token.attrGet("src")
        if target is not None:
            yield str(target)


@cache
def anchors(path: Path) -> set[str]:
    """Return the anchors of a page: those written as HTML, and those GitHub gives to headings."""
    found: set[str] = set()
    for token in tokens(path):
        for html in [token, *(token.children or ())]:
            if html.type in {"html_block", "html_inline"}:
                found |= set(re.findall(r'\bid="([^"]+)"', html.content))
    seen: Counter[str] = Counter()
    for opening, inline in zip(tokens(path), tokens(path)[1:], strict=False):
        if opening.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def broken(page: Path, link: str) -> str | None:
    """Say what is wrong with a link of a page; None where it leads somewhere, or out."""
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return None
    file, _, anchor = unquote(link).partition("#")
    target = (page.parent / file).resolve() if file else page
    if not target.exists():
        return f"{relative(page)}: {link}: no such file"
    if anchor and (target.suffix != ".md" or anchor not in anchors(target)):
        return f"{relative(page)}: {link}: no such anchor"
    return None


def test_every_relative_link_leads_somewhere() -> None:
    found = [broken(page, link) for page in markdown_files() for link in links(page)]

    assert not list(filter(None, found))
    assert len(found) > 100


@pytest.mark.parametrize("script", DEPLOY_SCRIPTS, ids=relative)
def test_the_docs_line_of_a_deploy_script_leads_to_its_section(script: Path) -> None:
    found = DOCS_LINE.findall(script.read_text())

    assert len(found) == 1, f"{relative(script)}: one `Docs: docs/schema/...` line is expected"
    assert found == [f"docs/schema/{script.parent.name}.md#{script.stem.replace('_', '-')}"]
    assert broken(ROOT / "README.md", found[0]) is None


# Commands -------------------------------------------------------------------


def commands(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=ctx)
        yield below.command_path, command
        if isinstance(command, click.Group):
            yield from commands(command, below)


ALL_COMMANDS = dict(commands(cli, click.Context(cli, info_name="muniment")))


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_a_command_has_help_and_is_documented(name: str) -> None:
    command = ALL_COMMANDS[name]
    reference = (ROOT / "docs" / "reference" / "commands.md").read_text()

    assert command.help
    assert command.help.split("\n")[0].rstrip().endswith(".")
    assert f"## {name}\n" in reference
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts}"


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()

    assert [name for name in COMMANDS if f"`{name}`" not in readme.replace("`muniment ", "`")] == []

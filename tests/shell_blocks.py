"""The commands of a page, so that a test can run them as they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from markdown_it import MarkdownIt
from psycopg.conninfo import conninfo_to_dict

from tests.fix_postgres import ROOT


def shell_commands(page: str) -> list[str]:
    """Return the lines of the ```sh blocks of a page, but for those that set variables."""
    tokens = MarkdownIt("commonmark").parse((ROOT / page).read_text(encoding="utf-8"))
    blocks = [token.content for token in tokens if token.type == "fence" and token.info == "sh"]
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith("export ")]


def run_line(
    line: str, dsn: str, *, directory: Path, programs: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a line of a page as somebody for whom DATABASE_URL and libpq's variables are set.

    Args:
        line: For /bin/sh.
        dsn: The database that DATABASE_URL names, and whose server PG* name.
        directory: Where to run it.
        programs: Where PostgreSQL's client programs are.
        variables: More of the environment.
    """
    server = conninfo_to_dict(dsn)
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=directory,
        env={
            **os.environ,
            "PATH": os.pathsep.join(
                [str(Path(sys.prefix) / "bin"), str(programs), os.environ["PATH"]]
            ),
            "DATABASE_URL": dsn,
            "PGHOST": str(server["host"]),
            "PGPORT": str(server["port"]),
            "PGUSER": str(server["user"]),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )

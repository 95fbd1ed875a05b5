"""muniment, yoyo and sqitch as their users run them: processes to be watched, killed and asked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from muniment._db import Connection
from muniment.migrate import yoyo
from muniment.migrate.locks import LOCK_KEY
from tests.fix_postgres import ROOT
from tests.sample import Sample

# For what takes a moment where nothing is wrong. A deploy waits up to 60 s for another one.
PATIENCE = 30
LONG_PATIENCE = 120

HOLDS_LOCK = (
    f"SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK_KEY} AND granted"  # noqa: S608
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

needs_sqitch = pytest.mark.skipif(
    shutil.which("sqitch") is None,
    reason="sqitch is not installed: apt-get install sqitch libdbd-pg-perl",
)

_NOT_INHERITED = ("DATABASE_URL", "MUNIMENT_DSN", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER")


def environment(sample: Sample, dsn: str, name: str) -> dict[str, str]:
    """Return what names a sample's projects, a database, and the committer."""
    inherited = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    who = {"SQITCH_FULLNAME": name, "SQITCH_EMAIL": "process@example.org"}
    return {**inherited, **who, "DATABASE_URL": dsn, "MUNIMENT_SQL_DIR": str(sample.sql)}


def start(sample: Sample, dsn: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `muniment` on the projects of a sample."""
    return _start(sample, dsn, "muniment", *arguments)


def start_yoyo(sample: Sample, dsn: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `yoyo` in the directory of a sample; :func:`write_shims` must have been there."""
    return _start(sample, dsn, "yoyo", *arguments)


def start_sqitch(sample: Sample, dsn: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `sqitch` in the directory of a sample."""
    url = urlsplit(dsn)
    variables = {
        "PGHOST": str(url.hostname),
        "PGPORT": str(url.port),
        "PGUSER": str(url.username),
        "PGDATABASE": url.path.removeprefix("/"),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
    return subprocess.Popen(
        ["sqitch", *arguments],
        cwd=sample.directory,
        env={**environment(sample, dsn, "Sqitch"), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _start(sample: Sample, dsn: str, module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=sample.directory,
        env=environment(sample, dsn, module.title()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write_shims(sample: Sample) -> None:
    """Write what yoyo needs: its settings, and a migration file for each change."""
    shutil.copy(ROOT / "yoyo.ini", sample.directory)
    list(yoyo.write_files(sample.sql / "yoyo", yoyo.migration_files(sample.projects)))


def end(process: subprocess.Popen[str], *, timeout: float = LONG_PATIENCE) -> tuple[str, str]:
    """Wait for a process that must succeed, and return what it has written."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"{process.args!r} did not end:\n{out}{err}")
    assert process.returncode == 0, f"{process.args!r}: {process.returncode}\n{out}{err}"
    return out, err


def failed(process: subprocess.Popen[str], code: int = 1) -> str:
    """Wait for a process that must fail, and return what it has written to stderr."""
    out, err = process.communicate(timeout=LONG_PATIENCE)
    assert process.returncode == code, f"{process.args!r}: {process.returncode}\n{out}{err}"
    return err


def run(sample: Sample, dsn: str, *arguments: str) -> str:
    """Run `muniment`, which must succeed, and return its stdout."""
    return end(start(sample, dsn, *arguments))[0]


def kill(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL to a process, and reap it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def sqitch(sample: Sample, dsn: str, *arguments: str) -> str:
    """Run `sqitch`, which must succeed, and return what it has written."""
    done = sample.sqitch(dsn, *arguments)
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"sqitch {' '.join(arguments)}:\n{said}"
    return said


def eventually(condition: Callable[[], bool], what: str, *, timeout: float = PATIENCE) -> None:
    """Wait until a condition holds; ``what`` says what was waited for in vain."""
    until = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"in vain: {what}")
        time.sleep(0.02)


def count(connection: Connection, query: str) -> int:
    """Return how many rows a query has."""
    return connection.execute(query).rowcount


def others(connection: Connection) -> int:
    """Return how many other clients are connected to this database."""
    return count(
        connection,
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )

"""A hot standby of the test server, which can be read and not written.

`standby`           one for a file of tests: :meth:`Standby.dsn` waits until it has what the server
                    has
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from muniment.embedded.postgres import SETTINGS
from muniment.embedded.programs import give
from tests.fix_postgres import Cluster, memory
from tests.processes import eventually


class Standby:
    """A running hot standby.

    Attributes:
        port: Where clients connect, at 127.0.0.1.
    """

    def __init__(self, server: Cluster) -> None:
        """Copy a server, and start the copy."""
        self._server = server
        self._base = Path(tempfile.mkdtemp(prefix="muniment-", dir=memory()))
        self._base.chmod(0o755)
        give(self._base, server.programs.account)
        data = self._base / "data"
        done = server.programs.run(
            *("pg_basebackup", "--pgdata", data, "--dbname", server.dsn()),
            *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        )
        assert done.returncode == 0, done.stderr
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        self._process = subprocess.Popen(
            server.programs.command(
                *("postgres", "-D", str(data), "-h", "127.0.0.1", "-p", str(self.port)),
                *("-k", str(self._base), "-F", "-clogging_collector=off", *settings),
            ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def dsn(self, dsn: str) -> str:
        """Return the URI of a server's database here, when it is as it is there."""
        url = urlsplit(dsn)
        here = urlunsplit(url._replace(netloc=f"{url.username}@127.0.0.1:{self.port}"))
        with psycopg.connect(dsn) as primary:
            row = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert row is not None
        eventually(lambda: self._has(row[0]), "the standby has caught up")
        return here

    def stop(self) -> None:
        """Stop it, and delete its files."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self._base)

    def _has(self, position: str) -> bool:
        try:
            with psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres") as opened:
                row = opened.execute(
                    "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]
                ).fetchone()
        except psycopg.OperationalError:
            return False
        return row == (True,)


# Not for the session: it does over again whatever the server does.
@pytest.fixture(scope="module")
def standby(server: Cluster) -> Iterator[Standby]:
    if not (server.programs.directory / "pg_basebackup").is_file():
        pytest.skip(f"no pg_basebackup beside the server {server.name}")
    made = Standby(server)
    yield made
    made.stop()

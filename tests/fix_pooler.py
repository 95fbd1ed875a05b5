"""pgbouncer before the test server.

`pooler`            starts one, as :class:`Pooler` says; as many as a test asks for
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from muniment.embedded.programs import give
from tests.fix_postgres import Cluster
from tests.processes import eventually

# Debian puts it where only root looks.
_PGBOUNCER = shutil.which("pgbouncer") or shutil.which(
    "pgbouncer", path="/usr/sbin:/usr/local/sbin"
)
_MISSING = "pgbouncer is not installed: apt-get install pgbouncer"

_SETTINGS = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = {round_robin}
# As many installations have it, so that clients that set it can connect at all.
ignore_startup_parameters = extra_float_digits
"""


class Pooler:
    """A running pgbouncer.

    Attributes:
        port: Where clients connect, at 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def dsn(self, dsn: str) -> str:
        """Return the URI by which a database is reached through here."""
        url = urlsplit(dsn)
        return urlunsplit(url._replace(netloc=f"{url.username}@127.0.0.1:{self.port}"))


Start = Callable[..., Pooler]


@contextmanager
def _started(
    server: Cluster, *, mode: str, size: int, round_robin: bool, users: Sequence[str]
) -> Iterator[Pooler]:
    assert _PGBOUNCER is not None
    url = urlsplit(server.dsn())
    # Not pytest's tmp_path: only its owner may enter that, and pgbouncer is never run by root.
    directory = Path(tempfile.mkdtemp(prefix="muniment-"))
    directory.chmod(0o755)
    known, settings = directory / "users.txt", directory / "pgbouncer.ini"
    known.write_text("".join(f'"{user}" ""\n' for user in (url.username, *users)))
    port = _free_port()
    settings.write_text(
        _SETTINGS.format(
            host=url.hostname,
            port=url.port,
            listen_port=port,
            users=known,
            mode=mode,
            size=size,
            round_robin=int(round_robin),
        )
    )
    give(directory, server.programs.account)
    process = subprocess.Popen(
        server.programs.command(_PGBOUNCER, settings),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        pooler = Pooler(port)
        eventually(lambda: _answers(pooler.dsn(server.dsn())), "pgbouncer answers")
        yield pooler
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def pooler(server: Cluster) -> Iterator[Start]:
    if _PGBOUNCER is None:
        pytest.skip(_MISSING)
    with ExitStack() as running:

        def started(
            mode: str, *, size: int = 20, round_robin: bool = False, users: Sequence[str] = ()
        ) -> Pooler:
            return running.enter_context(
                _started(server, mode=mode, size=size, round_robin=round_robin, users=users)
            )

        yield started

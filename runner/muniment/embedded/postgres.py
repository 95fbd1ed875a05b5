"""Start, find and stop the PostgreSQL server of a ``.muniment/`` directory.

Every step can be killed at any instant and done again. Nothing here trusts a process id by itself,
because ids are used again, soon so in a container; nor its absence, because a backend may outlive
a killed server. See :mod:`muniment.embedded.state` for the files.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from muniment.embedded.programs import Programs, give, programs_for
from muniment.embedded.state import (
    PATIENCE_SECONDS,
    Report,
    eventually,
    exclusive,
    find_state,
    lock,
    login_name,
    login_password,
    make_state,
    make_superuser_password,
    role_name,
    say_nothing,
    superuser_password,
    sync_directory,
    works_in,
    write,
)
from muniment.embedded.weed import stop_shelf
from muniment.errors import ConfigError, ServerError

DATABASE = "muniment"
SUPERUSER = "postgres"
HOST = "127.0.0.1"

# The same in docker-compose.yml, which a test compares with this.
SETTINGS = {
    "log_lock_waits": "on",
    "log_timezone": "UTC",
    # A rehearsal deploys and reverts everything in one transaction: some thousand locks.
    "max_locks_per_transaction": "256",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
}
# Likewise. The built-in C.UTF-8 sorts alike on every system; libc's and ICU's locales do not.
INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)

# Below the ranges from which Linux and macOS take ports for outgoing connections, so that the
# server finds its port free again at its next start.
_PORTS = range(20_000, 32_000)
# Length and code of SSLRequest (PostgreSQL docs, "Message Formats").
_ENCRYPTION_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        directory: Its ``.muniment`` directory, where its Unix socket is too.
        port: Where it listens on 127.0.0.1.
        is_new: Whether its data directory was made by the call that returned this.
        was_running: Whether it ran already.
    """

    directory: Path
    port: int
    is_new: bool = False
    was_running: bool = True

    def dsn(self, login: str | None = None, *, database: str = DATABASE) -> str:
        """Return a connection URI, password included.

        Args:
            login: One of :data:`muniment.embedded.LOGINS`, whose connections act as that role at
                once, or None for the superuser.
            database: The database to name.

        Raises:
            ConfigError: There is no such login, or its password is missing.
        """
        # Said, because PGSSLMODE or a driver's default may require what this server does not have.
        options = "sslmode=disable"
        if login is None:
            user, password = SUPERUSER, superuser_password(self.directory)
        else:
            user, password = login_name(login), login_password(self.directory, login)
            options += f"&options={quote(f'-c role={role_name(login)}', safe='')}"
        place = f"{HOST}:{self.port}/{quote(database, safe='')}"
        return f"postgresql://{user}:{quote(password, safe='')}@{place}?{options}"


def running_server(start_at: Path | None = None) -> Server | None:
    """Return the server of the nearest ``.muniment``, if it runs.

    Nearest is the directory itself, else the first parent that has one. The server is not asked:
    its process is looked for, which takes a fraction of a millisecond.

    Args:
        start_at: Where to begin; the current directory unless given.

    Raises:
        ConfigError: The state directory is not this user's.
    """
    state = find_state(start_at)
    running = _find_postmaster(state) if state else None
    return Server(state, running.port) if state and running and running.is_ready else None


def running_dsn(login: str | None = None) -> str | None:
    """Return the connection URI of the server of the nearest ``.muniment``, if it runs.

    Args:
        login: One of :data:`muniment.embedded.LOGINS`, or None for the superuser.

    Returns:
        The URI, or None when no server is running here.

    Raises:
        ConfigError: There is no such login, or the state directory is not this user's.
    """
    server = running_server()
    return None if server is None else server.dsn(login)


def start(directory: Path | None = None, *, report: Report = say_nothing) -> Server:
    """Start the server of a state directory, making what is missing; call it as often as you like.

    Args:
        directory: The state directory: ``.muniment`` in the current directory unless given.
        report: Is called with one line before each step that takes time.

    Returns:
        The server, which accepts connections and goes on after this process.

    Raises:
        ConfigError: The programs are not installed, or cannot run on this system.
        ServerError: The server does not start, or may not be run as this user.
    """
    if sys.platform == "win32":
        raise ConfigError(
            "no embedded server: it needs Linux or macOS",
            hint="Name a server of your own with --dsn, or start one with `docker compose up`.",
        )
    state = (directory or Path.cwd() / ".muniment").absolute()
    make_state(state)
    with exclusive(state, report=report):
        while (running := _wait_until_ready(state)) is None:
            programs = programs_for(state)
            with _held_for_server(state, report) as held:
                if held is not None:
                    return _start(state, programs, held, report)
        return Server(state, running.port)


def stop(
    directory: Path | None = None, *, destroy: bool = False, report: Report = say_nothing
) -> bool:
    """Stop the server, and the shelf's; their data stay unless ``destroy`` is given.

    Args:
        directory: The state directory: the nearest ``.muniment`` unless given.
        destroy: Delete the state directory with all data and passwords.
        report: Is called with one line before each step that takes time.

    Returns:
        Whether a server was running.

    Raises:
        ConfigError: There is no state directory here.
        ServerError: The server does not stop, or the directory cannot be deleted.
    """
    state = directory.absolute() if directory else find_state()
    if state is None or not state.is_dir():
        raise ConfigError(
            "no embedded server: no .muniment directory here or above",
            hint="Run this where `muniment up` was run.",
        )
    try:
        with exclusive(state, report=report):
            try:
                was_running = _stop(state, report)
            finally:
                # One that does not stop is no reason to leave the other.
                shelf_was_running = stop_shelf(state, report=report)
            was_running |= shelf_was_running
            if destroy:
                report(f"deleting {state}")
                _destroy(state)
    except PermissionError as error:
        raise ServerError(
            f"cannot stop the server in {state}: it belongs to another user",
            hint="Run this as the user who ran `muniment up`.",
        ) from error
    return was_running


# Starting -------------------------------------------------------------------


@contextmanager
def _held_for_server(state: Path, report: Report) -> Iterator[IO[bytes] | None]:
    """Yield the lock that a server and all its processes inherit, or None if one runs by then.

    The lock is theirs as long as one of them lives. So whoever gets it knows that nobody writes to
    the data directory: no backend that outlived its server, no initdb of an `up` that was killed.

    Raises:
        ServerError: Such a process does not end.
    """
    path = state / "running"

    def attempt() -> IO[bytes] | _Postmaster | None:
        # A killed `up` may have left a server behind that is only just coming up.
        return lock(path) or _find_postmaster(state)

    found = attempt()
    if found is None:
        report("waiting for processes of a server that was killed")
        found = eventually(attempt)
    if found is None:
        raise ServerError(
            f"cannot start PostgreSQL: {state}: a process of a killed server is still there",
            hint=f"`fuser {path}` tells which one; end it, and run this again.",
        )
    if isinstance(found, _Postmaster):
        yield None
        return
    with found:
        yield found


def _start(state: Path, programs: Programs, held: IO[bytes], report: Report) -> Server:
    data = state / "postgres"
    for leftover in (*state.glob("postgres.*-*"), *state.glob("*.tmp")):
        _delete(leftover)
    is_new = not data.exists()
    if is_new:
        report(f"making a PostgreSQL server in {state}")
        _initialise(state, programs, held)
    superuser_password(state)
    # With the lock in hand, these can only name a process that is dead, or another that got the
    # same id since, at whose sight PostgreSQL would refuse to start.
    for note in (data / "postmaster.pid", *state.glob(".s.PGSQL.*.lock")):
        note.unlink(missing_ok=True)
    report("starting PostgreSQL")
    log = state / "postgres.log"
    said_before = log.stat().st_size if log.exists() else 0
    for _ in range(3):
        port = _choose_port(state)
        _write_settings(data, port)
        result = programs.run(
            "pg_ctl",
            *("start", "--silent", "--wait", f"--timeout={PATIENCE_SECONDS:.0f}"),
            *("--pgdata", data, "--log", log),
            pass_fds=[held.fileno()],
        )
        running = _wait_until_ready(state) if result.returncode == 0 else None
        if running is not None:
            return Server(state, running.port, is_new=is_new, was_running=False)
        if _find_postmaster(state) is not None:
            raise _not_ready(state)
        # Again only if somebody else took the port in between.
        if _is_free(port):
            break
    raise ServerError(
        f"cannot start PostgreSQL: {data}: "
        f"{_last_words(log, said_before) or result.stderr.strip() or 'it ended at once'}",
        hint=f"All that it said is in {log}.",
    )


def _initialise(state: Path, programs: Programs, held: IO[bytes]) -> None:
    """Make the data directory beside its place, and rename it once it is whole."""
    password = make_superuser_password(state)
    # `postgres.new-*` and `postgres.old-*` are what the next start clears away.
    staging = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=state))
    give(staging, programs.account)
    result = programs.run(
        "initdb",
        *("--pgdata", staging, "--username", SUPERUSER, "--pwfile", password),
        *("--auth=scram-sha-256", "--no-instructions", *INITDB_OPTIONS),
        pass_fds=[held.fileno()],
    )
    if result.returncode != 0:
        _delete(staging)
        raise ServerError(
            f"cannot make a PostgreSQL server: {state}: {result.stderr.strip()}",
            hint="See that the disk has 100 MB to spare and that the directory is yours.",
        )
    with (staging / "postgresql.conf").open("a") as file:
        file.write("\ninclude 'muniment.conf'\n")
        file.flush()
        os.fsync(file.fileno())
    staging.rename(state / "postgres")
    sync_directory(state)


def _write_settings(data: Path, port: int) -> None:
    """Write the settings that belong to `muniment up`; ALTER SYSTEM still has the last word."""
    lines = [
        "# Rewritten by `muniment up`. Use ALTER SYSTEM for settings of your own.",
        f"listen_addresses = '{HOST}'",
        f"port = {port}",
        # Relative to the data directory: a socket's path may have some 100 bytes, no more.
        "unix_socket_directories = '..'",
        "unix_socket_permissions = 0700",
        *(f"{name} = '{value}'" for name, value in SETTINGS.items()),
    ]
    write(data / "muniment.conf", "\n".join(lines) + "\n")


def _choose_port(state: Path) -> int:
    """Return the port of the last run if it is still free, else another, and note it down."""
    noted = state / "port"
    try:
        port = int(noted.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    if port and _is_free(port):
        return port
    for _ in range(100):
        port = secrets.choice(_PORTS)
        if _is_free(port):
            write(noted, f"{port}\n")
            return port
    raise ServerError(
        f"cannot start PostgreSQL: {HOST}: no free port from {_PORTS[0]} to {_PORTS[-1]}"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does it: a port in TIME_WAIT is free for a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _last_words(log: Path, said_before: int) -> str:
    """Return the last complaint in the server's log after so many bytes."""
    try:
        said = log.read_bytes()[said_before:].decode(errors="replace")
    except OSError:
        return ""
    words = [line for line in said.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return words[-1].partition("] ")[2].strip() if words else ""


# Stopping -------------------------------------------------------------------


def _stop(state: Path, report: Report) -> bool:
    running = _find_postmaster(state)
    if running is None:
        return False
    report("stopping PostgreSQL")
    # "Fast", and if that does not help, "immediate" (PostgreSQL docs, "Shutting Down the Server").
    for number in (signal.SIGINT, signal.SIGQUIT):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return True
        if eventually(lambda: _find_postmaster(state) is None or None, PATIENCE_SECONDS / 2):
            return True
    raise ServerError(
        f"cannot stop PostgreSQL: {state}: process {running.pid} goes on",
        hint=f"See {state / 'postgres.log'}.",
    )


def _destroy(state: Path) -> None:
    """Delete the state directory, data first: passwords without data harm nobody."""
    data = state / "postgres"
    if data.exists():
        doomed = Path(tempfile.mkdtemp(prefix="postgres.old-", dir=state))
        data.rename(doomed / "postgres")
        _delete(doomed)
    _delete(state)


def _delete(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise ServerError(
            f"cannot delete {path}: {error.strerror}: {error.filename}",
            hint="Run this again as the user who owns it.",
        ) from error


# What runs ------------------------------------------------------------------


@dataclass(frozen=True)
class _Postmaster:
    """What ``postmaster.pid`` says about a server whose process is alive."""

    pid: int
    port: int
    is_ready: bool


def _find_postmaster(state: Path) -> _Postmaster | None:
    """Return the server process of a state directory, or None when there is none."""
    data = state / "postgres"
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigError(
            f"cannot read {state}: it belongs to another user",
            hint="Run this as the user who ran `muniment up`, or give --dsn.",
        ) from error
    # The server writes the lines as it gets on; the status, "ready" at last, is the eighth.
    if not lines or not lines[0].isdigit() or not works_in(int(lines[0]), data):
        return None
    port = int(lines[3]) if len(lines) > 3 and lines[3].isdigit() else 0
    return _Postmaster(int(lines[0]), port, len(lines) > 7 and lines[7].strip() == "ready")


def _wait_until_ready(state: Path) -> _Postmaster | None:
    """Return the server process once it accepts connections, or None when there is none.

    Raises:
        ServerError: It does not get that far.
    """

    def attempt() -> _Postmaster | str | None:
        running = _find_postmaster(state)
        if running is None:
            return "none"
        return running if running.is_ready and _answers(running.port) else None

    found = eventually(attempt)
    if found is None:
        raise _not_ready(state)
    return found if isinstance(found, _Postmaster) else None


def _answers(port: int) -> bool:
    """Ask for encryption, as libpq's ping does: yes or no, only a live server says it.

    One that has just been killed still has its process and its note for a moment.
    """
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(_ENCRYPTION_REQUEST)
            return connection.recv(1) != b""
    except OSError:
        return False


def _not_ready(state: Path) -> ServerError:
    return ServerError(
        f"PostgreSQL is not ready yet: {state}: no answer in {PATIENCE_SECONDS:.0f} seconds",
        hint=f"It goes on: see {state / 'postgres.log'}, and run `muniment up` again.",
    )

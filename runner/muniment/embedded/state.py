"""The ``.muniment/`` directory: where it is, its files, its locks, its passwords.

The directory, 0700, is the whole state of a server::

    .muniment/
        lock            held while `up` or `down` is at work
        running         held by the server's processes, until the last of them is gone
        password        of the superuser, 0600
        logins.json     passwords of the logins, 0600
        port            where the server listens, kept between runs
        postgres/       PostgreSQL's data directory
        postgres.log    what the server says
        shelf/          the objects of the S3 server
        shelf.json      its credentials and ports, 0600
        shelf.pid       its process, and shelf.running the lock that it holds
        shelf.log       what it says
        .s.PGSQL.*      its Unix socket

A file is written beside its place and renamed into it, so that whoever is killed at any instant
leaves it whole or absent.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from muniment.errors import ConfigError, ServerError

# Who `muniment dsn --as` can be: `app` logs in as muniment_app_login and acts as muniment_app.
LOGINS = ("owner", "app", "reader", "service", "maintainer")

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02

T = TypeVar("T")
Report = Callable[[str], None]


def find_state(start_at: Path | None = None) -> Path | None:
    """Return the nearest ``.muniment`` directory from a directory upward, or None.

    Args:
        start_at: Where to begin; the current directory unless given.
    """
    here = start_at or Path.cwd()
    for directory in (here, *here.parents):
        state = directory / ".muniment"
        if os.path.isdir(state):  # noqa: PTH112  (Path.is_dir() raises where it may not look)
            return state
    return None


def make_state(state: Path) -> None:
    """Make a state directory, for its owner alone, and keep it out of version control.

    Raises:
        ServerError: It cannot be made, or is somebody else's.
    """
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        # Whoever made it may have made it for all to read.
        state.chmod(0o700)
        if not (state / ".gitignore").exists():
            write(state / ".gitignore", "*\n")
    except OSError as error:
        foreign = os.path.isdir(state) and state.stat().st_uid != os.geteuid()  # noqa: PTH112
        reason = "it belongs to another user" if foreign else error.strerror
        raise ServerError(
            f"cannot use {state}: {reason}", hint="Run this in a directory of yours."
        ) from error


def write(path: Path, text: str) -> None:
    """Put a private file in its place, whole or not at all."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _belong_to_directory(beside)
    beside.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the renames in a directory outlast a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _belong_to_directory(path: Path) -> None:
    """Give a file that root makes to the owner of the directory, as whom the server runs."""
    directory = path.parent.stat()
    if os.geteuid() == 0 and directory.st_uid != 0:
        os.chown(path, directory.st_uid, directory.st_gid)


# Locks ----------------------------------------------------------------------


def lock(path: Path) -> IO[bytes] | None:
    """Open a file and lock it against everybody else; None if somebody holds it.

    The lock lasts until the file is closed here and in every process that inherited it.
    """
    import fcntl  # not on Windows, where only `up` and `down` are out of reach

    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    _belong_to_directory(path)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # `down --destroy` may have deleted the file meanwhile, and with it what it stands for.
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    file.close()
    return None


def eventually(attempt: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """Call ``attempt`` until it gives something other than None, for so many seconds at most."""
    deadline = time.monotonic() + seconds
    while (result := attempt()) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return result


def say_nothing(_message: str) -> None:
    """Take a line of progress that nobody wants to see."""


@contextmanager
def exclusive(state: Path, *, report: Report = say_nothing) -> Iterator[None]:
    """Keep every other `up` and `down` of a state directory out, even if this one is killed.

    Args:
        state: The state directory, which exists.
        report: Is called with one line if somebody else is at work.

    Raises:
        ServerError: The other one does not finish.
    """
    path = state / "lock"
    file = lock(path)
    if file is None:
        report("waiting for another `muniment up` or `muniment down` to finish")
        file = eventually(lambda: lock(path), 2 * PATIENCE_SECONDS)
    if file is None:
        raise ServerError(
            f"cannot go on: {state}: another `muniment up` or `muniment down` is at work",
            hint=f"`fuser {path}` tells which process it is.",
        )
    with file:
        yield


# Processes ------------------------------------------------------------------


def works_in(pid: int, data: Path) -> bool:
    """Tell whether a process is the server of a data directory: a server works in its data."""
    process = Path(f"/proc/{pid}")
    try:
        return (process / "cwd").samefile(data)
    except FileNotFoundError:
        if Path("/proc/self/cwd").exists():
            return False
        # No /proc at all, as on macOS.
        shown = subprocess.run(  # noqa: S603
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
        ).stdout
    except PermissionError:
        # Another user's process, or this user's in another user namespace.
        shown = (process / "cmdline").read_bytes()
    return str(data).encode() in shown


# Logins and passwords -------------------------------------------------------


def role_name(login: str) -> str:
    """Return the role that a login acts as: ``app`` acts as ``muniment_app``.

    Raises:
        ConfigError: There is no such login.
    """
    if login not in LOGINS:
        raise ConfigError(f"no login named {login}", hint=f"Choose one of {', '.join(LOGINS)}.")
    return f"muniment_{login}"


def login_name(login: str) -> str:
    """Return the name of a login: ``app`` logs in as ``muniment_app_login``.

    Raises:
        ConfigError: There is no such login.
    """
    return f"{role_name(login)}_login"


def superuser_password(state: Path) -> str:
    """Return the superuser's password.

    Raises:
        ConfigError: Its file is missing.
    """
    path = state / "password"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        raise ConfigError(
            f"no password for the server in {state}: {path} is missing",
            hint="Put it back, or begin anew: `muniment down --destroy --yes`, `muniment up`.",
        ) from None


def make_superuser_password(state: Path) -> Path:
    """Return the file with the superuser's password, made if it is missing."""
    path = state / "password"
    if not path.exists():
        write(path, secrets.token_urlsafe(24) + "\n")
    return path


def login_password(state: Path, login: str) -> str:
    """Return the password of a login.

    Raises:
        ConfigError: There is no such login, or its password was not made yet.
    """
    try:
        return _read_logins(state)[login]
    except KeyError:
        raise ConfigError(
            f"no login {login_name(login)} in {state} yet", hint="Run `muniment up` to its end."
        ) from None


def make_login_passwords(state: Path) -> dict[str, str]:
    """Return the password of each login, generating those that are missing.

    Raises:
        ConfigError: The password file is damaged.
    """
    passwords = _read_logins(state)
    missing = [login for login in LOGINS if login not in passwords]
    if missing:
        passwords |= {login: secrets.token_urlsafe(24) for login in missing}
        write(state / "logins.json", json.dumps(passwords, indent=4) + "\n")
    return passwords


def _read_logins(state: Path) -> dict[str, str]:
    path = state / "logins.json"
    try:
        passwords = json.loads(path.read_text())
        return {login: passwords[login] for login in LOGINS if login in passwords}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}",
            hint="Delete it: `muniment up` makes new passwords for the logins.",
        ) from error

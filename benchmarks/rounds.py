"""Rounds: every contender on every workload, in turn, each on a fresh database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.contenders import CONTENDERS, CommandFailed, Contender, Database, run
from benchmarks.npm import Unavailable
from benchmarks.workloads import Workload, ask, made, own
from muniment.embedded import Server, start, stop
from muniment.embedded.state import eventually

__all__ = [
    "DURABILITY",
    "Kind",
    "Lap",
    "Room",
    "Time",
    "fsync_seconds",
    "open_room",
    "open_server",
    "place_below",
]

# A whole process that deploys, one that finds nothing to do, and the inside of one that deploys.
Kind = Literal["deploy", "idle", "loop"]

# Whether a commit waits for the disk, which is most of what a fast deployer does.
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")


@dataclass(frozen=True)
class Time:
    """One measured time.

    Attributes:
        workload: Key of the workload.
        kind: What was measured.
        name: Of what.
        tool: Whose it is.
        verifies: Whether it proves each change.
        seconds: How long it took.
    """

    workload: str
    kind: Kind
    name: str
    tool: str
    verifies: bool
    seconds: float


@dataclass(frozen=True)
class Lap:
    """One contender's turn in one round; the times of a warm-up are not to be used."""

    contender: str
    workload: str
    is_warm_up: bool
    times: tuple[Time, ...]


class Room:
    """A server with the workloads laid out for all contenders that are here.

    Attributes:
        workloads: What is deployed.
        versions: The version of each tool that takes part, and of the server.
        absent: Why a tool does not take part.
        durability: The server's settings that decide how long a commit takes.
    """

    def __init__(
        self,
        server: Server,
        directory: Path,
        changes: int,
        contenders: Sequence[type[Contender]],
        projects: Sequence[str],
    ) -> None:
        """Lay them out in an empty directory."""
        self._server = server
        self.versions: dict[str, str] = {"PostgreSQL": self._ask("SHOW server_version")}
        self.durability = {name: self._ask(f"SHOW {name}") for name in DURABILITY}
        self.absent: dict[str, str] = {}
        self.workloads: list[Workload] = [
            made(directory / "made", changes),
            own(self._fresh_database().uri(), directory / "own", projects),
        ]
        self._contenders: list[Contender] = []
        for workload in self.workloads:
            for number, kind in enumerate(contenders):
                place = directory / f"{workload.key}-{number}"
                place.mkdir()
                self._enter(kind(workload, place))

    def _enter(self, contender: Contender) -> None:
        if contender.tool in self.absent:
            return
        try:
            self.versions[contender.tool] = contender.version()
        except Unavailable as error:
            self.absent[contender.tool] = str(error)
        else:
            contender.write()
            self._contenders.append(contender)

    def laps_of(self, rounds: int) -> int:
        """Return how many laps :meth:`run` makes, its warm-up included."""
        return rounds * len(self._contenders)

    def run(self, rounds: int, *, warm_up: int) -> Iterator[Lap]:
        """Let everybody have its turn in every round, each round beginning with another one.

        Args:
            rounds: How often to measure.
            warm_up: How many rounds to run before, whose times are not counted.

        Raises:
            CommandFailed: A tool failed, or did not leave behind what it should.
        """
        for number in range(-warm_up, rounds):
            first = number % len(self._contenders)
            for contender in self._contenders[first:] + self._contenders[:first]:
                times = tuple(self._lap(contender))
                yield Lap(contender.name, contender.workload.key, number < 0, times)

    def _lap(self, contender: Contender) -> Iterator[Time]:
        def time(kind: Kind, name: str, seconds: float) -> Time:
            key, tool = contender.workload.key, contender.tool
            return Time(key, kind, name, tool, contender.verifies, seconds)

        database = self._fresh_database()
        seconds, output = run(contender.deploy(database))
        self._inspect(contender, database)
        if contender.is_whole:
            yield time("deploy", contender.name, seconds)
        for name, measured in contender.inner(output).items():
            yield time("loop", name, measured)
        for name, commands in contender.idle(database).items():
            self._calm()
            seconds, _ = run(commands)
            self._inspect(contender, database)
            yield time("idle", name, seconds)

    def _inspect(self, contender: Contender, database: Database) -> None:
        wrong = contender.workload.missing(database.uri())
        records = int(ask(database.uri(), contender.recorded))
        if records != len(contender.workload.steps):
            wrong = f"{records} records instead of {len(contender.workload.steps)}"
        if wrong is not None:
            raise CommandFailed(f"{contender.name}, {contender.workload.title}: {wrong}")

    def _fresh_database(self) -> Database:
        """Make a new database in the place of the last one."""
        name = "bench"
        dsn = self._server.dsn(database="postgres")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            connection.execute("CREATE DATABASE bench TEMPLATE template0")
        self._calm()
        known = conninfo_to_dict(self._server.dsn(database=name))
        return Database(
            host=str(known["host"]),
            port=int(known["port"] or 0),
            user=str(known["user"]),
            password=str(known["password"]),
            name=name,
        )

    def _calm(self) -> None:
        """Write out what the one before left in memory, so that the next one need not."""
        with psycopg.connect(self._server.dsn(database="postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def _ask(self, query: str) -> str:
        return ask(self._server.dsn(database="postgres"), query)


@contextmanager
def open_room(
    directory: Path,
    changes: int,
    *,
    contenders: Sequence[type[Contender]] = CONTENDERS,
    projects: Sequence[str] = (),
    fsync: bool = True,
) -> Iterator[Room]:
    """Start a server of its own below a directory, and delete it afterwards.

    Args:
        directory: An empty directory on the disk to measure on.
        changes: How many trivial changes to make.
        contenders: Who is to take part.
        projects: Which of this repository's own to deploy, with all that they require; all if there
            are none.
        fsync: Whether commits wait for the disk.
    """
    with open_server(directory, fsync=fsync) as server:
        place = directory / "plans"
        place.mkdir()
        yield Room(server, place, changes, contenders, projects)


@contextmanager
def open_server(directory: Path, *, fsync: bool = True) -> Iterator[Server]:
    """Start a server of its own below a directory, and delete it afterwards.

    The server is that of `muniment up`, with its settings: every commit waits for the disk, and
    every connection proves its password.

    Args:
        directory: An empty directory on the disk to measure on.
        fsync: Whether commits wait for the disk. Without, everything is quick, and no time true.
    """
    state = directory / ".muniment"
    server = start(state)
    try:
        if not fsync:
            _turn_fsync_off(server.dsn(database="postgres"))
        yield server
    finally:
        stop(state, destroy=True)


@contextmanager
def place_below(directory: Path) -> Iterator[Path]:
    """Make a directory for a server, and delete it afterwards."""
    with tempfile.TemporaryDirectory(prefix="muniment-bench-", dir=directory) as place:
        # As root, the server is run by somebody else, who has to get in.
        Path(place).chmod(0o755)
        yield Path(place)


def fsync_seconds(directory: Path) -> float:
    """Return how long a small write waits for the disk: what a commit cannot be faster than."""
    times: list[float] = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(50):
            os.write(file.fileno(), bytes(8192))
            begun = perf_counter()
            os.fsync(file.fileno())
            times.append(perf_counter() - begun)
    return median(times)


def _turn_fsync_off(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    # Only sessions that begin after the server has read it have it.
    eventually(lambda: ask(dsn, "SHOW fsync") == "off" or None)

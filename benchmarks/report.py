"""What came out: tables for a terminal, JSON, and the block of a page that others quote from."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import BARE_LOOP, MUNIMENT_LOOP, Bare, Dbmate, Muniment, SqitchVerified
from benchmarks.rounds import DURABILITY, Kind, Room, Time, fsync_seconds
from benchmarks.workloads import ask
from muniment.embedded import Server

BEGIN = "<!-- Written by `make bench-runner` from here ... -->"
END = "<!-- ... to here. -->"

_OURS = Muniment.name
_BARE = Bare.name


@dataclass(frozen=True)
class Result:
    """All times of one thing.

    Attributes:
        workload: Key of the workload.
        kind: What was measured.
        name: Of what.
        tool: Whose it is.
        verifies: Whether it proves each change.
        seconds: How long it took, once a round.
    """

    workload: str
    kind: Kind
    name: str
    tool: str
    verifies: bool
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The time in the middle."""
        return median(self.seconds)

    @property
    def best(self) -> float:
        """The shortest time."""
        return min(self.seconds)


@dataclass(frozen=True)
class Goal:
    """Something that was promised, and whether it holds.

    Attributes:
        text: What was promised.
        is_met: Whether the median says so.
        found: What the median says.
        best: What the shortest times say.
    """

    text: str
    is_met: bool
    found: str
    best: str


@dataclass(frozen=True)
class Grid:
    """A table in no particular form; all columns but the first are numbers or short words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Ratios:
    """How many times as long something takes as bare statements do.

    Attributes:
        times_bare: By the medians.
        paired: The median of the same within each round.
        best: By the best of each.
    """

    times_bare: float
    paired: float
    best: float

    @classmethod
    def of(cls, bare: Sequence[float], rates: Sequence[float]) -> Ratios:
        """Compare what both did in a second, an entry a round."""
        return cls(
            median(bare) / median(rates),
            median(one / other for one, other in zip(bare, rates, strict=True)),
            max(bare) / max(rates),
        )

    def cells(self) -> dict[str, str]:
        """Return them for a table."""
        return {
            "times bare": f"{self.times_bare:.2f}",
            "median of the rounds": f"{self.paired:.2f}",
            "by the best": f"{self.best:.2f}",
        }


class Report:
    """The results of a run, and where they come from."""

    def __init__(
        self, room: Room, times: Sequence[Time], *, rounds: int, fsync: float, load: float
    ) -> None:
        self.room = room
        self.rounds = rounds
        self.results = _results(times)
        self._fsync = fsync
        self._load = load
        self._at = datetime.now(UTC).replace(microsecond=0)

    def find(self, workload: str, kind: Kind, name: str) -> Result | None:
        """Return one result, if it was measured."""
        return self.results.get((workload, kind, name))

    @property
    def facts(self) -> dict[str, str]:
        """When, with what and on what."""
        return {
            "date": self._at.date().isoformat(),
            "rounds": str(self.rounds),
            "machine": _machine(),
            "Python": platform.python_version(),
            **self.room.versions,
            "server": ", ".join(f"{name} {value}" for name, value in self.room.durability.items()),
            "disk": f"{self._fsync * 1000:.2f} ms for a write of 8 kB and its fsync",
            "load before": f"{self._load:.2f}",
            **{f"without {tool}": reason for tool, reason in self.room.absent.items()},
        }

    def grids(self) -> Iterator[Grid]:
        """Yield the tables in the order in which they are read."""
        for workload in self.room.workloads:
            yield self._deploys(workload.key, f"Deploying {workload.title}: whole processes")
            yield self._loops(workload.key, f"Deploying {workload.title}: on an open connection")
            yield self._idles(workload.key, f"Nothing to do, {workload.title} deployed")
        yield Grid(
            "Goals",
            ("goal", "median", "best", "met"),
            tuple((one.text, one.found, one.best, _yes(one.is_met)) for one in self.goals()),
        )

    def goals(self) -> Iterator[Goal]:
        """Yield what was promised, for each workload for which it was measured."""
        for workload in self.room.workloads:
            suffix = f" ({workload.title})"

            def find(kind: Kind, name: str, key: str = workload.key) -> Result | None:
                return self.find(key, kind, name)

            ours = find("deploy", _OURS)
            loop, bare = find("loop", MUNIMENT_LOOP), find("loop", BARE_LOOP)
            if loop and bare:
                text = f"the loop, verified, takes at most 1.5 times the bare loop{suffix}"
                yield _ratio_goal(text, loop, bare, at_most=1.5)
            sqitch = find("deploy", SqitchVerified.name)
            if ours and sqitch:
                text = f"`{_OURS}` is at least 12 times as fast as `{sqitch.name}`{suffix}"
                yield _ratio_goal(text, sqitch, ours, at_least=12.0)
            dbmate = find("deploy", Dbmate.name)
            if ours and dbmate:
                text = f"`{_OURS}` takes less time than `{dbmate.name}`{suffix}"
                yield _ratio_goal(text, ours, dbmate, at_most=1.0)
            status = find("idle", "muniment status")
            if status:
                text = f"`{status.name}` with nothing to do takes less than 0.15 s{suffix}"
                yield Goal(text, status.median < 0.15, _s(status.median), _s(status.best))

    def json(self) -> dict[str, Any]:
        """Return everything, for machines: seconds as they were measured, ratios of medians."""
        return {
            "measured_at": self._at.isoformat(),
            "facts": self.facts,
            "workloads": {one.key: one.title for one in self.room.workloads},
            "results": [
                {
                    "workload": one.workload,
                    "kind": one.kind,
                    "name": one.name,
                    "tool": one.tool,
                    "verifies": one.verifies,
                    "median": round(one.median, 5),
                    "best": round(one.best, 5),
                    "to_bare": _rounded(one, self._reference(one, _BARE, BARE_LOOP)),
                    "to_muniment": _rounded(one, self._reference(one, _OURS, None)),
                    "seconds": [round(seconds, 5) for seconds in one.seconds],
                }
                for one in self.results.values()
            ],
            "goals": [
                {"goal": one.text, "is_met": one.is_met, "median": one.found, "best": one.best}
                for one in self.goals()
            ],
            "absent": self.room.absent,
        }

    def print(self, console: Console) -> None:
        """Show the tables on a terminal."""
        for name, value in self.facts.items():
            console.print(f"{name}: {value}", highlight=False, soft_wrap=True)
        for grid in self.grids():
            table = Table(title=grid.title, title_justify="left", box=box.SIMPLE_HEAD)
            for number, column in enumerate(grid.columns):
                table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
            for row in grid.rows:
                table.add_row(*row)
            console.print(table)

    def markdown(self) -> str:
        """Return the same for a page."""
        blocks = [bullets(self.facts)]
        for grid in self.grids():
            rule = ["---", *["--:"] * (len(grid.columns) - 1)]
            blocks.append(_block(grid.title, [grid.columns, rule, *grid.rows]))
        return "\n\n".join(blocks)

    def _of(self, workload: str, kind: Kind) -> list[Result]:
        found = [one for key, one in self.results.items() if key[:2] == (workload, kind)]
        return sorted(found, key=lambda one: one.median)

    def _deploys(self, workload: str, title: str) -> Grid:
        bare, ours = self.find(workload, "deploy", _BARE), self.find(workload, "deploy", _OURS)
        return Grid(
            title,
            ("command", "verifies", "median", "best", "times bare loop", "times muniment"),
            tuple(
                (
                    _code(one.name),
                    _yes(one.verifies),
                    _s(one.median),
                    _s(one.best),
                    _times(one, bare),
                    _times(one, ours),
                )
                for one in self._of(workload, "deploy")
            ),
        )

    def _loops(self, workload: str, title: str) -> Grid:
        bare = self.find(workload, "loop", BARE_LOOP)
        return Grid(
            title,
            ("loop", "median", "best", "times bare loop"),
            tuple(
                (one.name, _s(one.median), _s(one.best), _times(one, bare))
                for one in self._of(workload, "loop")
            ),
        )

    def _idles(self, workload: str, title: str) -> Grid:
        ours = self.find(workload, "idle", _OURS)
        return Grid(
            title,
            ("command", "median", "best", "times muniment"),
            tuple(
                (_code(one.name), _s(one.median), _s(one.best), _times(one, ours))
                for one in self._of(workload, "idle")
            ),
        )

    def _reference(self, one: Result, whole: str, loop: str | None) -> Result | None:
        name = loop if one.kind == "loop" else whole
        return self.find(one.workload, one.kind, name) if name else None


def bullets(facts: Mapping[str, str]) -> str:
    """Return facts as a list for a page."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def table(title: str, rows: Sequence[Mapping[str, str]], *, words: str) -> str:
    """Return a table for a page, of rows whose cells have names.

    Args:
        title: What is above it.
        rows: One or more, all with the same names.
        words: The column, if there is one, that is not of numbers.
    """
    rule = [":--" if name == words else "--:" for name in rows[0]]
    return _block(title, [list(rows[0]), rule, *(list(row.values()) for row in rows)])


def _block(title: str, lines: Sequence[Sequence[str]]) -> str:
    return "\n".join([f"### {title}\n", *(f"| {' | '.join(line)} |" for line in lines)])


def with_results(page: Path, results: str, *, mark: str) -> str:
    """Return what a page has with other results in it.

    Raises:
        ClickException: It has no place for them.
    """
    try:
        return put_between_marks(page.read_text(encoding="utf-8"), results, mark=mark)
    except ValueError as error:
        raise click.ClickException(f"{page}: {error}") from error


def put_between_marks(page: str, text: str, *, mark: str = BEGIN) -> str:
    """Return a page with other text between a mark and the next end.

    Raises:
        ValueError: The page does not have them.
    """
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no place for results: there is no line {mark} with a line {END} below")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def facts_of(server: Server, place: Path, packages: Iterable[str] = ()) -> dict[str, str]:
    """Return when, on what and with what is measured on a server whose files are in a place."""
    dsn = server.dsn(database="postgres")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "Python": platform.python_version(),
        "psycopg": version("psycopg"),
        **{package: version(package) for package in packages},
        "PostgreSQL": ask(dsn, "SHOW server_version"),
        "server": ", ".join(f"{name} {ask(dsn, f'SHOW {name}')}" for name in DURABILITY),
        "disk": f"{fsync_seconds(place) * 1000:.2f} ms for a write of 8 kB and its fsync",
    }


def _machine() -> str:
    """Return what the times are of: processors and system."""
    return f"{os.cpu_count()} cores, {_cpu()}, {platform.system()}"


def _results(times: Sequence[Time]) -> Mapping[tuple[str, Kind, str], Result]:
    grouped: dict[tuple[str, Kind, str], list[Time]] = {}
    for one in times:
        grouped.setdefault((one.workload, one.kind, one.name), []).append(one)
    return {
        key: Result(*key, found[0].tool, found[0].verifies, tuple(one.seconds for one in found))
        for key, found in grouped.items()
    }


def _ratio_goal(
    text: str,
    above: Result,
    below: Result,
    *,
    at_most: float = float("inf"),
    at_least: float = 0.0,
) -> Goal:
    ratio = above.median / below.median
    best = above.best / below.best
    return Goal(text, at_least <= ratio <= at_most, f"{ratio:.2f}", f"{best:.2f}")


def _times(one: Result, reference: Result | None) -> str:
    return f"{one.median / reference.median:.2f}" if reference else ""


def _rounded(one: Result, reference: Result | None) -> float | None:
    return round(one.median / reference.median, 3) if reference else None


def _s(seconds: float) -> str:
    return f"{seconds:.3f} s"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _code(command: str) -> str:
    return f"`{command}`"


def _cpu() -> str:
    """Return the name of the processor: Linux has it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown processor")

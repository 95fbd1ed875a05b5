"""The benchmark of goclaw runs, and notices a side that does not do its work."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import psycopg
import pytest
from benchmarks.goclaw import (
    BEGIN,
    END,
    SIDES,
    SUBJECTS,
    WARM_UP_PIECES,
    NotDone,
    Search,
    SharedCap,
    Side,
    Subject,
    WebhookQueue,
    _turn,
    measure,
)
from benchmarks.report import put_between_marks
from benchmarks.rounds import open_server
from tests.fix_postgres import ROOT


@pytest.fixture
def place() -> Iterator[Path]:
    # Not pytest's tmp_path: as root, the server is run by somebody else, who has to get in.
    with tempfile.TemporaryDirectory(prefix="muniment-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.goclaw", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_subject_is_measured_on_both_sides(place: Path) -> None:
    much = ("--rounds", "2", "--warm-up", "0", "--pieces", "20", "--chunks", "2000")
    options = (*much, "--workers", "1", "--workers", "3", "--no-fsync", "--json")
    done = run(*options, "--directory", place)

    assert done.returncode == 0, done.stderr
    # The server is gone, and so are its files.
    assert list(place.iterdir()) == []
    report = json.loads(done.stdout)
    assert report["facts"]["server"].startswith("fsync off, synchronous_commit on")
    assert [(one["subject"], one["variant"], one["workers"]) for one in report["results"]] == [
        (key, variant, workers)
        for key, subject in SUBJECTS.items()
        for variant in subject.variants
        for workers in (1, 3)
    ]
    for one in report["results"]:
        assert set(one["rates"]) == set(SIDES)
        assert all(len(rates) == 2 and min(rates) > 0 for rates in one["rates"].values())
        bare, ours = (sum(one["rates"][side]) / 2 for side in SIDES)
        assert one["times_bare"] == pytest.approx(bare / ours, abs=0.01)
        assert set(one["recalls"]) == (set(SIDES) if one["subject"] == "search" else set())
        # There is nothing to miss for whoever has 20 chunks, and words are not approximate.
        if one["variant"].startswith("words") or one["variant"] == "vector, small agent":
            assert one["recalls"]["muniment"] == 1


class Forgetful(WebhookQueue):
    """Says that there is nothing left to do when there is."""

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        one = super().work(worker, side)
        return lambda: one() and False


class Broken(WebhookQueue):
    """Fails."""

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        worker.execute("SET ROLE muniment_reader")
        return lambda: worker.execute("SELECT FROM goclaw.webhooks") is None


class Confused(WebhookQueue):
    """Fails, and not for the database."""

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        return lambda: bool(1 // 0)


class NotSettled(SharedCap):
    """Leaves what was reserved as it is."""

    _BARE_SETTLE = "SELECT"


class Unlimited(SharedCap):
    """Has caps that would not let through what it does, and does not heed them."""

    _BARE_RESERVE = SharedCap._BARE_RESERVE.partition("AND used_tokens")[0]

    def lay_out(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        super().lay_out(database, side, pieces)
        database.execute("UPDATE public.bare_counters SET max_tokens = 1")


class AnybodysMemory(Search):
    """Searches for one agent in the memory of another."""

    _SEARCH = Search._SEARCH.replace("%(agent)s", f"'{Search.agents['large agent']}'")


@pytest.mark.parametrize(
    ("subject", "complaint"),
    [
        (Forgetful, r"\(14, 18\) done of 18"),
        (Broken, "tenant is not set"),
        (Confused, "division or modulo by zero|integer division"),
        # Held are 100 tokens and a cost of 3,000 for each request.
        (NotSettled, r"\(0, 0, 55800, 0\) after 18 requests"),
        (AnybodysMemory, "search, words, small agent, muniment: finds "),
        (Unlimited, r"\(1080, 30600, 0, 1\) after 18 requests"),
    ],
)
def test_a_side_that_does_not_do_its_work_ends_the_run(
    place: Path, subject: type[Subject], complaint: str
) -> None:
    with (
        open_server(place, fsync=False) as server,
        pytest.raises(NotDone, match=complaint),
    ):
        list(measure(server, [subject(1000)], rounds=1, warm_up=0, pieces=6, workers=[2]))


class Busy(WebhookQueue):
    """Leaves the processor to nobody, and notes when it did so."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self._pieces = iter(range(100))

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        warm_up = iter(range(WARM_UP_PIECES))

        def one() -> bool:
            begun = perf_counter()
            sum(range(100_000))
            if next(warm_up, None) is not None:
                return True
            self.times += begun, perf_counter()
            return next(self._pieces, None) is not None

        return one


def test_the_clock_runs_from_the_first_worker_to_the_last(place: Path) -> None:
    with open_server(place, fsync=False) as server:
        for _ in range(5):
            subject = Busy()
            seconds = _turn(server.dsn(database="postgres"), subject, "bare", 16)
            assert seconds >= max(subject.times) - min(subject.times)


def test_what_says_too_little_is_not_written_down(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")

    for options in (("--rounds", "6"), ("--pieces", "999"), ("--chunks", "1000"), ("--no-fsync",)):
        done = run(*options, "--write", page)
        assert done.returncode == 2
        assert "--write takes everything, and 7 rounds or more" in done.stderr
    assert page.read_text() == f"{BEGIN}\n{END}\n"


def test_a_page_without_a_place_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{END}\n{BEGIN}\n")

    done = run("--write", page)

    assert done.returncode == 1
    assert f"{page}: no place for results" in done.stderr


def test_the_page_has_a_place_for_the_results() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    written = put_between_marks(page, "new", mark=BEGIN)

    assert written.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert written.partition(BEGIN)[2].partition(END)[0] == "\n\nnew\n\n"

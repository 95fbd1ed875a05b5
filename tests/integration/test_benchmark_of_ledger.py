"""The benchmark of the ledger runs, and notices a store that does not keep what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from benchmarks.exchanges import PAYLOAD_BYTES, Exchange, session
from benchmarks.ledger import (
    BEGIN,
    END,
    STORES,
    NotDone,
    Shop,
    Turn,
    chaining,
    lines_of,
    missing,
)
from benchmarks.peers import fours
from benchmarks.report import put_between_marks
from benchmarks.rounds import open_server
from benchmarks.stores import Bare, BareClient
from tests.fix_postgres import ROOT

from muniment.embedded import Server

# How many transactions each makes of an exchange, at least; the graph engine makes what it likes.
COMMITS = {
    "bare": 1,
    "bare-pipeline": 1,
    "record-turn-sql": 1,
    "record-turn": 1,
    "record-turn-firms": 1,
    "granular-sql": 1,
    # All at once, a thousand at most.
    "import-runs-sql": 0,
    "openai-agents": 1,
    "openai-agents-runner": 3,
    "langgraph-store-batch": 1,
    "langgraph-store": 4,
    "langgraph-saver-exit": 1,
    "langgraph-saver": 4,
    "adk": 4,
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    # Not pytest's tmp_path: as root, the server is run by somebody else, who has to get in.
    with tempfile.TemporaryDirectory(prefix="muniment-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    with open_server(place, fsync=False) as server:
        yield server


def run(*arguments: str | Path, main: str = "") -> subprocess.CompletedProcess[str]:
    """Run the benchmark, or a program that begins as it does."""
    how = ["-c", main] if main else ["-m", "benchmarks.ledger"]
    return subprocess.run(
        [sys.executable, *how, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_store_keeps_what_it_is_given() -> None:
    # Not pytest's own directory: see above.
    with tempfile.TemporaryDirectory(prefix="muniment-") as directory:
        Path(directory).chmod(0o755)
        few = ("--rounds", "1", "--warm-up", "0", "--sessions", "2", "--exchanges", "3")
        options = (*few, "--length", "20", "--writers", "3", "--no-fsync", "--json")
        done = run(*options, "--directory", directory)
        left = list(Path(directory).iterdir())

    assert done.returncode == 0, done.stderr
    # The server is gone, and so are its files.
    assert left == []
    report = json.loads(done.stdout)
    assert report["absent"] == {}
    assert report["facts"]["server"].startswith("fsync off, synchronous_commit on")
    assert {one["store"] for one in report["results"]} == set(COMMITS)
    for one in report["results"]:
        assert len(one["rates"]) == 1
        assert min(one["rates"]) > 0
        assert one["client_ms"] > 0
        # Connecting is a transaction too, and so is opening a session.
        least = COMMITS[one["store"]]
        assert least <= one["commits"] < max(3 * least, 1)
        # Nothing compresses what is as short as these texts.
        assert one["disk"] > 1
        assert one["wal"] > 1
    assert {(one["store"], one["writers"]) for one in report["results"]} == {
        (key, writers)
        for key, store in STORES.items()
        for writers in ((1, 3) if store.is_measured_alone else (3,))
    }
    assert [one["store"] for one in report["growth"]] == ["bare", "record-turn-sql"]
    assert all(one["length"] == 20 and one["ratio"] > 0 for one in report["growth"])
    assert report["one_firm_to_many"] > 0


class Forgets(BareClient):
    def write(self, exchange: Exchange) -> None:
        if self._number == 1:
            self._number += 1
        else:
            super().write(exchange)


class Garbles(BareClient):
    def write(self, exchange: Exchange) -> None:
        super().write(replace(exchange, result=exchange.result.upper()))


class Repeats(BareClient):
    def write(self, exchange: Exchange) -> None:
        super().write(exchange)
        super().write(exchange)


class DoesNotCommit(BareClient):
    def write(self, exchange: Exchange) -> None:
        with self._connection.transaction(force_rollback=True):
            self._insert(exchange)


class IsRefused(BareClient):
    def write(self, exchange: Exchange) -> None:
        self._connection.execute("SELECT FROM public.nothing")


class HasHalf(BareClient):
    def read(self, session_id: UUID) -> list[Exchange]:
        return [Exchange(*four) for four in fours(["a", "b", "c"])]


@pytest.mark.parametrize(
    ("client", "complaint"),
    [
        (Forgets, "bare: 12 exchanges were written, 11 found, 1 as they were written"),
        (Garbles, "bare: 12 exchanges were written, 12 found, 0 as they were written"),
        (Repeats, "bare: 12 exchanges were written, 24 found, 1 as they were written"),
        (DoesNotCommit, "bare: 12 exchanges were written, 0 found, 0 as they were written"),
        (IsRefused, r"bare: UndefinedTable\(.*nothing"),
        (HasHalf, "bare: .*: zip"),
    ],
)
def test_a_store_that_does_not_keep_what_it_is_given_ends_the_run(
    server: Server, client: type[BareClient], complaint: str
) -> None:
    store = type(client.__name__, (Bare,), {"client": client})()

    with pytest.raises(NotDone, match=complaint):
        Shop(server, store).turn(2, 0, [session(number, 2) for number in range(2)])


class GetsSlow(BareClient):
    def write(self, exchange: Exchange) -> None:
        if self._number >= 20:
            self._connection.execute("SELECT count(*) FROM generate_series(1, 300000)")
        super().write(exchange)


def test_a_store_that_gets_slow_in_a_long_conversation_is_seen(server: Server) -> None:
    class Slow(Bare):
        client = GetsSlow

    growth = Shop(server, Slow()).grow(40)

    assert growth.length == 40
    assert growth.ratio > 2
    assert growth.last > growth.first


def test_ratios_are_to_bare_inserts_with_as_many_writers() -> None:
    def turn(store: str, writers: int, round_no: int, seconds: float) -> Turn:
        return Turn(store, writers, round_no, 100, seconds, 0.5, 100 * PAYLOAD_BYTES, 1.5, 1.0)

    seconds = {
        ("bare", 1): (1.0, 2.0, 4.0),
        ("bare", 8): (10.0, 10.0, 10.0),
        ("adk", 1): (3.0, 2.0, 8.0),
        ("adk", 8): (30.0, 20.0, 20.0),
        ("record-turn-sql", 8): (12.0, 11.0, 12.0),
        ("record-turn-firms", 8): (10.0, 10.0, 10.0),
    }
    lines = {
        (line.store, line.writers): line
        for line in lines_of(
            [
                turn(*key, round_no, times[round_no])
                for round_no in (2, 0, 1)
                for key, times in seconds.items()
            ]
        )
    }

    assert {key: line.to_bare.times_bare for key, line in lines.items()} == {
        ("bare", 1): 1,
        ("bare", 8): 1,
        ("adk", 1): 1.5,
        ("adk", 8): 2,
        ("record-turn-sql", 8): pytest.approx(1.2),
        ("record-turn-firms", 8): 1,
    }
    # In the rounds: 3, 1, 2.
    assert lines["adk", 1].to_bare.paired == 2
    assert lines["adk", 1].to_bare.best == 2
    assert lines["adk", 1].client_ms == 5
    assert lines["adk", 1].wal == 1
    assert chaining([*lines.values()]) == pytest.approx(1.2)
    assert chaining([lines["bare", 8], lines["record-turn-sql", 8]]) is None


def test_what_is_not_installed_is_told_and_not_skipped_in_silence() -> None:
    class Absent(Bare):
        key, title, packages = "absent", "absent", ("muniment", "no-such-package")

    assert missing(Bare) is None
    assert missing(Absent) == "no-such-package not installed (the extra bench-ledger)"

    program = """
from benchmarks import ledger
ledger.STORES = {key: ledger.STORES[key] for key in ("bare", "bare-pipeline")}
ledger.STORES["bare-pipeline"].packages = ("no-such-package",)
ledger.main()"""
    few = ("--rounds", "1", "--warm-up", "0", "--sessions", "1", "--exchanges", "1")
    done = run(*few, "--length", "2", "--no-fsync", main=program)
    assert done.returncode == 0, done.stderr
    line = "- without bare inserts in a pipeline: no-such-package not installed"
    assert line in done.stdout

    asked = run("--store", "bare-pipeline", main=program)
    assert asked.returncode == 2
    assert "bare-pipeline: no-such-package not installed" in asked.stderr


def test_what_says_too_little_is_not_written_down(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")

    for options in (
        ("--rounds", "6"),
        ("--sessions", "63"),
        ("--exchanges", "39"),
        ("--length", "9999"),
        ("--writers", "7"),
        ("--store", "adk"),
        ("--no-fsync",),
    ):
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

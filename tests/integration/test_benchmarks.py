"""The benchmarks run, with every tool that is here, and notice a tool that does not do its work."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.contenders import (
    CONTENDERS,
    Bare,
    Command,
    CommandFailed,
    Contender,
    Database,
    Engine,
    Muniment,
    SqitchVerified,
)
from benchmarks.report import BEGIN, END, put_between_marks
from benchmarks.rounds import open_room
from tests.fix_postgres import ROOT

CHANGES = 5


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    # Not pytest's tmp_path: as root, the server is run by somebody else, who has to get in.
    with tempfile.TemporaryDirectory(prefix="muniment-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def report(place: Path) -> dict[str, Any]:
    options = ("--rounds", "1", "--warm-up", "0", "--changes", str(CHANGES), "--no-fsync")
    done = run(*options, "--project", "platform", "--directory", place, "--json")
    assert done.returncode == 0, done.stderr
    # The server is gone, and so are its files.
    assert list(place.iterdir()) == []
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def times(report: dict[str, Any], workload: str, kind: str) -> dict[str, list[float]]:
    """Return the times of one kind by what they are of."""
    return {
        one["name"]: one["seconds"]
        for one in report["results"]
        if (one["workload"], one["kind"]) == (workload, kind)
    }


@pytest.mark.parametrize("workload", ["made", "own"])
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_every_tool_deploys_both_workloads(
    report: dict[str, Any], contender: type[Contender], workload: str
) -> None:
    if contender.tool in report["absent"]:
        pytest.skip(f"{contender.tool}: {report['absent'][contender.tool]}")

    found = times(report, workload, "deploy" if contender.is_whole else "loop")

    measured = [found[contender.name]] if contender.is_whole else list(found.values())
    assert measured
    assert all(len(seconds) == 1 and seconds[0] > 0 for seconds in measured)
    assert contender.tool in report["facts"]


@pytest.mark.parametrize("workload", ["made", "own"])
def test_a_loop_is_within_its_process(report: dict[str, Any], workload: str) -> None:
    loops = times(report, workload, "loop")
    whole = times(report, workload, "deploy")

    ours, engine = (
        loops["muniment's loop, verified"][0],
        max(seconds[0] for name, seconds in loops.items() if name.startswith("the same")),
    )
    assert ours < engine
    assert loops["the bare loop"][0] < whole[Bare.name][0]


def test_it_says_on_what_it_was_measured(report: dict[str, Any]) -> None:
    facts = report["facts"]

    assert {"date", "rounds", "machine", "Python", "PostgreSQL", "muniment", "disk"} <= set(facts)
    assert facts["server"].startswith("fsync off, synchronous_commit on")


def test_what_has_nothing_to_do_is_measured_too(report: dict[str, Any]) -> None:
    found = times(report, "made", "idle")

    assert {"muniment status", "muniment deploy", "yoyo apply"} <= set(found)
    assert ("sqitch status" in found) == ("sqitch" not in report["absent"])
    assert ("dbmate up" in found) == ("dbmate" not in report["absent"])
    assert ("alembic upgrade head" in found) == ("alembic" not in report["absent"])


def test_ratios_and_goals_follow_from_the_times(report: dict[str, Any]) -> None:
    found = {
        one["name"]: one
        for one in report["results"]
        if one["workload"] == "made" and one["kind"] != "idle"
    }
    ours, bare = found[Muniment.name], found[Bare.name]
    assert ours["to_bare"] == pytest.approx(ours["median"] / bare["median"], abs=0.01)

    goals = {one["goal"]: one for one in report["goals"]}
    loop = next(one for text, one in goals.items() if "the bare loop" in text and "trivial" in text)
    ratio = found["muniment's loop, verified"]["median"] / found["the bare loop"]["median"]
    assert float(loop["median"]) == pytest.approx(ratio, abs=0.02)
    assert loop["is_met"] == (ratio <= 1.5)
    if "sqitch" not in report["absent"]:
        faster = next(one for text, one in goals.items() if "12 times" in text and "5 " in text)
        ratio = found[SqitchVerified.name]["median"] / ours["median"]
        assert float(faster["median"]) == pytest.approx(ratio, abs=0.02)
        assert faster["is_met"] == (ratio >= 12)


class Forgetful(Bare):
    """Deploys, and forgets the last change."""

    name = "forgetful"

    def write(self) -> None:
        super().write()
        sorted(self.directory.glob("*.sql"))[-1].unlink()


class Boastful(Bare):
    """Records everything, and deploys half of it."""

    name = "boastful"

    def write(self) -> None:
        super().write()
        sorted(self.directory.glob("*.sql"))[0].write_text("SELECT 1;")


class Broken(Engine):
    """Fails."""

    name = "broken"

    def deploy(self, database: Database) -> list[Command]:
        command = super().deploy(database)[0]
        return [Command([*command.arguments, "nowhere"], command.directory, command.environment)]


@pytest.mark.parametrize(
    ("contender", "complaint"),
    [
        (Forgetful, "forgetful, 3 trivial changes: 2 records instead of 3"),
        (Boastful, "boastful, 3 trivial changes: 2 objects instead of 3"),
        (Broken, "no such project: nowhere"),
    ],
)
def test_a_tool_that_does_not_do_its_work_ends_the_run(
    place: Path, contender: type[Contender], complaint: str
) -> None:
    with (
        open_room(place, 3, contenders=[contender], projects=["platform"], fsync=False) as room,
        pytest.raises(CommandFailed, match=complaint),
    ):
        list(room.run(1, warm_up=0))
    (place / "plans").rename(place / f"plans-{contender.name}")


def test_what_says_too_little_is_not_written_down(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")

    for options in (
        ("--rounds", "6"),
        ("--changes", "49"),
        ("--project", "platform"),
        ("--no-fsync",),
    ):
        done = run(*options, "--write", page)
        assert done.returncode == 2
        assert "--write takes 7 rounds or more of 50 changes, all projects and fsync" in done.stderr
    assert page.read_text() == f"{BEGIN}\n{END}\n"


def test_a_page_without_a_place_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{END}\n{BEGIN}\n")

    done = run("--write", page)

    assert done.returncode == 1
    assert f"{page}: no place for results" in done.stderr


def test_results_replace_what_is_between_the_marks() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    written = put_between_marks(page, "new")

    assert written == put_between_marks(put_between_marks(page, "old"), "new")
    assert written.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert written.partition(END)[2] == page.partition(END)[2]
    assert written.partition(BEGIN)[2].partition(END)[0] == "\n\nnew\n\n"

"""What is deployed is not what is planned: told with its file and line, and nothing is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.processes import HOLDS_LOCK, count, failed, needs_sqitch, run, sqitch, start
from tests.registry_rows import rows
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import DeployFailed, DriftFound, PlanError
from muniment.migrate import engine
from muniment.migrate.events import ChangeDeployed, ChangeStarted
from muniment.migrate.recorder import Recorder


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    for name in ("a", "b", "c"):
        made.add(f"p:{name}", note=f"Make {name}.")
    return made


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def other(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


def deploy(connection: Connection, sample: Sample, *targets: str, **options: Any) -> list[str]:
    """Deploy, and return which changes that were."""
    events = engine.deploy(
        connection, sample.projects, sample.targets(*targets), settings=SETTINGS, **options
    )
    return [event.change for event in events if isinstance(event, ChangeDeployed)]


def revert(connection: Connection, sample: Sample) -> None:
    list(engine.revert(connection, sample.projects, ["p"], keep=None, settings=SETTINGS))


def deployed(connection: Connection) -> list[str]:
    found = connection.execute(
        "SELECT project || ':' || change FROM sqitch.changes ORDER BY committed_at"
    )
    return [name for (name,) in found]


# Edited plans ------------------------------------------------------------------------------------


def edit_note(text: str) -> str:
    return text.replace("# Make b.", "# Make B.")


def edit_planner(text: str) -> str:
    return text.replace("b 2026-01-01T00:02:00Z Ann", "b 2026-01-01T00:02:00Z Anne")


def rename(text: str) -> str:
    return text.replace("\nb ", "\nbb ")


def insert(text: str) -> str:
    line = next(line for line in text.splitlines() if line.startswith("b "))
    return text.replace(line, f"{line.replace('b 2026', 'between 2026')}\n{line}")


def swap(text: str) -> str:
    *head, b, c = text.splitlines()
    return "\n".join([*head, c, b, ""])


def remove(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("b "))


@pytest.mark.parametrize("edit", [edit_note, edit_planner, rename, insert, swap, remove])
def test_an_edited_line_is_told_before_anything_is_changed(
    connection: Connection, sample: Sample, database: str, edit: Callable[[str], str]
) -> None:
    deploy(connection, sample)
    before = rows(database)
    plan = sample.plan_path("p")
    edited = edit(plan.read_text())
    assert edited != plan.read_text()
    plan.write_text(edited)
    for name in ("bb", "between"):
        for kind in ("deploy", "revert", "verify"):
            sample.write(kind, f"p:{name}", "SELECT 1;")
    sample.add("p:d")

    for act in (deploy, revert):
        with pytest.raises(PlanError, match=r"p\.plan:5: p:\w+ is not what is deployed") as caught:
            act(connection, sample)
        assert caught.value.line == 5

    assert rows(database) == before
    assert count(connection, HOLDS_LOCK) == 0


def test_a_deployed_change_that_nobody_has_planned_is_told(
    connection: Connection, sample: Sample, database: str
) -> None:
    deploy(connection, sample)
    connection.execute(
        "UPDATE sqitch.changes SET change_id = repeat('0', 40), change = 'stranger'"
        " WHERE change = 'b'"
    )
    sample.add("p:d")

    with pytest.raises(PlanError, match="the database has p:stranger") as caught:
        deploy(connection, sample)

    assert caught.value.line == 5
    assert failed(start(sample, database, "verify"), 3)


def test_another_project_of_somebody_elses_is_left_alone(
    connection: Connection, sample: Sample, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs = Sample(elsewhere)
    theirs.add("other:x")
    deploy(connection, theirs)

    deploy(connection, sample)
    list(engine.verify(connection, sample.projects))
    assert engine.check(connection, sample.projects) == []
    revert(connection, sample)

    assert deployed(connection) == ["other:x"]


def test_what_another_project_requires_is_looked_up_again_when_it_changes_under_us(
    connection: Connection, other: Connection, sample: Sample
) -> None:
    """A sqitch before 1.2 knows nothing of the deploy lock; the registry then is another one."""
    sample.add("q:x")
    sample.add("q:y", requires=["p:b"])
    deploy(connection, sample, "p")
    projects = sample.projects
    gone = [projects.plan("p").find(name) for name in ("c", "b")]
    events = []
    for event in engine.deploy(connection, projects, sample.targets("q"), settings=SETTINGS):
        events.append(event)
        if isinstance(event, ChangeStarted) and event.change == "q:x" and len(events) < 5:
            for change in gone:
                undone = "; ".join(Recorder(other, SETTINGS.committer).reverted(change))
                other.execute(f"BEGIN; DROP TABLE {change.name}; {undone}; COMMIT")

    # Of the other project as much as is required is deployed anew, before what requires it.
    assert deployed(connection) == ["p:a", "p:b", "q:x", "q:y"]


def test_what_is_required_and_gone_meanwhile_is_told_where_nobody_can_deploy_it(
    connection: Connection, other: Connection, sample: Sample, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs = Sample(elsewhere)
    theirs.add("lib:x")
    deploy(connection, theirs)
    change = theirs.projects.plan("lib").find("x")
    sample.add("p:d", requires=["lib:x"])
    deploy(connection, sample, "p:b")
    undone = "; ".join(Recorder(other, SETTINGS.committer).reverted(change))

    running = engine.deploy(connection, sample.projects, settings=SETTINGS)
    for event in running:
        if isinstance(event, ChangeStarted) and event.change == "p:c":
            break
    other.execute(f"BEGIN; {undone}; COMMIT")

    with pytest.raises(DeployFailed, match="p:d: requires lib:x, which is not deployed"):
        list(running)

    assert deployed(connection) == ["p:a", "p:b"]


# Drift -------------------------------------------------------------------------------------------


def add_blank(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def end_lines_as_on_windows(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def add_comment(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"-- Only a comment.\n")


@pytest.mark.parametrize("kind", ["deploy", "revert", "verify"])
@pytest.mark.parametrize("edit", [add_blank, end_lines_as_on_windows, add_comment])
def test_an_edit_of_any_script_is_drift_whatever_it_is(
    connection: Connection,
    sample: Sample,
    database: str,
    kind: str,
    edit: Callable[[Path], None],
) -> None:
    deploy(connection, sample, "p:b")
    path = sample.path(kind, "p:a")
    edit(path)

    with pytest.raises(DriftFound, match=rf"deploy refused: p:a:(.|\n)*{kind}/p/a\.sql"):
        deploy(connection, sample)
    assert deployed(connection) == ["p:a", "p:b"]
    assert f"{kind}/p/a.sql" in failed(start(sample, database, "deploy"), 3)

    assert deploy(connection, sample, allow_drift=True) == ["p:c"]
    (drift,) = engine.check(connection, sample.projects)
    assert (drift.change, drift.kind) == ("p:a", kind)


@needs_sqitch
def test_only_an_edit_of_a_deploy_script_is_drift_to_sqitch(
    connection: Connection, sample: Sample, database: str
) -> None:
    deploy(connection, sample)
    add_blank(sample.path("revert", "p:a"))
    assert "Check successful" in sqitch(sample, database, "check", "p")

    add_blank(sample.path("deploy", "p:a"))
    assert sample.sqitch(database, "check", "p").returncode != 0


# Order -------------------------------------------------------------------------------------------


def test_a_thousand_changes_of_one_transaction_are_in_order(
    connection: Connection, tmp_path: Path
) -> None:
    directory = tmp_path / "many"
    directory.mkdir()
    many = Sample(directory)
    names = [f"c{number}" for number in range(1000)]
    for name in names:
        body = f"SELECT '{name}';"
        many.add(f"p:{name}", deploy=body, revert=body, verify=body)

    deploy(connection, many, single_transaction=True)

    assert deployed(connection) == [f"p:{name}" for name in names]
    for table in ("changes", "events"):
        (distinct, transactions) = connection.execute(
            "SELECT count(DISTINCT committed_at), count(DISTINCT xmin::text)"  # noqa: S608
            f" FROM sqitch.{table}"
        ).fetchall()[0]
        assert (distinct, transactions) == (1000, 1), table


# What a program reads ----------------------------------------------------------------------------


def test_every_line_of_json_has_the_members_that_its_event_has_elsewhere(
    database: str, sample: Sample
) -> None:
    """A consumer may rely on a member once it has seen it, however a run ends."""
    schema: dict[str, set[str]] = {}

    def read(text: str) -> list[str]:
        lines = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            members = set(line)
            assert schema.setdefault(line["event"], members) == members, line
        return [line["event"] for line in lines]

    first = read(run(sample, database, "deploy", "p:a", "--json"))
    nothing = read(run(sample, database, "deploy", "p:a", "--json"))
    sample.write("deploy", "p:b", "SELECT nowhere;")
    process = start(sample, database, "deploy", "--json")
    out, _ = process.communicate()
    broken = read(out)
    sample.write("deploy", "p:b", "CREATE TABLE b ();")
    second = read(run(sample, database, "deploy", "--json"))
    reverted = read(run(sample, database, "revert", "p", "--all", "--yes", "--json"))

    assert process.returncode == 1
    assert first[-1] == second[-1] == reverted[-1] == "run_finished"
    assert nothing == ["nothing_to_do"]
    assert broken[-2:] == ["change_failed", "run_failed"]

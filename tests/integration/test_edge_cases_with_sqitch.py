"""Whatever sqitch does to its registry, muniment and yoyo see it at once and go on from there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.processes import (
    count,
    end,
    failed,
    needs_sqitch,
    run,
    sqitch,
    start,
    start_yoyo,
    write_shims,
)
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.migrate import engine, yoyo

pytestmark = needs_sqitch

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    for name in NAMES:
        made.add(f"p:{name}")
        if name in {"a", "c"}:
            made.tag("p", f"v-{name}")
    return made


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A session on a database that has nothing but the view that yoyo reads."""
    with connect(database) as opened:
        list(yoyo.install(opened, settings=SETTINGS))
        yield opened


def deployed(connection: Connection) -> list[str]:
    found = connection.execute("SELECT change FROM sqitch.changes ORDER BY committed_at")
    return [name for (name,) in found]


def tables(connection: Connection) -> list[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relname ~ '^[a-z]$' AND relkind = 'r' ORDER BY relname"
    )
    return [name for (name,) in found]


def assert_all_see(
    connection: Connection,
    sample: Sample,
    expected: list[str],
    *,
    existing: list[str] | None = None,
) -> None:
    """Check what everybody says is deployed, and that it is there."""
    assert deployed(connection) == expected
    assert tables(connection) == (expected if existing is None else existing)
    (status,) = engine.status(connection, sample.projects)
    planned = sample.projects.plan("p").changes
    assert status.pending == tuple(one.name for one in planned[len(expected) :])
    assert status.differences == ()
    shown = connection.execute("SELECT migration_id FROM _yoyo_migration ORDER BY applied_at_utc")
    assert [name for (name,) in shown] == [
        yoyo.migration_id(one) for one in planned[: len(expected)]
    ]


def refused(sample: Sample, database: str, *arguments: str) -> str:
    done = sample.sqitch(database, *arguments)
    assert done.returncode != 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_deploy_that_only_logs(database: str, connection: Connection, sample: Sample) -> None:
    sqitch(sample, database, "deploy", "--log-only", "--to", "b", "p")
    assert_all_see(connection, sample, ["a", "b"], existing=[])

    # What is not there is noticed by who looks, and what follows is built upon it all the same.
    failed(start(sample, database, "verify"), 3)
    run(sample, database, "deploy")
    assert_all_see(connection, sample, NAMES, existing=["c", "d"])

    sqitch(sample, database, "revert", "--log-only", "-y", "--to", "c", "p")
    assert_all_see(connection, sample, ["a", "b", "c"], existing=["c", "d"])


@pytest.mark.parametrize(
    ("mode", "left"), [("change", ["a", "b", "c"]), ("tag", ["a", "b", "c"]), ("all", [])]
)
def test_a_deploy_that_fails_goes_back_as_its_mode_says(
    database: str, connection: Connection, sample: Sample, mode: str, left: list[str]
) -> None:
    sample.write("deploy", "p:d", "CREATE TABLE d ();\nSELECT 1 / 0;")

    refused(sample, database, "deploy", "--mode", mode, "p")

    assert_all_see(connection, sample, left)
    sample.write("deploy", "p:d", "CREATE TABLE d ();")
    run(sample, database, "deploy")
    assert_all_see(connection, sample, NAMES)


def test_a_rebase(database: str, connection: Connection, sample: Sample) -> None:
    run(sample, database, "deploy")
    sample.write("deploy", "p:c", "CREATE TABLE c (id bigint);")

    sqitch(sample, database, "rebase", "-y", "--onto", "b", "p")

    assert_all_see(connection, sample, NAMES)
    # The hash of the script is the new one now; what muniment knew of the old one is gone.
    assert engine.check(connection, sample.projects) == []
    assert count(connection, "SELECT FROM muniment.change_detail") == 2
    run(sample, database, "deploy")


def test_a_revert_to_a_tag(database: str, connection: Connection, sample: Sample) -> None:
    run(sample, database, "deploy")

    sqitch(sample, database, "revert", "-y", "--to", "@v-a", "p")

    assert_all_see(connection, sample, ["a"])
    run(sample, database, "deploy")
    assert_all_see(connection, sample, NAMES)


def test_a_checkout_of_another_branch(
    database: str, connection: Connection, sample: Sample
) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=sample.directory, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "--message=Four.")
    run(sample, database, "deploy")
    git("checkout", "--quiet", "-b", "other")
    plan = sample.plan_path("p")
    plan.write_text("".join(plan.read_text().splitlines(keepends=True)[:-1]))
    sample.add("p:e")
    git("add", ".")
    git("commit", "--quiet", "--message=Another fourth.")
    git("checkout", "--quiet", "main")

    sqitch(sample, database, "checkout", "-y", "p", "other")

    assert_all_see(connection, sample, ["a", "b", "c", "e"])
    assert run(sample, database, "deploy") == ""


def test_an_upgrade_of_an_old_registry(
    database: str, connection: Connection, sample: Sample
) -> None:
    sqitch(sample, database, "deploy", "--to", "b", "p")
    # The one difference of 1.0 (App::Sqitch, Engine/Upgrade/pg-1.1.sql).
    connection.execute(
        "ALTER TABLE sqitch.changes DROP CONSTRAINT changes_project_script_hash_key;"
        "ALTER TABLE sqitch.changes ADD UNIQUE (script_hash);"
        "UPDATE sqitch.releases SET version = 1.0"
    )
    told = failed(start(sample, database, "deploy"))
    assert "the registry is not of version 1.1: 1" in told
    assert "hint: Run `sqitch upgrade`" in told
    assert deployed(connection) == ["a", "b"]

    sqitch(sample, database, "upgrade", "p")

    assert_all_see(connection, sample, ["a", "b"])
    run(sample, database, "deploy")
    assert_all_see(connection, sample, NAMES)


def test_a_tag_on_what_is_not_deployed_waits_for_its_change(
    database: str, connection: Connection, sample: Sample
) -> None:
    run(sample, database, "deploy", "p:b")
    sample.tag("p", "late")
    assert run(sample, database, "deploy", "p:b") == ""
    assert count(connection, "SELECT FROM sqitch.tags") == 1

    run(sample, database, "deploy")

    assert count(connection, "SELECT FROM sqitch.tags WHERE tag IN ('@v-a', '@v-c', '@late')") == 3
    assert "Nothing to deploy" in sqitch(sample, database, "deploy", "p")


# yoyo's other commands ---------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["with the view", "before there is a view"])
def shims(request: pytest.FixtureRequest, database: str, sample: Sample) -> Sample:
    write_shims(sample)
    if request.param:
        with connect(database) as opened:
            list(yoyo.install(opened, settings=SETTINGS))
    return sample


def test_yoyo_develop_deploys_and_then_does_the_last_one_again(
    database: str, shims: Sample
) -> None:
    end(start_yoyo(shims, database, "develop"))
    with connect(database) as connection:
        assert_all_see(connection, shims, NAMES)

        end(start_yoyo(shims, database, "develop"))

        assert_all_see(connection, shims, NAMES)
        found = connection.execute("SELECT event, change FROM sqitch.events ORDER BY committed_at")
        assert found.fetchall()[len(NAMES) :] == [("revert", "d"), ("deploy", "d")]


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (("rollback",), ["a", "b", "c"]),
        (("rollback", "--all"), []),
        (("rollback", "-r", "p.c"), ["a", "b"]),
        (("rollback", "-m", "p.d"), ["a", "b", "c"]),
        (("rollback", "--force"), ["a", "b", "c"]),
        (("reapply",), NAMES),
        (("reapply", "--all"), NAMES),
        (("reapply", "-r", "p.c"), NAMES),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_yoyo_takes_back_what_another_has_deployed(
    command: tuple[str, ...], left: list[str], database: str, shims: Sample
) -> None:
    deployers: list[Callable[[], object]] = [
        lambda: run(shims, database, "deploy", "p:b"),
        lambda: sqitch(shims, database, "deploy", "p"),
    ]
    for deploy in deployers:
        deploy()

    end(start_yoyo(shims, database, *command))

    with connect(database) as connection:
        assert_all_see(connection, shims, left)


@pytest.mark.parametrize("command", ["mark", "unmark"])
def test_yoyo_can_neither_mark_nor_unmark(command: str, database: str, shims: Sample) -> None:
    run(shims, database, "deploy", "p:b")

    told = failed(start_yoyo(shims, database, command))
    assert f"cannot be {command}ed" in told
    with connect(database) as connection:
        assert_all_see(connection, shims, ["a", "b"])


def test_a_second_source_of_yoyos_is_refused_in_the_same_schema(
    database: str, connection: Connection, sample: Sample
) -> None:
    write_shims(sample)
    theirs = sample.directory / "theirs"
    theirs.mkdir()
    (theirs / "0001_other.sql").write_text("CREATE TABLE other ();\n")
    settings = sample.directory / "yoyo.ini"
    settings.write_text(settings.read_text().replace("sql/yoyo\n", "sql/yoyo theirs\n"))

    told = failed(start_yoyo(sample, database, "apply"))
    assert "0001_other is not deployed: it cannot be marked" in told
    assert "Run `yoyo apply` or `muniment deploy`." in told
    assert [name for name in deployed(connection) if name not in NAMES] == []

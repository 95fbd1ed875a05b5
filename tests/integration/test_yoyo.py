"""yoyo, sqitch and muniment on one database: whoever deploys or reverts, all say the same."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from tests.fix_postgres import ROOT, Cluster, deployable
from tests.registry_rows import assert_same, rows
from tests.sample import SETTINGS, Sample
from yoyo.migrations import get_migration_hash, read_migrations

from muniment._db import Connection, connect
from muniment.errors import LockTimedOut, PlanError, StoreError
from muniment.migrate import engine, locks, yoyo
from muniment.migrate.plan import Change

needs_sqitch = pytest.mark.skipif(
    shutil.which("sqitch") is None,
    reason="sqitch is not installed: apt-get install sqitch libdbd-pg-perl",
)

NOT_INHERITED = ("DATABASE_URL", "MUNIMENT_DSN", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER")


def environment(**variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    names = {"SQITCH_FULLNAME": "Yo Yo", "SQITCH_EMAIL": "yoyo@example.org"}
    return {**inherited, **names, **variables}


def run(
    *command: str, cwd: Path, database: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    if database is not None:
        variables["DATABASE_URL"] = database
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def must(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.args}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def generate(sample: Sample) -> None:
    shutil.copy(ROOT / "yoyo.ini", sample.directory)
    list(yoyo.write_files(sample.sql / "yoyo", yoyo.migration_files(sample.projects)))


def run_yoyo(sample: Sample, database: str, *arguments: str) -> str:
    return must(run("yoyo", *arguments, cwd=sample.directory, database=database))


def refused(sample: Sample, database: str, *arguments: str) -> str:
    done = run("yoyo", *arguments, cwd=sample.directory, database=database)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def applied(sample: Sample, database: str) -> list[str]:
    """Return what `yoyo list` shows as applied: its ids, in its order."""
    shown = run_yoyo(sample, database, "list")
    assert len(re.findall(r"^[AU] ", shown, re.MULTILINE)) == len(planned(sample))
    return re.findall(r"^A +(\S+)", shown, re.MULTILINE)


def planned(sample: Sample) -> list[Change]:
    return sample.projects.steps([])


def ids(sample: Sample, *names: str) -> list[str]:
    """Return the ids of changes in yoyo, in the order of the files."""
    return sorted(yoyo.migration_id(one) for one in planned(sample) if one.qualified in names)


def muniment(sample: Sample, database: str, *targets: str) -> None:
    with connect(database) as connection:
        list(
            engine.deploy(connection, sample.projects, sample.targets(*targets), settings=SETTINGS)
        )


def sqitch(sample: Sample, database: str, *arguments: str) -> str:
    return must(sample.sqitch(database, *arguments))


def tables(connection: Connection) -> set[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind = 'r' AND relname !~ 'yoyo'"
    )
    return {name for (name,) in found}


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, application_name="the test") as opened:
        yield opened


@pytest.fixture
def theirs(server: Cluster) -> Iterator[str]:
    """A second empty database, for sqitch alone."""
    with server.database() as dsn:
        yield dsn


@pytest.fixture
def empty(tmp_path: Path) -> Sample:
    return Sample(tmp_path)


@pytest.fixture
def sample(empty: Sample) -> Sample:
    """Two projects, of which one requires a change of the other."""
    empty.add("p:a")
    empty.add("p:b", requires=["a"])
    empty.tag("p", "v1")
    empty.add("q:c", requires=["p:b"])
    empty.add("p:d")
    generate(empty)
    return empty


# The commands ----------------------------------------------------------------


def test_apply_deploys_verifies_and_records_everything(
    database: str, connection: Connection, sample: Sample
) -> None:
    assert applied(sample, database) == []

    run_yoyo(sample, database, "apply")

    assert applied(sample, database) == ids(sample, "p:a", "p:b", "q:c", "p:d")
    assert tables(connection) == {"a", "b", "c", "d"}
    assert engine.check(connection, sample.projects) == []
    assert not any(one.pending for one in engine.status(connection, sample.projects))
    (who,) = connection.execute("SELECT DISTINCT committer_name FROM sqitch.changes").fetchall()
    assert who == ("Yo Yo",)


def test_apply_to_a_revision_takes_along_what_it_needs(database: str, sample: Sample) -> None:
    (revision,) = ids(sample, "q:c")

    run_yoyo(sample, database, "apply", "-r", revision)

    assert applied(sample, database) == ids(sample, "p:a", "p:b", "q:c")


def test_rollback_takes_back_the_last_one_or_all(
    database: str, connection: Connection, sample: Sample
) -> None:
    run_yoyo(sample, database, "apply")

    run_yoyo(sample, database, "rollback")
    assert applied(sample, database) == ids(sample, "p:a", "p:b", "q:c")
    assert tables(connection) == {"a", "b", "c"}

    (revision,) = ids(sample, "p:b")
    run_yoyo(sample, database, "rollback", "-r", revision)
    assert applied(sample, database) == ids(sample, "p:a")

    run_yoyo(sample, database, "rollback", "--all")
    assert applied(sample, database) == []
    assert tables(connection) == set()
    assert [row[0] for row in rows(database)["events"]] == ["deploy"] * 4 + ["revert"] * 4


def test_reapply_takes_back_and_deploys_again(database: str, sample: Sample) -> None:
    run_yoyo(sample, database, "apply")
    (revision,) = ids(sample, "p:d")

    run_yoyo(sample, database, "reapply", "-r", revision)
    assert [row[0] for row in rows(database)["events"]][4:] == ["revert", "deploy"]

    run_yoyo(sample, database, "reapply")
    assert len(applied(sample, database)) == 4


def test_what_is_not_deployed_cannot_be_marked(database: str, sample: Sample) -> None:
    muniment(sample, database, "p:a")

    told = refused(sample, database, "mark")

    assert f"{ids(sample, 'p:b')[0]} is not deployed: it cannot be marked" in told
    assert "Run `yoyo apply` or `muniment deploy`." in told
    assert applied(sample, database) == ids(sample, "p:a")


def test_what_is_deployed_cannot_be_unmarked(database: str, sample: Sample) -> None:
    muniment(sample, database, "p:a")

    told = refused(sample, database, "unmark")

    assert f"{ids(sample, 'p:a')[0]} is deployed: it cannot be unmarked" in told
    assert "Run `yoyo rollback` or `muniment revert`." in told
    assert applied(sample, database) == ids(sample, "p:a")


def test_a_failure_leaves_nothing_and_is_told_with_its_hint(
    database: str, connection: Connection, sample: Sample
) -> None:
    sample.write("deploy", "p:b", "CREATE TABLE b ();\nSELECT nowhere;", ["-- requires: a"])

    told = refused(sample, database, "apply")

    assert "sql/deploy/p/b.sql:7:8: column" in told
    assert told.splitlines()[-1].startswith("hint: Nothing of this change remains")
    assert tables(connection) == {"a"}
    assert applied(sample, database) == ids(sample, "p:a")
    assert [row[0] for row in rows(database)["events"]] == ["deploy", "fail"]


def test_a_verify_script_that_fails_takes_its_change_back(
    database: str, connection: Connection, sample: Sample
) -> None:
    sample.write("verify", "p:b", "SELECT nowhere FROM b;")

    assert "VerifyFailed: verify failed: p:b" in refused(sample, database, "apply")
    assert tables(connection) == {"a"}


def test_force_forces_nothing(database: str, connection: Connection, sample: Sample) -> None:
    sample.write("deploy", "p:b", "SELECT nowhere;", ["-- requires: a"])

    refused(sample, database, "apply", "--force")

    assert applied(sample, database) == ids(sample, "p:a")
    assert tables(connection) == {"a"}


def test_a_change_whose_requirement_is_not_deployed_is_refused(
    database: str, connection: Connection, sample: Sample
) -> None:
    told = refused(sample, database, "apply", "-m", "q.c")

    assert "deploy failed: q:c: p:a must be deployed first" in told
    assert f"hint: `yoyo apply -r {ids(sample, 'q:c')[0]}` takes along what it needs." in told
    assert tables(connection) == set()


def test_a_conflict_is_refused(database: str, connection: Connection, empty: Sample) -> None:
    empty.add("p:a")
    empty.add("p:b", conflicts=["a"])
    generate(empty)

    assert "p:b: conflicts with a, which is deployed" in refused(empty, database, "apply")
    assert tables(connection) == {"a"}


def test_a_change_before_another_one_is_not_rolled_back(
    database: str, connection: Connection, sample: Sample
) -> None:
    run_yoyo(sample, database, "apply")

    told = refused(sample, database, "rollback", "-m", "p.a")
    assert "revert refused: p:a: p:d came after it" in told
    run_yoyo(sample, database, "rollback", "-m", "p.d")
    told = refused(sample, database, "rollback", "-m", "p.b")
    assert "revert refused: p:b: required by q:c" in told
    assert tables(connection) == {"a", "b", "c"}


def test_another_deploy_is_waited_for_and_then_named(
    database: str, connection: Connection, sample: Sample
) -> None:
    change = planned(sample)[0]
    settings = engine.Settings(SETTINGS.committer, tool="tests 1.0", lock_wait=0)
    list(locks.acquire(connection, wait=0))

    with connect(database) as other, pytest.raises(LockTimedOut, match="the test"):
        list(yoyo.deploy_one(other, sample.projects, change, settings=settings))


def test_what_is_waited_for_is_told(database: str, connection: Connection, sample: Sample) -> None:
    run_yoyo(sample, database, "list")
    list(locks.acquire(connection, wait=0))
    process = subprocess.Popen(
        [sys.executable, "-m", "yoyo", "apply"],
        cwd=sample.directory,
        env=environment(DATABASE_URL=database),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    told = process.stderr.readline()
    locks.release(connection)
    process.communicate(timeout=60)

    assert "waiting for another deploy to end: process" in told
    assert process.returncode == 0
    assert len(applied(sample, database)) == 4


def test_what_is_done_already_is_left_alone(
    database: str, connection: Connection, sample: Sample
) -> None:
    change = planned(sample)[0]
    for act in (yoyo.deploy_one, yoyo.deploy_one, yoyo.revert_one, yoyo.revert_one):
        list(act(connection, sample.projects, change, settings=SETTINGS))

    assert [row[0] for row in rows(database)["events"]] == ["deploy", "revert"]


# With the others -------------------------------------------------------------


@needs_sqitch
def test_what_sqitch_does_is_seen_at_once(database: str, sample: Sample) -> None:
    assert applied(sample, database) == []

    sqitch(sample, database, "deploy", "p")
    assert applied(sample, database) == ids(sample, "p:a", "p:b", "p:d")

    sqitch(sample, database, "revert", "-y", "--to", "a", "p")
    assert applied(sample, database) == ids(sample, "p:a")


def change_at_head(sample: Sample, database: str) -> set[str | None]:
    """Return the last change of `p` as each of the three names it: one, if they agree."""
    with connect(database) as connection:
        (status,) = engine.status(connection, sample.projects, ["p"])
    (own,) = re.findall(r"^# Change: +(\w+)", sqitch(sample, database, "status", "p"), re.MULTILINE)
    files = {yoyo.migration_id(change): change.change_id for change in planned(sample)}
    return {status.head and status.head.change_id, own, files[applied(sample, database)[-1]]}


@needs_sqitch
def test_the_three_take_turns_and_agree_after_every_step(
    database: str, theirs: str, empty: Sample
) -> None:
    empty.project("p", uri="https://example.org/p")
    for number in range(1, 5):
        empty.add(f"p:c{number}", requires=[f"c{number - 1}"] if number > 1 else [])
    empty.tag("p", "v1", note="The first.")
    empty.add("p:c5", conflicts=["other:x"])
    empty.rework(
        "p:c2",
        "v1",
        deploy="ALTER TABLE c2 ADD COLUMN x integer;",
        revert="ALTER TABLE c2 DROP COLUMN x;",
        verify="SELECT x FROM c2;",
    )
    empty.add("p:views/c7", requires=["c2@v1"], note="Views: ü, \\ and # too.")
    empty.add("p:c8")
    empty.tag("p", "v2")
    empty.add("p:c9", requires=["@v2"])
    generate(empty)
    changes = planned(empty)
    assert len(changes) == 9

    def deploy_with_muniment(to: int) -> None:
        muniment(empty, database, f"p:{changes[to - 1].change_id}")

    def deploy_with_sqitch(to: int) -> None:
        sqitch(empty, database, "deploy", "--verify", "--to", changes[to - 1].change_id, "p")

    def apply_with_yoyo(to: int) -> None:
        run_yoyo(empty, database, "apply", "-r", yoyo.migration_id(changes[to - 1]))

    def revert_with_sqitch(to: int) -> None:
        sqitch(empty, database, "revert", "-y", "--to", changes[to - 1].change_id, "p")

    def roll_back_with_yoyo(_to: int) -> None:
        run_yoyo(empty, database, "rollback")

    steps: list[tuple[Callable[[int], None], int, str]] = [
        (deploy_with_muniment, 3, "deploy"),
        (deploy_with_sqitch, 6, "deploy"),
        (apply_with_yoyo, 9, "deploy"),
        (revert_with_sqitch, 5, "revert"),
        (roll_back_with_yoyo, 4, "revert"),
        (deploy_with_muniment, 9, "deploy"),
        (roll_back_with_yoyo, 8, "revert"),
        (apply_with_yoyo, 9, "deploy"),
    ]
    for step, to, alone in steps:
        head = changes[to - 1].change_id
        step(to)
        sqitch(empty, theirs, alone, *(["-y"] if alone == "revert" else []), "--to", head, "p")
        assert change_at_head(empty, database) == {head}, f"{step.__name__} {to}"
        assert_same(database, theirs)
    assert "Check successful" in sqitch(empty, database, "check", "p")
    assert "Verify successful" in sqitch(empty, database, "verify", "p")


@needs_sqitch
def test_all_at_once_deploy_each_change_once(database: str, empty: Sample) -> None:
    names = [f"c{number}" for number in range(8)]
    for name in names:
        empty.add(f"p:{name}")
    generate(empty)
    run_yoyo(empty, database, "list")
    with ThreadPoolExecutor() as pool:
        runs: list[Future[Any]] = [
            pool.submit(run_yoyo, empty, database, "apply"),
            pool.submit(sqitch, empty, database, "deploy", "--verify", "p"),
            pool.submit(muniment, empty, database, "p"),
        ]
        for one in runs:
            one.result()

    found = rows(database)
    assert [row[2] for row in found["changes"]] == names
    assert [row[0] for row in found["events"]] == ["deploy"] * len(names)
    assert len(applied(empty, database)) == len(names)


@pytest.mark.parametrize("finisher", ["yoyo apply", "muniment deploy"])
def test_after_kill_9_in_a_change_either_goes_on(
    finisher: str, database: str, connection: Connection, sample: Sample
) -> None:
    script = sample.path("deploy", "p:b")
    before = script.read_text()
    sample.write("deploy", "p:b", "CREATE TABLE b ();\nSELECT pg_sleep(60);", ["-- requires: a"])
    process = subprocess.Popen(
        [sys.executable, "-m", "yoyo", "apply"],
        cwd=sample.directory,
        env=environment(DATABASE_URL=database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    active = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'pg_sleep'"
        " AND state = 'active' AND pid <> pg_backend_pid()"
    )
    eventually(lambda: connection.execute(active).rowcount == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    eventually(lambda: connection.execute(active).rowcount == 0)

    assert tables(connection) == {"a"}
    script.write_text(before)
    run_yoyo(sample, database, "break-lock")
    assert applied(sample, database) == ids(sample, "p:a")
    if finisher == "yoyo apply":
        run_yoyo(sample, database, "apply")
    else:
        muniment(sample, database)
    assert len(applied(sample, database)) == 4
    assert [row[0] for row in rows(database)["events"]] == ["deploy"] * 4
    assert engine.check(connection, sample.projects) == []


# Which database --------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_database_url_is_enough(database: str, sample: Sample, scheme: str) -> None:
    url = database.replace("postgresql:", f"{scheme}:", 1)
    assert url.startswith(f"{scheme}:")

    run_yoyo(sample, url, "apply")

    assert len(applied(sample, database)) == 4


def test_the_variables_of_libpq_are_enough(database: str, sample: Sample) -> None:
    found = conninfo_to_dict(database)
    variables = {
        f"PG{name}": str(found[key])
        for name, key in [
            ("HOST", "host"), ("PORT", "port"), ("USER", "user"), ("DATABASE", "dbname"),
        ]
    }  # fmt: skip

    must(run("yoyo", "apply", cwd=sample.directory, **variables))

    assert len(applied(sample, database)) == 4


def test_the_database_may_be_named_on_the_command_line(database: str, sample: Sample) -> None:
    url = database.replace("postgresql:", "postgresql+psycopg:", 1)

    must(run("yoyo", "apply", "-d", url, cwd=sample.directory))
    shown = must(run("yoyo", "list", "-d", url, cwd=sample.directory))
    must(run("yoyo", "rollback", "-d", url, cwd=sample.directory))

    assert len(re.findall(r"^A ", shown, re.MULTILINE)) == 4
    assert applied(sample, database) == ids(sample, "p:a", "p:b", "q:c")


def test_a_uri_that_would_be_ignored_is_refused(database: str, sample: Sample) -> None:
    done = run("yoyo", "list", "-d", "muniment://db/x", cwd=sample.directory, database=database)

    assert done.returncode == 1
    assert "muniment:// names no database of its own" in done.stderr
    assert "hint: Name it as postgresql+psycopg://" in done.stderr


def test_yoyos_tables_may_be_in_a_schema_of_their_own(
    database: str, connection: Connection, sample: Sample
) -> None:
    connection.execute("CREATE SCHEMA other")
    connection.execute("CREATE TABLE public._yoyo_migration (theirs integer)")

    run_yoyo(sample, database, "apply", "-d", "muniment://?schema=other")

    assert connection.execute("SELECT FROM other._yoyo_migration").rowcount == 4
    assert tables(connection) == {"a", "b", "c", "d"}


def test_a_list_leaves_no_error_in_the_servers_log(
    database: str, connection: Connection, sample: Sample
) -> None:
    run_yoyo(sample, database, "list")
    # Commits and rollbacks are counted when a session ends.
    failed = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    run_yoyo(sample, database, "list")
    time.sleep(0.1)
    ((before,),) = connection.execute(failed).fetchall()
    run_yoyo(sample, database, "list")
    time.sleep(0.1)
    ((after,),) = connection.execute(failed).fetchall()

    assert after == before


# The view --------------------------------------------------------------------


def test_ids_and_hashes_are_those_of_the_files_whatever_the_name(
    database: str, connection: Connection, empty: Sample
) -> None:
    names = [
        *("a/b/c", "a.b", "a/b", "grün", "o'clock", 'in"ch', "5%s0", "x{schema}x"),
        *("post-apply", "post-apply.rollback", "a$1", "a\U0001f600b", "x" * 190),
    ]
    for number, name in enumerate(names):
        empty.add(f"p:{name}", deploy=f"SELECT {number};", revert="SELECT 1;", verify="SELECT 1;")
    generate(empty)

    run_yoyo(empty, database, "apply")

    # A session's time zone must not show in an id.
    connection.execute("SET timezone = 'Asia/Kathmandu'")
    found = connection.execute(
        "SELECT migration_id, migration_hash FROM public._yoyo_migration ORDER BY applied_at_utc"
    ).fetchall()
    files = {path.stem for path in (empty.sql / "yoyo").glob("*.py")}
    assert found == [
        (one, get_migration_hash(one)) for one in map(yoyo.migration_id, planned(empty))
    ]
    assert {one for one, _ in found} == files
    assert len(files) == len(names)
    assert sorted(applied(empty, database)) == sorted(files)


def test_nobodys_search_path_decides_what_the_guard_calls(
    database: str, connection: Connection, sample: Sample
) -> None:
    run_yoyo(sample, database, "apply")
    (marked,) = ids(sample, "p:a")
    connection.execute("CREATE SCHEMA trap")
    connection.execute(
        "CREATE FUNCTION trap.format(text, name, name) RETURNS text LANGUAGE sql"
        " AS $$ SELECT 'SELECT true'::text $$"
    )
    connection.execute("SET search_path = trap, sqitch, pg_catalog")

    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        connection.execute(MARK, ("0" * 64, "nowhere"))
    connection.execute(MARK, (get_migration_hash(marked), marked))
    assert connection.execute("TABLE public._yoyo_migration").rowcount == 4


def test_a_reader_needs_a_right_on_the_view_alone(
    database: str, connection: Connection, sample: Sample
) -> None:
    run_yoyo(sample, database, "apply")
    connection.execute("CREATE ROLE yoyo_test_reader")
    try:
        connection.execute("SET ROLE yoyo_test_reader")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT FROM public._yoyo_migration")
        connection.execute("RESET ROLE")
        connection.execute("GRANT SELECT ON public._yoyo_migration TO yoyo_test_reader")
        connection.execute("SET ROLE yoyo_test_reader")
        assert connection.execute("TABLE public._yoyo_migration").rowcount == 4
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DELETE FROM public._yoyo_migration")
    finally:
        connection.execute("RESET ROLE")
        connection.execute("DROP OWNED BY yoyo_test_reader")
        connection.execute("DROP ROLE yoyo_test_reader")


def make_yoyos_own_tables(sample: Sample, database: str) -> None:
    url = database.replace("postgresql:", "postgresql+psycopg:", 1)
    must(run("yoyo", "list", "-d", url, cwd=sample.directory))


MARK = "INSERT INTO public._yoyo_migration VALUES (%s, %s, now())"


def test_a_table_of_yoyos_own_gives_way_if_its_marks_are_deployed(
    database: str, connection: Connection, sample: Sample
) -> None:
    make_yoyos_own_tables(sample, database)
    muniment(sample, database, "p:b")
    (marked,) = ids(sample, "p:a")
    connection.execute(MARK, (get_migration_hash(marked), marked))

    assert applied(sample, database) == ids(sample, "p:a", "p:b")
    assert yoyo.is_installed(connection)


def test_a_table_that_marks_what_is_not_deployed_stays_until_that_is_settled(
    database: str, connection: Connection, sample: Sample
) -> None:
    make_yoyos_own_tables(sample, database)
    connection.execute(MARK, (get_migration_hash("it's theirs"), "it's theirs"))

    done = run("muniment", "yoyo", "install", cwd=sample.directory, database=database)
    assert done.returncode == 1
    assert '"public"._yoyo_migration marks what is not deployed: it\'s theirs' in done.stderr
    assert "not deployed: it's theirs" in refused(sample, database, "apply")
    assert connection.execute("SELECT FROM public._yoyo_migration").rowcount == 1
    assert connection.execute("SELECT to_regclass('sqitch.changes')").fetchone() == (None,)

    (repair,) = re.findall(r"DELETE .*;", done.stderr)
    connection.execute(sql.SQL(repair))
    run_yoyo(sample, database, "apply")
    assert len(applied(sample, database)) == 4


def test_a_real_table_is_healed_by_the_first_file_that_runs(
    database: str, connection: Connection, sample: Sample
) -> None:
    url = database.replace("postgresql:", "postgresql+psycopg:", 1)
    make_yoyos_own_tables(sample, database)
    muniment(sample, database, "p:b")

    must(run("yoyo", "apply", "-d", url, cwd=sample.directory))

    assert yoyo.is_installed(connection)
    assert len(applied(sample, database)) == 4
    assert [row[0] for row in rows(database)["events"]] == ["deploy"] * 4


def test_install_says_whether_it_did_anything(database: str, tmp_path: Path) -> None:
    first = run("muniment", "yoyo", "install", cwd=tmp_path, database=database)
    second = run("muniment", "yoyo", "install", cwd=tmp_path, database=database)

    assert (must(first), must(second)) == ("made the view\n", "the view is there already\n")


def test_without_a_schema_to_go_to_the_view_is_not_made(
    database: str, connection: Connection
) -> None:
    connection.execute("SET search_path = nowhere")

    with pytest.raises(StoreError, match="no schema of the search_path exists"):
        list(yoyo.install(connection, settings=SETTINGS))


# The files -------------------------------------------------------------------


def test_the_files_of_this_repository_are_fresh() -> None:
    done = run("muniment", "yoyo", "generate", "--check", "--sql-dir", "sql", cwd=ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_depends_on_the_one_before_and_on_what_its_change_requires(sample: Sample) -> None:
    found = {one.id: one for one in read_migrations(str(sample.sql / "yoyo"))}
    depends = {name: {one.id for one in found[name].depends} for name in found}
    (a,), (b,), (c,), (d,) = (ids(sample, name) for name in ("p:a", "p:b", "q:c", "p:d"))

    assert depends == {a: set(), b: {a}, c: {b}, d: {b}}


def test_what_is_missing_stale_edited_or_foreign_is_named_and_mended(sample: Sample) -> None:
    directory = sample.sql / "yoyo"
    (a,), (b,), (d,) = (ids(sample, name) for name in ("p:a", "p:b", "p:d"))
    (directory / f"{a}.py").unlink()
    with (directory / f"{b}.py").open("a") as file:
        file.write("step('DROP TABLE b')\n")
    (directory / "0001_theirs.sql").write_text("SELECT 1;\n")
    (directory / "README.md").write_text("Not for yoyo.\n")
    plan = sample.plan_path("p")
    plan.write_text(plan.read_text().replace("\nd ", "\nd2 "))

    check = run("muniment", "yoyo", "generate", "--check", "--sql-dir", "sql", cwd=sample.directory)
    assert check.returncode == 3
    (d2,) = ids(sample, "p:d2")
    states = {
        f"{a}.py": "missing",
        f"{b}.py": "edited",
        f"{d}.py": "stale",
        f"{d2}.py": "missing",
        "0001_theirs.sql": "foreign",
    }
    assert check.stdout == "".join(
        f"sql/yoyo/{name} is {state}\n" for name, state in sorted(states.items())
    )
    assert "hint: Run `muniment yoyo generate`." in check.stderr

    made = run("muniment", "yoyo", "generate", "--sql-dir", "sql", cwd=sample.directory)
    assert made.returncode == 3
    assert (directory / "0001_theirs.sql").exists()
    assert not (directory / f"{d}.py").exists()
    (directory / "0001_theirs.sql").unlink()
    last = run("muniment", "yoyo", "generate", "--check", "--sql-dir", "sql", cwd=sample.directory)
    assert (last.returncode, last.stdout) == (0, "")


def test_a_file_of_a_change_that_is_not_planned_says_what_to_do(
    database: str, sample: Sample
) -> None:
    plan = sample.plan_path("p")
    plan.write_text(plan.read_text().replace("\na ", "\na2 "))

    told = refused(sample, database, "apply")

    assert told.splitlines()[-1] == "hint: Run `muniment yoyo generate`."


def test_a_name_that_yoyo_has_no_room_for_is_refused(empty: Sample) -> None:
    empty.add(f"p:{'ü' * 120}")

    with pytest.raises(PlanError, match="too long a name for yoyo"):
        yoyo.migration_files(empty.projects)


def test_an_optional_project_has_no_files(sample: Sample) -> None:
    sample.add("citus:x", requires=["p:a"])

    assert not any("citus" in name for name in yoyo.migration_files(sample.projects))


# The repository --------------------------------------------------------------


def test_the_plans_of_this_repository_are_applied_from_its_root(database: str) -> None:
    projects = engine.Projects(ROOT / "sql")
    with connect(database) as connection:
        targets = deployable(connection, projects)
    wanted = projects.steps(targets)
    is_everything = len(wanted) == len(projects.steps([]))
    # Without pgvector: each project that can be there, with what it requires.
    last = [yoyo.migration_id(change) for change in map(projects.find, targets) if change]
    for revision in [[]] if is_everything else [["-r", one] for one in last]:
        must(run("yoyo", "apply", *revision, cwd=ROOT, database=database))

    shown = must(run("yoyo", "list", cwd=ROOT, database=database))
    found = re.findall(r"^A +(\S+)", shown, re.MULTILINE)
    assert sorted(found) == sorted(map(yoyo.migration_id, wanted))
    for command in (["verify"], ["check"], ["status", "--check"] if is_everything else ["status"]):
        must(run("muniment", *command, "--sql-dir", "sql", cwd=ROOT, database=database))

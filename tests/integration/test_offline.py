"""`deploy --sql`: what psql makes of the script is what the engine would have made."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.fix_postgres import Cluster
from tests.registry_rows import assert_same
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import DeployFailed, DriftFound
from muniment.migrate import engine
from muniment.migrate.locks import LOCK_KEY
from muniment.migrate.offline import deploy_as_script
from muniment.migrate.registry import read_registry

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:a", note="It's the first; it has a note.")
    made.add("p:b", requires=["a"])
    made.tag("p", "v1", note="Release.")
    made.add("q:c", requires=["p:b"])
    return made


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


def script_for(connection: Connection, sample: Sample, *targets: str) -> str:
    text, _ = deploy_as_script(
        connection, sample.projects, sample.targets(*targets), settings=SETTINGS
    )
    return text


def psql(dsn: str, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["psql", "-X", "-q", "-d", dsn, "-f", "-"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )


def add_index(sample: Sample) -> None:
    sample.add(
        "p:ix",
        deploy="SET work_mem = '7MB';\nCREATE INDEX CONCURRENTLY ix ON a (id);\n"
        "INSERT INTO a VALUES (1) -- the last one",
        revert="DROP INDEX CONCURRENTLY ix;",
        verify="SELECT 'ix'::regclass;",
        transactional=False,
    )


def test_psql_makes_of_the_script_what_the_engine_makes(
    server: Cluster, connection: Connection, database: str, sample: Sample
) -> None:
    add_index(sample)
    done = psql(database, script_for(connection, sample))

    assert done.returncode == 0, done.stderr
    with server.database() as other:
        with connect(other) as session:
            list(engine.deploy(session, sample.projects, settings=SETTINGS))
        assert_same(database, other)
        assert read_registry(connection).half_done == []
        tables = "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        with connect(other) as session:
            expected = set(session.execute(tables).fetchall())
        assert set(connection.execute(tables).fetchall()) == expected
    status = engine.status(connection, sample.projects)
    assert [one.pending for one in status] == [(), ()]
    assert engine.check(connection, sample.projects) == []


def test_the_projects_own_plans_can_be_deployed_by_psql(
    server: Cluster, connection: Connection, database: str
) -> None:
    projects = engine.Projects(engine.find_sql_directory())
    targets = [engine.Target("agents")]
    text, changes = deploy_as_script(connection, projects, targets, settings=SETTINGS)

    done = psql(database, text)

    assert done.returncode == 0, done.stderr
    assert len(read_registry(connection).changes) == len(changes) > 10
    with server.database() as other:
        with connect(other) as session:
            list(engine.deploy(session, projects, targets, settings=SETTINGS))
        assert_same(database, other)


def test_nothing_is_written_by_writing_it_down(connection: Connection, sample: Sample) -> None:
    connection.execute("SET default_transaction_read_only = on")

    text = script_for(connection, sample)

    assert "CREATE TABLE a" in text
    assert not read_registry(connection).exists


def test_the_script_of_what_is_left(connection: Connection, database: str, sample: Sample) -> None:
    list(engine.deploy(connection, sample.projects, sample.targets("p:a"), settings=SETTINGS))

    done = psql(database, script_for(connection, sample, "p"))

    assert done.returncode == 0, done.stderr
    assert [change.name for change in read_registry(connection).changes] == ["a", "b"]
    assert script_for(connection, sample, "p") == ""


def test_a_script_is_good_for_one_state_of_the_database(
    connection: Connection, database: str, sample: Sample
) -> None:
    script = script_for(connection, sample)
    list(engine.deploy(connection, sample.projects, sample.targets("p:a"), settings=SETTINGS))
    at_a = script_for(connection, sample)
    list(engine.deploy(connection, sample.projects, sample.targets("p:b"), settings=SETTINGS))

    too_early, too_late = psql(database, script), psql(database, at_a)

    assert too_early.returncode == 3
    assert "there is a registry now" in too_early.stderr
    assert too_late.returncode == 3
    assert "is not where it was" in too_late.stderr
    assert [change.name for change in read_registry(connection).changes] == ["a", "b"]


def test_the_script_stops_where_a_verification_fails(
    connection: Connection, database: str, sample: Sample
) -> None:
    sample.write("verify", "p:b", "SELECT 1/0;")

    done = psql(database, script_for(connection, sample))

    assert done.returncode == 3
    assert "division by zero" in done.stderr
    assert [change.name for change in read_registry(connection).changes] == ["a"]
    assert connection.execute("SELECT to_regclass('b')").fetchone() == (None,)


def test_the_script_stops_while_another_deploy_goes_on(
    connection: Connection, database: str, sample: Sample
) -> None:
    script = script_for(connection, sample)
    connection.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")

    done = psql(database, script)

    assert done.returncode == 3
    assert "another deploy holds the deploy lock" in done.stderr
    assert not read_registry(connection).exists


def test_a_script_is_not_written_on_drift(connection: Connection, sample: Sample) -> None:
    list(engine.deploy(connection, sample.projects, sample.targets("p:a"), settings=SETTINGS))
    sample.write("deploy", "p:a", "CREATE TABLE a (id bigint);")

    with pytest.raises(DriftFound):
        script_for(connection, sample)


def test_the_engine_goes_on_where_psql_stopped_between_two_statements(
    connection: Connection, database: str, sample: Sample
) -> None:
    sample.add(
        "p:many",
        deploy="INSERT INTO a VALUES (1);\nVACUUM a;\nINSERT INTO a VALUES (1 / 0);",
        verify="TABLE a;",
        transactional=False,
    )
    done = psql(database, script_for(connection, sample, "p"))
    assert done.returncode == 3
    assert "division by zero" in done.stderr
    assert [half.name for half in read_registry(connection).half_done] == ["many"]
    sample.write(
        "deploy",
        "p:many",
        "INSERT INTO a VALUES (1);\nVACUUM a;\nINSERT INTO a VALUES (2);",
        transactional=False,
    )

    list(engine.deploy(connection, sample.projects, sample.targets("p"), settings=SETTINGS))

    assert connection.execute("SELECT id FROM a ORDER BY id").fetchall() == [(1,), (2,)]


def test_a_name_cannot_get_out_of_its_comment(
    server: Cluster, sample: Sample, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    odd = f"x\n\\! touch {trace}\n--"
    settings = engine.Settings(engine.Committer(odd, "a@example.org"), tool=odd)
    with connect(server.dsn(), application_name="maker") as maker:
        name = sql.Identifier(odd)
        maker.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            with connect(make_conninfo(server.dsn(), dbname=odd)) as session:
                text, _ = deploy_as_script(session, sample.projects, settings=settings)
            done = psql(make_conninfo(server.dsn(), dbname=odd), text)
        finally:
            maker.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    assert done.returncode == 0, done.stderr
    assert not trace.exists()


def test_what_is_half_done_is_not_written_down(connection: Connection, sample: Sample) -> None:
    sample.add("p:many", deploy="VACUUM a;\nSELECT 1/0;", verify="TABLE a;", transactional=False)
    with pytest.raises(DeployFailed):
        list(engine.deploy(connection, sample.projects, sample.targets("p"), settings=SETTINGS))

    with pytest.raises(DeployFailed, match="p:many: its deploy was begun"):
        script_for(connection, sample, "p")


def test_an_ordinary_statement_outside_of_a_transaction_shares_one_with_its_note(
    connection: Connection, sample: Sample
) -> None:
    add_index(sample)

    text = script_for(connection, sample)

    last = text.index("INSERT INTO a VALUES (1)")
    before, after = text[:last], text[last:]
    assert before.rindex("BEGIN;") > before.rindex("COMMIT;")
    assert after.index("statement_hashes ||") < after.index("COMMIT;")


def test_only_a_tag_is_something_to_write_too(connection: Connection, sample: Sample) -> None:
    list(engine.deploy(connection, sample.projects, settings=SETTINGS))
    sample.tag("q", "v9")

    assert "@v9" in script_for(connection, sample)

"""Odd scripts: what they may hold means the same to psql, and what they may not touches nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fix_postgres import Cluster
from tests.processes import HOLDS_LOCK, count, needs_sqitch, sqitch
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.errors import ConfigError, DeployFailed, PlanError, RevertFailed, ScriptError
from muniment.migrate import engine
from muniment.migrate.engine import Target

LOST = "lost the deploy lock"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def theirs(server: Cluster) -> Iterator[str]:
    """A second empty database, for sqitch."""
    with server.database() as dsn:
        yield dsn


def deploy(connection: Connection, sample: Sample, *targets: str) -> None:
    list(engine.deploy(connection, sample.projects, sample.targets(*targets), settings=SETTINGS))


def revert(connection: Connection, sample: Sample, keep: str | None = None) -> None:
    kept = Target("p", keep) if keep else None
    list(engine.revert(connection, sample.projects, ["p"], keep=kept, settings=SETTINGS))


def dump(server: Cluster, dsn: str) -> str:
    program = server.programs.directory / "pg_dump"
    done = subprocess.run(
        [program, "--exclude-schema=sqitch", "--exclude-schema=muniment", dsn],
        capture_output=True,
        text=True,
        check=True,
    )
    # A random key that newer versions put into each dump.
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


def tables(connection: Connection) -> set[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {name for (name,) in found}


def deployed(connection: Connection) -> list[str]:
    found = connection.execute("SELECT change FROM sqitch.changes ORDER BY committed_at")
    return [name for (name,) in found]


def assert_untouched(connection: Connection) -> None:
    assert count(connection, "SELECT FROM pg_namespace WHERE nspname = 'sqitch'") == 0
    assert tables(connection) == set()


# What a script may hold --------------------------------------------------------------------------

ODD = r"""
/* A comment /* in a comment; */ with a semicolon; */
CREATE TABLE odd (id integer, said text, list integer[]);
CREATE FUNCTION odd_one() RETURNS integer LANGUAGE sql
BEGIN ATOMIC SELECT 1; SELECT 2; END;
CREATE FUNCTION odd_two() RETURNS text LANGUAGE plpgsql AS $function$
BEGIN
    -- COMMIT; and :'v' and %s are only text here, and so is $$.
    RETURN $$ :'v' :"v" :v %s %(x)s {} $$;
END;
$function$;
CREATE TABLE audit (id integer);
CREATE RULE odd_rule AS ON INSERT TO odd DO ALSO (
    INSERT INTO audit VALUES (1);
    INSERT INTO audit VALUES (2);
);
INSERT INTO odd VALUES (100 % 7, E'it\'s; \\ over', (ARRAY[1, 2, 3])[1:2]);
INSERT INTO odd VALUES ('1'::integer, U&'d\0061t\+000061 é', NULL);
INSERT INTO odd VALUES (1, 'a line that
\i is no command of psql', '{}');
INSERT INTO odd VALUES (1, 'one' -- nothing
    ' string', '{}');
INSERT INTO odd VALUES (1, 'no tab: \t; no quote: \', '{}');
SAVEPOINT before;
INSERT INTO audit VALUES (3);
ROLLBACK TO SAVEPOINT before;
RELEASE SAVEPOINT before;
INSERT INTO odd VALUES (odd_one(), odd_two(), '{}') -- without a semicolon of its own
"""


@needs_sqitch
def test_an_odd_script_does_what_it_does_in_psql(
    server: Cluster, database: str, theirs: str, connection: Connection, sample: Sample
) -> None:
    sample.add("p:odd", deploy=f"{ODD};", verify="SELECT said FROM odd;")

    deploy(connection, sample)
    sqitch(sample, theirs, "deploy", "--verify", "p")

    assert dump(server, database) == dump(server, theirs)
    assert "it's; \\ over" in dump(server, database).replace("\\\\", "\\")


def test_a_rule_that_answers_is_one_statement(connection: Connection, sample: Sample) -> None:
    sample.add(
        "p:a",
        deploy="CREATE TABLE a (id integer);\n"
        "CREATE RULE answer AS ON INSERT TO a DO ALSO (SELECT 'one'; SELECT 'two');\n"
        "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);",
    )

    deploy(connection, sample)

    assert deployed(connection) == ["a"]


def test_a_database_in_which_a_string_ends_elsewhere_is_refused(
    database: str, connection: Connection, sample: Sample
) -> None:
    name = connection.info.dbname
    connection.execute(f"ALTER DATABASE {name} SET standard_conforming_strings = off")
    body = r"INSERT INTO a VALUES ('a\'); INSERT INTO a VALUES ('b'); --');"
    sample.add("p:a", deploy=f"CREATE TABLE a (said text);\n{body}")

    with connect(database) as anew, pytest.raises(ConfigError, match="standard_conforming"):
        deploy(anew, sample)

    assert_untouched(connection)


def test_a_script_may_not_change_where_a_string_ends(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="SELECT 1;\nSET standard_conforming_strings = off;\nSELECT 'x';")

    with pytest.raises(ScriptError, match="standard_conforming_strings") as caught:
        deploy(connection, sample)

    assert caught.value.line == 6
    assert_untouched(connection)


@pytest.mark.parametrize("body", ["", "-- Only a comment.", "/* COMMIT; */", ";;"])
def test_a_script_may_do_nothing(connection: Connection, sample: Sample, body: str) -> None:
    sample.add("p:a")
    for kind in ("deploy", "revert", "verify"):
        sample.write(kind, "p:a", body)

    deploy(connection, sample)
    list(engine.verify(connection, sample.projects))
    revert(connection, sample)

    assert deployed(connection) == []


def test_names_may_differ_by_a_slash_a_dot_or_a_folder(
    connection: Connection, sample: Sample
) -> None:
    names = ["a/b", "a.b", "x/c", "y/c", "a/b/c"]
    for number, name in enumerate(names):
        table = f"t{number}"
        sample.add(
            f"p:{name}",
            deploy=f"CREATE TABLE {table} ();",
            revert=f"DROP TABLE {table};",
            verify=f"TABLE {table};",
        )

    deploy(connection, sample)
    assert deployed(connection) == names
    assert tables(connection) == {f"t{number}" for number in range(len(names))}
    revert(connection, sample, "x/c")
    assert tables(connection) == {"t0", "t1", "t2"}


def test_each_instance_of_a_change_goes_with_its_own_scripts(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    # What is deployed from the plain file belongs to the file of the tag from now on.
    sample.tag("p", "v1")
    for number, tag in enumerate(["v1", "v2"], start=1):
        sample.rework(
            "p:a",
            tag,
            deploy=f"ALTER TABLE a ADD COLUMN x{number} integer;",
            revert=f"ALTER TABLE a DROP COLUMN x{number};",
            verify=f"TABLE a ORDER BY x{number};",
        )
        sample.tag("p", f"v{number + 1}")

    deploy(connection, sample)
    assert deployed(connection) == ["a", "a", "a"]
    assert engine.check(connection, sample.projects) == []
    connection.execute("SELECT x1, x2 FROM a")

    revert(connection, sample, "a@v2")
    connection.execute("SELECT x1 FROM a")
    revert(connection, sample, "a@v1")
    assert tables(connection) == {"a"}
    deploy(connection, sample)
    revert(connection, sample)
    assert tables(connection) == set()


def test_an_instance_whose_own_script_is_missing_is_told_before_anything_is_changed(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="SELECT 1;", revert="SELECT 1;", verify="SELECT 1;")
    sample.path("deploy", "p:a").with_name("a@v1.sql").unlink()

    with pytest.raises(PlanError, match=r"deploy/p/a@v1\.sql: missing script"):
        deploy(connection, sample)

    assert_untouched(connection)


@pytest.mark.parametrize("kind", ["deploy", "revert", "verify"])
def test_a_missing_script_is_told_before_anything_is_changed(
    connection: Connection, sample: Sample, kind: str
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.path(kind, "p:b").unlink()

    with pytest.raises(PlanError, match=rf"{kind}/p/b\.sql: missing script"):
        deploy(connection, sample)

    assert_untouched(connection)


@pytest.mark.parametrize(
    ("body", "words", "line"),
    [
        ("SELECT 1 \\gexec", "psql", 5),
        ("CREATE TABLE b ();\n\\i other.sql", "psql", 6),
        ("\\if true\nSELECT 1;\n\\endif", "psql", 5),
        ("\\copy b FROM 'file'", "psql", 5),
        ("SELECT :'name';", "psql", 5),
        ("CREATE TABLE b (id integer);\nCOPY b FROM STDIN;\n1\n\\.", "COPY FROM STDIN", 6),
        ("COMMIT;\nBEGIN;", "transaction control", 5),
    ],
)
def test_a_script_that_cannot_be_run_names_its_line_and_touches_nothing(
    connection: Connection, sample: Sample, body: str, words: str, line: int
) -> None:
    sample.add("p:a")
    sample.add("p:b", deploy=body)

    with pytest.raises(ScriptError, match=words) as caught:
        deploy(connection, sample)

    assert caught.value.line == line
    assert caught.value.path is not None
    assert caught.value.path.endswith("sql/deploy/p/b.sql")
    assert_untouched(connection)


def test_a_conflict_with_what_nobody_has_planned_touches_nothing(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add("p:b", conflicts=["nowhere"])

    with pytest.raises(PlanError, match=r"p\.plan:5: .*nowhere.*not in the plan"):
        deploy(connection, sample)

    assert_untouched(connection)


# What only the server can refuse -----------------------------------------------------------------


def assert_only_a_is_left(connection: Connection) -> None:
    assert tables(connection) == {"a"}
    assert deployed(connection) == ["a"]
    assert count(connection, HOLDS_LOCK) == 0


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("DO $$ BEGIN COMMIT; END $$;", "2D000"),
        ("CALL ends();", "2D000"),
        ("DISCARD ALL;", "25001"),
        ("VACUUM a;", "25001"),
        ("CREATE INDEX CONCURRENTLY a_ix ON a (id);", "25001"),
        ("INSERT INTO moods VALUES ('new');", "55P04"),
    ],
)
def test_what_cannot_be_in_a_transaction_names_its_statement_and_leaves_nothing(
    connection: Connection, sample: Sample, statement: str, sqlstate: str
) -> None:
    connection.execute(
        "CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;"
        "CREATE TYPE mood AS ENUM ('old'); CREATE SCHEMA odd; CREATE TABLE odd.moods (mood mood);"
    )
    sample.add("p:a")
    use = statement.replace("moods", "odd.moods")
    sample.add("p:b", deploy=f"CREATE TABLE b ();\nALTER TYPE mood ADD VALUE 'new';\n{use}")

    with pytest.raises(DeployFailed, match=r"sql/deploy/p/b\.sql:7:\d+: ") as caught:
        deploy(connection, sample)

    assert caught.value.sqlstate == sqlstate
    assert_only_a_is_left(connection)


def test_a_new_value_of_an_enumeration_is_there_for_the_next_change(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:mood", deploy="CREATE TYPE mood AS ENUM ('old');", verify="SELECT 'old'::mood;")
    sample.add("p:new", deploy="ALTER TYPE mood ADD VALUE 'new';", verify="SELECT 1;")
    sample.add("p:used", deploy="CREATE TABLE used AS SELECT 'new'::mood AS mood;")

    deploy(connection, sample)

    assert deployed(connection) == ["mood", "new", "used"]


def test_a_trigger_that_refuses_at_commit_is_the_failure_of_its_change(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    sample.add(
        "p:b",
        deploy="""\
CREATE TABLE b (id integer);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE 'not today' USING ERRCODE = '23514'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON b DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse();
INSERT INTO b VALUES (1);""",
    )

    with pytest.raises(DeployFailed, match="p:b: commit: not today") as caught:
        deploy(connection, sample)

    assert caught.value.sqlstate == "23514"
    assert_only_a_is_left(connection)


def test_an_event_trigger_that_forbids_ddl_is_told_and_leaves_the_lock_free(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a")
    deploy(connection, sample)
    connection.execute(
        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE 'frozen until monday' USING HINT = 'Ask the DBA.'; END $$"
    )
    connection.execute("CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION forbid()")
    sample.add("p:b", deploy="CREATE TABLE b ();")

    with pytest.raises(DeployFailed, match=r"b\.sql:5:1: frozen until monday") as caught:
        deploy(connection, sample)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Ask the DBA. ")
    assert_only_a_is_left(connection)

    connection.execute("DROP EVENT TRIGGER frozen")
    deploy(connection, sample)
    assert deployed(connection) == ["a", "b"]


# A script that lets go of the deploy lock --------------------------------------------------------


@pytest.mark.parametrize("kind", ["deploy", "verify"])
def test_without_the_lock_a_deploy_is_not_committed(
    connection: Connection, sample: Sample, kind: str
) -> None:
    sample.add("p:a")
    sample.add("p:b")
    body = {"deploy": "CREATE TABLE b ();", "verify": "TABLE b;"}[kind]
    sample.write(kind, "p:b", f"{body}\nSELECT pg_advisory_unlock_all();")

    with pytest.raises(DeployFailed, match=LOST):
        deploy(connection, sample)

    assert_only_a_is_left(connection)


def test_without_the_lock_a_revert_is_not_committed(connection: Connection, sample: Sample) -> None:
    sample.add("p:a")
    sample.write("revert", "p:a", "DROP TABLE a;\nSELECT pg_advisory_unlock_all();")
    deploy(connection, sample)

    with pytest.raises(RevertFailed, match=LOST):
        revert(connection, sample)

    assert_only_a_is_left(connection)


@pytest.mark.parametrize(
    "release",
    ["SELECT pg_advisory_unlock_all();", "DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$;"],
)
def test_without_the_lock_no_further_statement_is_run_outside_of_transactions(
    connection: Connection, sample: Sample, release: str
) -> None:
    sample.add("p:a")
    sample.add(
        "p:b",
        deploy=f"VACUUM a;\n{release}\nCREATE TABLE b ();",
        transactional=False,
    )

    with pytest.raises(DeployFailed):
        deploy(connection, sample)

    assert_only_a_is_left(connection)


def test_a_lock_of_the_scripts_own_does_not_outlive_the_run(
    connection: Connection, sample: Sample
) -> None:
    sample.add("p:a", deploy="CREATE TABLE a ();\nSELECT pg_advisory_xact_lock(42);")

    deploy(connection, sample)

    assert count(connection, "SELECT FROM pg_locks WHERE locktype = 'advisory'") == 0

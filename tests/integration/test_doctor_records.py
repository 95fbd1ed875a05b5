"""What `muniment doctor` finds in plans, registry and yoyo's tables; its commands repair it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.fix_postgres import ROOT
from tests.patient import Patient
from tests.processes import eventually, needs_sqitch
from tests.sample import SETTINGS, Sample

from muniment._db import connect
from muniment.errors import MunimentError
from muniment.migrate import engine, yoyo

DUPLICATES = "INSERT INTO a VALUES (1), (1);"
INDEX = "CREATE UNIQUE INDEX CONCURRENTLY a_ix ON a (id);"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Two changes, with what yoyo needs."""
    made = Sample(tmp_path)
    made.add("p:a")
    made.add("p:b", requires=["a"])
    shutil.copy(ROOT / "yoyo.ini", made.directory)
    return made


@pytest.fixture
def patient(sample: Sample, database: str) -> Patient:
    """A database in which both are deployed."""
    deploy(sample, database)
    return Patient(database, sample.sql)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True, application_name="the test") as opened:
        yield opened


def deploy(sample: Sample, database: str, *targets: str) -> None:
    with connect(database) as opened:
        list(engine.deploy(opened, sample.projects, sample.targets(*targets), settings=SETTINGS))


def generate(sample: Sample) -> None:
    list(yoyo.write_files(sample.sql / "yoyo", yoyo.migration_files(sample.projects)))


# Files -----------------------------------------------------------------------


def test_a_plan_that_cannot_be_read_is_found(patient: Patient, sample: Sample) -> None:
    with sample.plan_path("p").open("a") as plan:
        plan.write("c [nowhere] 2026-02-01T00:00:00Z A <a@example.org>\n")

    found = patient.examine()

    (finding,) = found["plans"].findings
    assert finding.object == f"{sample.plan_path('p')}:6"
    assert finding.meaning.startswith('change "c" requires "nowhere"')
    assert finding.repair[0].by == "hand"
    for check in ("history", "drift", "unrecorded_changes"):
        assert found[check].unknown == ("what concerns p, whose plan cannot be read",)


def test_each_script_that_cannot_be_run_is_found(patient: Patient, sample: Sample) -> None:
    for kind in ("deploy", "revert", "verify"):
        sample.add(f"p:{kind}")
    sample.path("revert", "p:revert").unlink()
    sample.write("verify", "p:verify", "\\i else.sql")
    sample.write("deploy", "p:deploy", "SELECT;", ["-- requires: a"])

    found = patient.examine()["plans"].findings

    assert {(one.object.rpartition("/")[2], one.meaning) for one in found} == {
        ("deploy.sql:2", "the header has requires a, the plan has nothing"),
        ("revert.sql", "missing script"),
        ("verify.sql:5", "column 1: psql meta-command or variable"),
    }


def test_two_changes_with_the_same_script_are_found(patient: Patient, sample: Sample) -> None:
    sample.add("p:c")
    sample.tag("p", "v1")
    for kind in ("deploy", "revert", "verify"):
        path = sample.path(kind, "p:c")
        shutil.copy(path, path.with_name("c@v1.sql"))
    # A rework that does not require what it reworks, and was not edited.
    sample.add("p:c")

    found = {one.object: one.meaning for one in patient.examine()["plans"].findings}

    assert list(found) == [str(sample.path("deploy", "p:c"))]
    assert "is the same as that of p:c" in next(iter(found.values()))


def test_files_of_yoyo_that_are_not_fresh_are_made_anew(patient: Patient, sample: Sample) -> None:
    generate(sample)
    assert patient.ill() == {}
    first, second = sorted((sample.sql / "yoyo").glob("*.py"))
    first.unlink()
    with second.open("a") as file:
        file.write("# an edit\n")

    missing, edited = patient.ill()["yoyo_files"]

    assert (missing.object, edited.object) == (str(first), str(second))
    assert missing.repair == edited.repair
    assert missing.repair[0].command == "muniment yoyo generate"
    patient.treat(missing)
    assert patient.ill() == {}


def test_a_foreign_file_of_yoyo_is_found(patient: Patient, sample: Sample) -> None:
    generate(sample)
    foreign = sample.sql / "yoyo" / "foreign.sql"
    foreign.write_text("SELECT 1;\n")

    finding = patient.finding("yoyo_files")

    assert finding.repair[0].command == f"move {foreign} elsewhere"


# The registry ----------------------------------------------------------------


def test_a_database_without_a_registry_is_deployed_to(sample: Sample, database: str) -> None:
    patient = Patient(database, sample.sql)
    finding = patient.finding("registry")

    assert finding.meaning == "nothing is deployed in this database"
    patient.treat(finding)
    assert patient.ill() == {}


@needs_sqitch
def test_a_registry_of_another_version_is_upgraded(
    patient: Patient, connection: psycopg.Connection
) -> None:
    # What sqitch changed from version 1.0 to 1.1 (App::Sqitch::Engine::Upgrade, pg-1.1.sql).
    connection.execute("ALTER TABLE sqitch.changes DROP CONSTRAINT changes_project_script_hash_key")
    connection.execute("ALTER TABLE sqitch.changes ADD UNIQUE (script_hash)")
    connection.execute("UPDATE sqitch.releases SET version = 1.0")

    found = patient.examine()

    (finding,) = found["registry"].findings
    assert finding.meaning == "the registry is not of version 1.1: 1"
    assert found["history"].state == found["drift"].state == "unknown"
    patient.treat(finding)
    assert patient.ill() == {}


def test_missing_tables_of_muniment_are_made(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("DROP TABLE muniment.blessing, muniment.change_progress")

    finding = patient.finding("registry")

    assert finding.object == "schema muniment"
    patient.treat(finding)
    assert patient.ill() == {}


@needs_sqitch
def test_what_sqitch_alone_has_deployed_gets_the_tables(sample: Sample, database: str) -> None:
    assert sample.sqitch(database, "deploy", "p").returncode == 0
    patient = Patient(database, sample.sql)

    patient.treat(patient.finding("registry"))

    assert patient.ill() == {}
    assert sample.sqitch(database, "verify", "p").returncode == 0


def test_the_uri_of_a_project_without_changes_is_set(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    patient.run("muniment", "revert", "p", "--all", "--yes")
    connection.execute("UPDATE sqitch.projects SET uri = 'https://old.example/it''s'")

    finding = patient.finding("registry")

    assert finding.object == "p"
    patient.treat(finding)
    assert patient.ill() == {}
    deploy(sample, patient.dsn)


def test_the_uri_of_what_is_deployed_cannot_be_set(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("UPDATE sqitch.projects SET uri = 'https://old.example/'")

    finding = patient.finding("registry")

    assert finding.meaning.startswith("project p is registered with URI https://old.example/")
    assert "restore the line %uri= of" in finding.repair[0].command


def test_an_edited_line_of_a_plan_is_found_once(patient: Patient, sample: Sample) -> None:
    plan = sample.plan_path("p")
    text = plan.read_text()
    plan.write_text(text.replace("a 2026", "a  2026").replace("\nb ", "\nc "))
    for kind in ("deploy", "revert", "verify"):
        sample.path(kind, "p:c").write_text(
            sample.path(kind, "p:b").read_text().replace("p:b", "p:c")
        )

    finding = patient.finding("history")

    assert finding.object == f"{plan}:5"
    assert "p:c is not what is deployed: the database has p:b" in finding.meaning
    assert finding.repair[0].by == "hand"
    plan.write_text(text)
    assert patient.ill() == {}


def test_a_script_that_was_edited_is_blessed(patient: Patient, sample: Sample) -> None:
    for kind in ("deploy", "revert"):
        with sample.path(kind, "p:a").open("a") as script:
            script.write("-- an edit\n")

    edited, too = patient.ill()["drift"]

    assert edited.object == str(sample.path("deploy", "p:a"))
    assert too.object == str(sample.path("revert", "p:a"))
    assert edited.repair == too.repair
    patient.treat(edited)
    assert patient.ill() == {}


def test_a_script_that_is_gone_has_to_be_restored(patient: Patient, sample: Sample) -> None:
    path = sample.path("revert", "p:a")
    path.unlink()

    found = patient.ill()

    assert list(found) == ["plans", "drift"]
    assert found["drift"][0].repair[0].command == f"restore {path} from version control"


@pytest.fixture
def half_way(sample: Sample, patient: Patient, connection: psycopg.Connection) -> Sample:
    """A unique index that cannot be built, on rows that are not unique."""
    sample.add(
        "p:a_ix",
        deploy=f"SET maintenance_work_mem = '2MB';\nCOMMENT ON TABLE a IS 'a';\n{INDEX}",
        revert="COMMENT ON TABLE a IS NULL;\nDROP INDEX CONCURRENTLY a_ix;\nSELECT nowhere();",
        verify="SELECT 'a_ix'::regclass;",
        transactional=False,
    )
    connection.execute(DUPLICATES)
    with pytest.raises(MunimentError):
        deploy(sample, patient.dsn)
    return sample


def test_a_change_that_is_half_deployed_is_finished(
    half_way: Sample, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("TRUNCATE a")

    found = patient.ill()

    assert list(found) == ["half_done", "indexes"]
    (change,), (index,) = found.values()
    assert change.object == "p:a_ix"
    assert "has ended when 1 of its statements were done" in change.meaning
    assert index.object == "public.a_ix"
    # The index is the change's: it is the deploy that builds it anew.
    assert change.repair == index.repair
    assert change.repair[0].command == "muniment deploy p:a_ix"
    patient.treat(change)
    assert patient.ill() == {}


def test_a_change_that_is_half_reverted_is_finished(
    half_way: Sample, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("TRUNCATE a")
    deploy(half_way, patient.dsn)
    with connect(patient.dsn) as opened, pytest.raises(MunimentError):
        list(
            engine.revert(
                opened, half_way.projects, ["p"], keep=engine.Target("p", "b"), settings=SETTINGS
            )
        )
    connection.execute("CREATE FUNCTION nowhere() RETURNS integer RETURN 1")

    finding = patient.finding("half_done")

    assert "its revert was begun" in finding.meaning
    patient.treat(finding)
    assert patient.ill() == {}
    status = patient.run("muniment", "status")
    assert "pending: a_ix" in status


def test_a_change_that_is_at_work_is_not_half_done(
    half_way: Sample, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("SELECT pg_advisory_lock(75474063)")

    found = patient.examine()["half_done"]

    assert (found.state, found.notes) == ("ok", ("the deploy of p:a_ix goes on",))


def test_progress_of_a_change_that_cannot_come_is_forgotten(
    half_way: Sample, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("DROP INDEX a_ix")
    plan = half_way.plan_path("p")
    plan.write_text("".join(plan.read_text().splitlines(keepends=True)[:-1]))

    finding = patient.finding("stray_rows")

    assert finding.object == "muniment.change_progress, p:a_ix"
    assert "the change is not planned any more" in finding.meaning
    patient.treat(finding)
    assert patient.ill() == {}


def test_details_of_a_change_that_is_gone_are_deleted(
    patient: Patient, connection: psycopg.Connection
) -> None:
    with connection.transaction():
        # As pg_restore --disable-triggers and a partial restore do.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "UPDATE muniment.change_detail SET change_id = 'f' WHERE change_id = ("
            "SELECT max(change_id) FROM muniment.change_detail)"
        )

    finding = patient.finding("stray_rows")

    assert finding.object == "muniment.change_detail, f"
    patient.treat(finding)
    assert patient.ill() == {}


# yoyo ------------------------------------------------------------------------


def run_yoyo(patient: Patient, *arguments: str) -> None:
    patient.run("yoyo", *arguments)


def own_way(database: str) -> str:
    """Return the URI by which yoyo finds a database without asking muniment."""
    return database.replace("postgresql://", "postgresql+psycopg://")


def test_a_table_of_yoyos_own_gives_way_to_the_view(patient: Patient, sample: Sample) -> None:
    generate(sample)
    run_yoyo(patient, "list", "--database", own_way(patient.dsn))

    finding = patient.finding("yoyo_view")

    assert finding.object == "public._yoyo_migration"
    assert finding.repair[0].command == "muniment yoyo install"
    patient.treat(finding)
    assert patient.ill() == {}
    run_yoyo(patient, "list")


def test_a_table_in_another_schema_gives_way_there(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    generate(sample)
    connection.execute('CREATE SCHEMA "Yo yo"')
    connection.execute(
        'CREATE TABLE "Yo yo"._yoyo_migration (migration_hash text, migration_id text,'
        " applied_at_utc timestamp)"
    )
    ours = yoyo.migration_id(sample.projects.plan("p").changes[0])
    connection.execute(
        'INSERT INTO "Yo yo"._yoyo_migration SELECT %s, %s',
        [sha256(ours.encode()).hexdigest(), ours],
    )

    finding = patient.finding("yoyo_view")

    patient.treat(finding)
    assert patient.ill() == {}
    shown = connection.execute('SELECT FROM "Yo yo"._yoyo_migration').rowcount
    assert shown == 2


def test_the_table_of_another_application_is_none_of_ours(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE TABLE _yoyo_migration (migration_hash text, migration_id text)")
    connection.execute("INSERT INTO _yoyo_migration VALUES ('h', '0001_theirs')")

    found = patient.examine()["yoyo_view"]

    assert (found.state, found.notes) == (
        "ok",
        ("public._yoyo_migration is another application's",),
    )


@pytest.mark.parametrize(
    "outdated",
    [
        # Ids were once something else.
        "CREATE OR REPLACE VIEW _yoyo_migration AS SELECT change_id::varchar(64) AS"
        " migration_hash, change::varchar(255) AS migration_id, committed_at::timestamp AS"
        " applied_at_utc FROM sqitch.changes",
        # The guard once said something else, or was not there.
        "CREATE OR REPLACE FUNCTION muniment.guard_yoyo_migration() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP TRIGGER yoyo_migration_guard_tg ON _yoyo_migration",
    ],
)
def test_a_view_of_an_older_text_is_made_anew(
    patient: Patient, connection: psycopg.Connection, outdated: str
) -> None:
    patient.run("muniment", "yoyo", "install")
    assert patient.ill() == {}
    connection.execute(outdated.encode())

    finding = patient.finding("yoyo_view")

    assert [step.command for step in finding.repair] == [
        "DROP VIEW public._yoyo_migration;",
        "muniment yoyo install",
    ]
    patient.treat(finding)
    assert patient.ill() == {}


def test_the_lock_of_a_yoyo_that_was_killed_is_broken(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    sample.add("p:c", deploy="CREATE TABLE c ();\nSELECT pg_sleep(60);", verify="TABLE c;")
    generate(sample)
    process = subprocess.Popen(
        [sys.executable, "-m", "yoyo", "apply"],
        cwd=sample.directory,
        env=patient.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: _sleeps(connection), "yoyo runs the script")
    alive = patient.examine()["yoyo_lock"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Its sessions end when the server notices, after a second; that of its lock is one of them.
    eventually(lambda: not _others(connection), "the server has noticed")

    assert (alive.state, alive.findings) == ("ok", ())
    assert f"is held by process {process.pid} since" in alive.notes[0]
    finding = patient.finding("yoyo_lock")
    assert finding.object == "public.yoyo_lock"
    assert f"process {process.pid} since" in finding.meaning
    assert finding.repair[0].command == "yoyo break-lock --batch"
    patient.treat(finding)
    assert patient.ill() == {}


def test_a_lock_that_may_be_somebody_elses_is_unknown(
    patient: Patient, connection: psycopg.Connection, sample: Sample
) -> None:
    generate(sample)
    run_yoyo(patient, "list")
    connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4194304)")
    # Somebody from afar, of whom this session cannot tell whether it is that process.
    connection.execute("CREATE ROLE afar LOGIN")
    connection.execute("GRANT SELECT, INSERT ON yoyo_lock TO afar")
    connection.execute("CREATE ROLE near LOGIN")
    connection.execute("GRANT SELECT ON yoyo_lock TO near")
    far, near = (make_conninfo(patient.dsn, user=user) for user in ("afar", "near"))
    try:
        with psycopg.connect(far):
            found = patient.examine(dsn=near)
    finally:
        connection.execute("DROP OWNED BY afar, near")
        connection.execute("DROP ROLE afar, near")

    lock = found["yoyo_lock"]
    assert lock.state == "unknown"
    assert "if it has ended there, run yoyo break-lock --batch" in lock.unknown[0]


def _sleeps(connection: psycopg.Connection) -> bool:
    return bool(
        connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event = 'PgSleep'"
        ).rowcount
    )


def _others(connection: psycopg.Connection) -> bool:
    return bool(
        connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).rowcount
    )

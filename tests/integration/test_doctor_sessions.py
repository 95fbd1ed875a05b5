"""What `muniment doctor` finds of who is at work, or has been; its commands repair it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.fix_postgres import Cluster
from tests.patient import Patient, psql
from tests.processes import eventually, needs_sqitch
from tests.sample import SETTINGS, Sample

from muniment import embedded
from muniment._db import connect
from muniment.errors import DeployFailed
from muniment.migrate import engine
from muniment.migrate.doctor import Finding
from muniment.migrate.locks import LOCK_KEY

TAKE_LOCK = f"SELECT pg_advisory_lock({LOCK_KEY})"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:a")
    return made


@pytest.fixture
def patient(sample: Sample, database: str) -> Patient:
    """A database in which `p:a` is deployed."""
    deploy(sample, database)
    return Patient(database, sample.sql)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True, application_name="the test") as opened:
        yield opened


def deploy(sample: Sample, database: str, *targets: str) -> None:
    with connect(database) as opened:
        list(engine.deploy(opened, sample.projects, sample.targets(*targets), settings=SETTINGS))


@contextmanager
def somebody(patient: Patient, name: str = "somebody") -> Iterator[psycopg.Connection]:
    """Open a session that the treatment may end."""
    session = psycopg.connect(patient.dsn, autocommit=True, application_name=name)
    try:
        yield session
    finally:
        session.close()


def is_gone(session: psycopg.Connection) -> bool:
    try:
        session.execute("SELECT")
    except psycopg.OperationalError:
        return True
    return False


def activity(connection: psycopg.Connection, condition: str) -> int:
    return connection.execute(
        f"SELECT FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
    ).rowcount


# The deploy lock -------------------------------------------------------------


def test_whoever_holds_the_deploy_lock_is_told(patient: Patient) -> None:
    with somebody(patient, "muniment") as session:
        session.execute(TAKE_LOCK)
        found = patient.examine()["deploy_lock"]
        pid = session.info.backend_pid

    assert found.state == "ok"
    assert re.fullmatch(
        rf"held by process {pid} \(muniment, role postgres\)"
        r" since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
        found.notes[0],
    )


def test_whoever_keeps_the_deploy_lock_and_does_nothing_is_ended(patient: Patient) -> None:
    with somebody(patient, "muniment") as session:
        session.execute(TAKE_LOCK)

        finding = patient.finding("deploy_lock", idle_after=0)

        assert "every deploy waits for it" in finding.meaning
        patient.treat(finding)
        assert is_gone(session)
    assert patient.ill(idle_after=0) == {}


def test_a_command_that_comes_too_late_ends_nobody_else(patient: Patient) -> None:
    with somebody(patient) as session:
        session.execute(TAKE_LOCK)
        finding = patient.finding("deploy_lock", idle_after=0)
        # As if another process had got the id since.
        (step,) = finding.repair
        later = re.sub(r"backend_start = '\d{4}", "backend_start = '1999", step.command)
        assert later != step.command
        with somebody(patient) as other:
            assert other.execute(later.encode()).fetchall() == []
        assert not is_gone(session)


# Killed sqitch ---------------------------------------------------------------


@contextmanager
def killed_sqitch(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> Iterator[int]:
    """Kill a real sqitch while its psql runs a script; yield the process of the server."""
    process = subprocess.Popen(
        [shutil.which("sqitch") or "sqitch", "deploy", "p"],
        cwd=sample.directory,
        env=patient.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(
            lambda: bool(activity(connection, "application_name = 'psql' AND state = 'active'")),
            "psql runs the script",
        )
        working = patient.examine()
        assert working["orphaned_scripts"].notes == (
            "a deploy is at work, and its scripts with it",
        )
        assert working["deploy_lock"].notes[0].startswith("held by process")
        assert {name for name, one in working.items() if one.findings} <= {"durability"}

        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        eventually(
            lambda: not activity(connection, "application_name NOT IN ('psql', 'the test')"),
            "sqitch's own session ends",
        )
        row = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'psql'"
            " AND datname = current_database()"
        ).fetchone()
        assert row is not None, "the psql should have gone on"
        yield row[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def long_script(sample: Sample, patient: Patient) -> Sample:
    """A script that waits, after its first statement, for a lock that the test may hold."""
    sample.add(
        "p:b",
        deploy="CREATE TABLE b (id integer);\nSELECT pg_advisory_xact_lock(424242);",
        requires=["a"],
    )
    return sample


@needs_sqitch
def test_the_script_of_a_killed_sqitch_is_ended(
    long_script: Sample, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("SELECT pg_advisory_lock(424242)")
    with killed_sqitch(patient, long_script, connection) as pid:
        finding = patient.finding("orphaned_scripts")

        assert finding.object == f"process {pid} (psql, role postgres)"
        assert "it runs a statement of p:b, while no deploy of sqitch goes on" in finding.meaning
        patient.treat(finding)
        eventually(lambda: not activity(connection, "application_name = 'psql'"), "it has ended")

    assert patient.ill() == {}
    connection.execute("SELECT pg_advisory_unlock(424242)")
    deploy(long_script, patient.dsn)
    assert patient.ill() == {}


@needs_sqitch
def test_what_the_script_of_a_killed_sqitch_has_left_is_adopted(
    long_script: Sample, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("SELECT pg_advisory_lock(424242)")
    with killed_sqitch(patient, long_script, connection):
        assert list(patient.ill()) == ["orphaned_scripts"]
        connection.execute("SELECT pg_advisory_unlock(424242)")
        eventually(lambda: not activity(connection, "application_name = 'psql'"), "it has ended")

    # It has committed, and nobody knows.
    with pytest.raises(DeployFailed):
        deploy(long_script, patient.dsn)
    finding = patient.finding("unrecorded_changes")
    assert finding.object == "p:b"
    adopt(patient, finding, "p:b")
    assert patient.ill() == {}
    assert long_script.sqitch(patient.dsn, "verify", "p").returncode == 0


def test_a_psql_that_writes_is_told_while_nobody_deploys(
    patient: Patient, connection: psycopg.Connection
) -> None:
    with at_psql(patient, "BEGIN;\nALTER TABLE a ADD COLUMN note text;\n"):
        eventually(
            lambda: bool(
                activity(connection, "application_name = 'psql' AND backend_xid IS NOT NULL")
            ),
            "psql writes",
        )
        finding = patient.finding("orphaned_scripts")
        assert "it writes, and holds public.a," in finding.meaning
        patient.treat(finding)
    assert patient.ill() == {}


def test_a_psql_that_reads_is_nobodys_script(
    patient: Patient, connection: psycopg.Connection
) -> None:
    with at_psql(patient, "BEGIN;\nTABLE a;\n"):
        eventually(
            lambda: bool(
                activity(connection, "application_name = 'psql' AND state = 'idle in transaction'")
            ),
            "psql has read",
        )
        assert patient.ill() == {}


@contextmanager
def at_psql(patient: Patient, text: str) -> Iterator[None]:
    """Type something into a psql and leave it waiting."""
    process = subprocess.Popen(
        [psql(), "-X", "-q"],
        env=patient.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(text)
        process.stdin.flush()
        yield
    finally:
        process.kill()
        process.communicate()


# Changes without a record ------------------------------------------------------


def adopt(patient: Patient, finding: Finding, change: str) -> None:
    """Type the command that is named for the case that the objects are there."""
    (step,) = finding.repair
    command = f"muniment adopt {change}"
    assert f"if they are: {command} (" in step.command
    patient.run("/bin/sh", "-c", command)


def test_what_a_hand_has_made_is_adopted(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    sample.add("p:b")
    sample.add("p:c")
    assert patient.ill() == {}
    connection.execute("CREATE TABLE b (id integer)")

    finding = patient.finding("unrecorded_changes")

    assert finding.object == "p:b"
    adopt(patient, finding, "p:b")
    assert patient.ill() == {}


def test_a_verify_script_that_passes_anyway_is_a_possibility_too(
    patient: Patient, sample: Sample
) -> None:
    sample.add("p:rows", deploy="INSERT INTO a VALUES (1);", verify="SELECT id FROM a;")

    finding = patient.finding("unrecorded_changes")

    assert finding.object == "p:rows"
    assert "either its deploy script ran without being recorded" in finding.meaning
    assert "or its verify script asks for nothing that it makes" in finding.meaning
    # Only a person can tell, and to adopt is to never run it.
    (step,) = finding.repair
    assert step.by == "hand"
    assert "muniment adopt p:rows (its deploy script then never runs here)" in step.command


def test_what_proves_nothing_is_not_taken_for_a_change(patient: Patient, sample: Sample) -> None:
    # Another database of the cluster may have made the role.
    sample.add("q:role", deploy="CREATE ROLE nobody_makes_this;", verify="SELECT 1;")
    sample.add("p:b")
    deploy(sample, patient.dsn, "p")
    # The old instance is there, which the verify script of the new one may well accept.
    sample.tag("p", "v1")
    sample.rework("p:b", "v1", deploy="SELECT 2;", revert="SELECT 1;", verify="TABLE b;")
    # Of this, nothing was ever begun.
    sample.add("r:x", verify="SELECT 1;")

    assert patient.ill() == {}


def test_a_role_of_the_cluster_is_no_trace(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    sample.add("p:role", deploy="CREATE ROLE somebody;", verify="SELECT 1;")

    assert patient.ill() == {}


def test_a_verify_script_that_cannot_tell_leaves_it_unknown(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    sample.add("p:b", verify="CREATE TEMPORARY TABLE x AS TABLE b;")
    connection.execute("CREATE TABLE b (id integer)")

    found = patient.examine()["unrecorded_changes"]

    assert found.state == "unknown"
    assert found.unknown[0].startswith("p:b: its verify script cannot tell: cannot execute")
    assert connection.execute("SELECT FROM b").rowcount == 0


def test_a_table_that_is_locked_is_not_waited_for(
    patient: Patient, sample: Sample, connection: psycopg.Connection
) -> None:
    sample.add("p:b")
    connection.execute("CREATE TABLE b (id integer)")
    with connection.transaction():
        connection.execute("LOCK TABLE b")
        found = patient.examine()["unrecorded_changes"]

    assert found.state == "unknown"
    assert "lock timeout" in found.unknown[0]


@pytest.mark.parametrize(
    "meanwhile",
    [TAKE_LOCK, "UPDATE sqitch.changes SET committed_at = clock_timestamp() WHERE change = 'a'"],
)
def test_what_is_being_deployed_meanwhile_is_not_taken_for_a_trace(
    patient: Patient, sample: Sample, connection: psycopg.Connection, meanwhile: str
) -> None:
    sample.add("p:b", verify="TABLE b;\nSELECT pg_sleep(0.5);")
    connection.execute("CREATE TABLE b (id integer)")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(patient.examine)
        eventually(lambda: bool(activity(connection, "wait_event = 'PgSleep'")), "it looks")
        connection.execute(meanwhile.encode())
        found = looking.result()["unrecorded_changes"]

    assert (found.findings, found.unknown) == ((), ("p:b: somebody deploys; look again",))


def test_nothing_is_tried_while_somebody_deploys(patient: Patient, sample: Sample) -> None:
    sample.add("p:b")
    with somebody(patient, "muniment") as session:
        session.execute("CREATE TABLE b (id integer)")
        session.execute(TAKE_LOCK)

        found = patient.examine()["unrecorded_changes"]

    assert (found.state, found.notes) == ("ok", ("p: not looked at while somebody deploys",))


# Who is in the way -----------------------------------------------------------------


def test_a_transaction_that_does_nothing_is_ended(
    patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute('CREATE TABLE "T t" (id integer)')
    with somebody(patient) as session:
        session.execute('BEGIN; TABLE a; TABLE "T t"')
        assert patient.ill() == {}

        finding = patient.finding("blocking_sessions", idle_after=0)

        assert finding.object == f"process {session.info.backend_pid} (somebody, role postgres)"
        assert 'holds public."T t", public.a:' in finding.meaning
        patient.treat(finding)
        assert is_gone(session)
    assert patient.ill(idle_after=0) == {}


def test_a_snapshot_that_is_kept_is_found(patient: Patient) -> None:
    with somebody(patient) as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")

        finding = patient.finding("blocking_sessions", idle_after=0)

        assert "holds a snapshot" in finding.meaning
        patient.treat(finding)
    assert patient.ill(idle_after=0) == {}


def test_a_session_that_holds_nothing_is_left_alone(patient: Patient) -> None:
    with somebody(patient) as session:
        session.execute("BEGIN; SELECT 1")

        assert patient.ill(idle_after=0) == {}


def test_somebody_at_work_is_left_alone(patient: Patient, connection: psycopg.Connection) -> None:
    connection.execute("SELECT pg_advisory_lock(424242)")
    with somebody(patient) as session, ThreadPoolExecutor(1) as pool:
        session.execute("BEGIN; TABLE a")
        working = pool.submit(session.execute, "SELECT pg_advisory_xact_lock(424242)")
        eventually(lambda: bool(activity(connection, "wait_event = 'advisory'")), "it works")

        assert patient.ill(idle_after=0) == {}
        connection.execute("SELECT pg_advisory_unlock(424242)")
        working.result()


@pytest.fixture(scope="module")
def preparing() -> Iterator[str]:
    """A server that lets transactions be prepared."""
    directory = Path(tempfile.mkdtemp(prefix="muniment-"))
    directory.chmod(0o755)
    try:
        dsn = embedded.start(directory / ".muniment").dsn(database="postgres")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 2")
        embedded.stop(directory / ".muniment")
        yield embedded.start(directory / ".muniment").dsn(database="postgres")
    finally:
        embedded.stop(directory / ".muniment")
        shutil.rmtree(directory)


def test_a_transaction_that_was_prepared_and_forgotten_is_rolled_back(
    preparing: str, sample: Sample
) -> None:
    deploy(sample, preparing)
    patient = Patient(preparing, sample.sql)
    with psycopg.connect(preparing, autocommit=True) as connection:
        connection.execute("BEGIN; INSERT INTO a VALUES (1)")
        connection.execute("PREPARE TRANSACTION 'it''s'")
    assert patient.ill() == {}

    finding = patient.finding("blocking_sessions", idle_after=0)

    assert finding.object == "prepared transaction it's"
    assert "holds public.a;" in finding.meaning
    assert finding.repair[0].command == "ROLLBACK PREPARED 'it''s';"
    patient.treat(finding)
    assert patient.ill(idle_after=0) == {}


def test_sessions_that_a_role_may_not_see_are_unknown(
    server: Cluster, patient: Patient, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE ROLE blind LOGIN")
    try:
        with somebody(patient, "psql") as session:
            session.execute(TAKE_LOCK)
            pid = session.info.backend_pid
            found = patient.examine(dsn=make_conninfo(patient.dsn, user="blind"))
    finally:
        connection.execute("DROP ROLE blind")

    hidden = "only a member of pg_read_all_stats sees whether it is at work"
    assert found["deploy_lock"].unknown == (f"process {pid} holds it; {hidden}",)
    assert found["blocking_sessions"].unknown[0].startswith(f"sessions of other roles; {hidden}")

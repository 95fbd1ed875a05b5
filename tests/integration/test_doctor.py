"""`muniment doctor` as a whole: who may look, what it costs, and how it says what it found.

What each check finds, and that the command it prints repairs it, is in test_doctor_*.py.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pglast
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.fix_pooler import Start
from tests.fix_postgres import ROOT, Cluster, deploy
from tests.fix_standby import Standby
from tests.patient import ALWAYS_ILL, Patient
from tests.sample import Sample

from muniment import embedded, queries
from muniment._db import connect
from muniment.migrate import engine
from muniment.migrate.doctor import CHECKS, examine
from muniment.migrate.locks import LOCK_KEY
from muniment.migrate.projects import Projects

SQL = ROOT / "sql"
HOW_TO = ROOT / "docs" / "how-to" / "when-something-is-wrong.md"
THREE_MONTHS = "SELECT agents.ensure_partitions((now() AT TIME ZONE 'UTC')::date, 3)"
NAMES = [check.__name__ for check in CHECKS]


@pytest.fixture(scope="module")
def durable() -> Iterator[Patient]:
    """A server as `muniment up` starts it, with everything deployed and this month made."""
    # Not pytest's tmp_path: a server as another account may not enter that.
    directory = Path(tempfile.mkdtemp(prefix="muniment-"))
    directory.chmod(0o755)
    try:
        dsn = embedded.start(directory / ".muniment").dsn(database="postgres")
        deploy(dsn)
        with psycopg.connect(dsn) as connection:
            connection.execute(THREE_MONTHS)
        yield Patient(dsn, SQL, directory)
    finally:
        embedded.stop(directory / ".muniment")
        shutil.rmtree(directory)


@pytest.fixture
def patient(ledger: str) -> Patient:
    with psycopg.connect(ledger) as connection:
        connection.execute(THREE_MONTHS)
    return Patient(ledger, SQL)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:a")
    made.add("p:b", requires=["a"])
    return made


# How it says it ---------------------------------------------------------------


def test_a_healthy_database_is_called_healthy(durable: Patient) -> None:
    done = durable.muniment("doctor")

    assert done.returncode == 0
    assert done.stderr == "healthy\n"
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        f"ok       {name.replace('_', ' ')}" for name in NAMES
    ]


def test_a_finding_is_told_with_its_command_and_an_exit_code(durable: Patient) -> None:
    with psycopg.connect(durable.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE unproven (id integer)")
        connection.execute('ALTER TABLE unproven ADD CONSTRAINT "A b" CHECK (id > 0) NOT VALID')
        done = durable.muniment("doctor")
        connection.execute("DROP TABLE unproven")

    assert done.returncode == 3
    assert done.stderr == "1 finding\n"
    assert (
        'finding  constraints\n  "A b" on public.unproven: it is NOT VALID: rows that were there '
        "before may break it, which VALIDATE finds out\n"
        '    sql: ALTER TABLE public.unproven VALIDATE CONSTRAINT "A b";\n'
    ) in done.stdout


def test_json_is_one_document_of_one_form(durable: Patient, database: str, sample: Sample) -> None:
    healthy = json.loads(durable.muniment("doctor", "--json").stdout)
    ill = Patient(database, sample.sql).muniment("doctor", "--json")
    document = json.loads(ill.stdout)

    assert (ill.returncode, document["exit_code"], document["healthy"]) == (3, 3, False)
    assert (healthy["exit_code"], healthy["healthy"]) == (0, True)
    for one in (healthy, document):
        assert set(one) == {"healthy", "exit_code", "checks"}
        assert [check["check"] for check in one["checks"]] == NAMES
        for check in one["checks"]:
            assert set(check) == {"check", "state", "findings", "unknown", "notes"}
    (found,) = (check for check in document["checks"] if check["check"] == "registry")
    assert found == {
        "check": "registry",
        "state": "finding",
        "findings": [
            {
                "object": "schema sqitch",
                "meaning": "nothing is deployed in this database",
                "repair": [{"by": "shell", "command": "muniment deploy"}],
            }
        ],
        "unknown": [],
        "notes": [],
    }


def test_a_server_that_does_not_answer_is_an_error_and_no_finding(sample: Sample) -> None:
    nowhere = Patient("postgresql://nobody@127.0.0.1:1/nothing", sample.sql)

    said, in_json = nowhere.muniment("doctor"), nowhere.muniment("doctor", "--json")

    assert (said.returncode, said.stdout) == (1, "")
    assert "muniment: cannot connect" in said.stderr
    document = json.loads(in_json.stdout)
    assert in_json.returncode == document["exit_code"] == 1
    assert (document["event"], document["error"]) == ("run_failed", "ConnectFailed")


def test_a_registry_that_is_kept_elsewhere_is_found(database: str, sample: Sample) -> None:
    patient = Patient(database, sample.sql)
    with (sample.directory / "sqitch.conf").open("a") as config:
        config.write('[engine "pg"]\n\tregistry = my meta\n')

    done = patient.muniment("doctor")

    assert done.returncode == 3
    assert (
        'finding  registry\n  sqitch.conf: [engine "pg"]: sqitch keeps its record in the schema my '
        "meta, muniment in the schema sqitch: neither sees what the other one deploys, and "
        "muniment refuses to\n    hand: take its line `registry` out; if that schema is there: "
        'ALTER SCHEMA "my meta" RENAME TO sqitch;\n'
    ) in done.stdout
    assert "muniment deploy" not in done.stdout


def test_a_name_in_the_database_does_not_act_on_the_terminal(database: str, sample: Sample) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE unproven (id integer)")
        connection.execute(
            b'ALTER TABLE unproven ADD CONSTRAINT "\x1b[2J\nok" CHECK (id > 0) NOT VALID'
        )

    done = Patient(database, sample.sql).muniment("doctor")

    assert '  "\\x1b[2J\\nok" on public.unproven: it is NOT VALID' in done.stdout
    assert "\x1b" not in done.stdout


def test_a_command_names_what_had_to_be_named_and_never_a_password(
    database: str, sample: Sample
) -> None:
    dsn = make_conninfo(database, password="secret")  # noqa: S106
    patient = Patient("postgresql://nobody@127.0.0.1:1/nothing", SQL, sample.directory)

    done = patient.muniment("doctor", "--dsn", dsn, "--sql-dir", "sql")
    found = re.search(r"shell: (muniment deploy --sql-dir sql --dsn .*)", done.stdout)

    assert found, done.stdout
    assert "secret" not in done.stdout + done.stderr
    patient.run("/bin/sh", "-c", found[1])
    assert Patient(database, sample.sql).ill() == {}


# Who may look, and from where ---------------------------------------------------


def test_every_question_has_an_answer_on_every_server(each_ledger: str) -> None:
    with psycopg.connect(each_ledger) as connection:
        connection.execute(THREE_MONTHS)

    assert Patient(each_ledger, SQL).ill() == {}


def test_the_whole_look_takes_few_round_trips(patient: Patient, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with connect(patient.dsn) as connection, trace.open("w") as file:
        connection.pgconn.trace(file.fileno())
        list(examine(connection, Projects(SQL)))
        connection.pgconn.untrace()

    sent = [line for line in trace.read_text().splitlines() if "\tF\t" in line]
    # Who is behind the connection, the registry, the catalogue, tables; and, on a server without
    # pgvector, a verify script.
    assert len([line for line in sent if "Query" in line]) <= 7, sent


def test_it_writes_nothing_and_leaves_no_lock(patient: Patient) -> None:
    with connect(patient.dsn) as connection:
        connection.execute("SET default_transaction_read_only = on")
        found = {one.check: one for one in examine(connection, Projects(SQL))}
        left = connection.execute("SELECT FROM pg_locks WHERE pid = pg_backend_pid()").rowcount

    assert {name for name, one in found.items() if one.state != "ok"} == ALWAYS_ILL
    # Of the question itself.
    assert left == 2


@contextmanager
def login(server: Cluster, patient: Patient, *grants: str) -> Iterator[str]:
    """Make a login that may do little, and yield its DSN."""
    database = urlsplit(patient.dsn).path.removeprefix("/")
    with psycopg.connect(patient.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE looker LOGIN")
        try:
            for grant in grants:
                connection.execute(grant.encode())
            yield make_conninfo(server.dsn(database), user="looker")
        finally:
            connection.execute("DROP OWNED BY looker")
            connection.execute("DROP ROLE looker")


def test_what_a_role_may_not_see_is_unknown_and_not_fine(server: Cluster, patient: Patient) -> None:
    with (
        login(server, patient) as dsn,
        psycopg.connect(patient.dsn, application_name="elsewhere"),
    ):
        found = patient.examine(dsn=dsn)
        done = patient.muniment("doctor", "--dsn", dsn)

    unknown = {name for name, one in found.items() if one.state == "unknown"}
    assert unknown == {
        "registry",
        "history",
        "drift",
        "half_done",
        "stray_rows",
        "unrecorded_changes",
        "blocking_sessions",
        "roles",
    }
    assert {name for name, one in found.items() if one.findings} == ALWAYS_ILL
    assert found["deployer"].notes == ("looker only looks: it cannot deploy",)
    assert found["blocking_sessions"].unknown == (
        "sessions of other roles; only a member of pg_read_all_stats sees whether it is at work: "
        'GRANT pg_read_all_stats TO "looker"',
    )
    assert "unknown  registry: not seen: cannot read the registry" in done.stdout
    assert done.stderr == f"1 finding, 8 of {len(NAMES)} checks could not look\n"


def test_a_role_that_may_only_read_sees_everything(server: Cluster, patient: Patient) -> None:
    grants = [
        "GRANT pg_read_all_stats TO looker",
        "GRANT USAGE ON SCHEMA sqitch, muniment TO looker",
        "GRANT SELECT ON ALL TABLES IN SCHEMA sqitch, muniment TO looker",
        "GRANT USAGE ON SCHEMA platform, agents TO looker",
    ]
    with login(server, patient, *grants) as dsn:
        found = patient.examine(dsn=dsn)

    assert {name for name, one in found.items() if one.state != "ok"} == ALWAYS_ILL


def test_unknown_alone_is_not_healthy(durable: Patient) -> None:
    with psycopg.connect(durable.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE looker LOGIN PASSWORD 'secret'")
        try:
            dsn = make_conninfo(durable.dsn, user="looker", password="secret")  # noqa: S106
            done = durable.muniment("doctor", "--dsn", dsn)
        finally:
            connection.execute("DROP ROLE looker")

    assert done.returncode == 1
    assert re.fullmatch(r"0 findings, \d+ of \d+ checks could not look\n", done.stderr)


def test_it_looks_at_a_standby_and_says_what_only_the_primary_knows(
    patient: Patient, standby: Standby
) -> None:
    with psycopg.connect(patient.dsn) as connection:
        connection.execute("CREATE TABLE unproven (id integer)")
        connection.execute("ALTER TABLE unproven ADD CONSTRAINT u CHECK (id > 0) NOT VALID")

    found = patient.examine(dsn=standby.dsn(patient.dsn))

    states = {name: one.state for name, one in found.items() if one.state != "ok"}
    # Where pgvector is missing, there is a change that could be there already.
    states.pop("unrecorded_changes", None)
    only_primary = ("deploy_lock", "orphaned_scripts", "blocking_sessions")
    assert states == {
        "durability": "finding",
        "constraints": "finding",
        **dict.fromkeys(only_primary, "unknown"),
    }
    for name in only_primary:
        assert found[name].unknown == ("this server is a standby; ask the primary",)
    assert "a standby" in found["server"].notes


def test_a_pooler_in_transaction_mode_is_found(patient: Patient, pooler: Start) -> None:
    shared, own = pooler("transaction"), pooler("session")

    through_shared = patient.examine(dsn=shared.dsn(patient.dsn))
    through_own = patient.examine(dsn=own.dsn(patient.dsn))

    (finding,) = through_shared["pooler"].findings
    assert "transaction mode" in finding.meaning
    assert finding.repair[0].command.startswith("name PostgreSQL itself with --dsn")
    ill = {name for name, one in through_own.items() if one.state != "ok"}
    assert ill == ALWAYS_ILL


# How it is written ---------------------------------------------------------------


def test_each_question_says_why_it_is_asked_and_is_one_statement() -> None:
    text = (Path(queries.__file__).parent / "doctor.sql").read_text()
    names = queries.HEADING.findall(text)

    assert len(names) > 20
    for name in names:
        asked = queries.query(f"doctor.{name}").decode()
        assert asked.startswith("-- "), f"{name} does not say why"
        assert len(pglast.parse_sql(asked)) == 1, name


def test_the_lock_and_the_roles_are_those_that_are_used() -> None:
    deploy_script = (SQL / "deploy" / "platform" / "roles.sql").read_text()

    assert str(LOCK_KEY) in queries.query("doctor.deploy_lock").decode()
    assert set(re.findall(r"'(muniment_\w+)',", deploy_script)) == set(
        re.findall(r"'(muniment_\w+)'\)", queries.query("doctor.roles").decode())
    )


def test_the_how_to_names_each_check() -> None:
    listed = re.findall(r"^\| `([a-z ]+)` \|", HOW_TO.read_text(), re.MULTILINE)

    assert listed == [name.replace("_", " ") for name in NAMES]


def test_each_check_says_what_holds() -> None:
    for check in CHECKS:
        assert check.__doc__
        assert check.__doc__.splitlines()[0].endswith("."), check.__name__


def test_the_engine_has_it() -> None:
    assert engine.examine is examine

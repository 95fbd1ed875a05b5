"""kill -9 at every point where it could hurt: the next `deploy` puts it right by itself.

Each point is reached for certain, not by chance: the process is killed when a script waits at a
gate of the test, when an index cannot be built because of an older transaction, or when a message
to the server, or its answer, is held on the wire. Then `muniment deploy` is run at once, while the
server may still be busy for the dead client, and has to bring everything to its end. `make soak`
repeats each point 20 times.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fix_postgres import Cluster
from tests.fix_wire import Wire
from tests.processes import (
    count,
    end,
    eventually,
    kill,
    needs_sqitch,
    others,
    run,
    sqitch,
    start,
    start_yoyo,
    write_shims,
)
from tests.registry_rows import rows
from tests.sample import SETTINGS, Sample

from muniment._db import Connection, connect
from muniment.migrate import engine, yoyo

# What a script calls where it may be made to wait: `gate.pass` waits for ten minutes, and not only
# until the gate is opened again, so that the server has to notice by itself that the client died.
GATE = """
CREATE SCHEMA gate;
CREATE TABLE gate.closed (name text PRIMARY KEY);
CREATE FUNCTION gate.pass(p_name text) RETURNS void LANGUAGE sql
AS $$ SELECT pg_sleep(600) FROM gate.closed WHERE name = p_name $$;
CREATE FUNCTION gate.pass_at_commit() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM gate.pass(TG_ARGV[0]); RETURN NULL; END $$;
"""

# Changes that are one transaction each; the last but one of the plan is not.
CHANGES = ["c1", "c2", "c3"]
INDEXED = "indexed"
LAST = "c5"
PLAN = [*CHANGES, INDEXED, LAST]

TABLE = """\
CREATE TABLE NAME (id integer);
INSERT INTO NAME VALUES (1);
SELECT gate.pass('deploy NAME');
CREATE CONSTRAINT TRIGGER NAME_tg AFTER INSERT ON NAME DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION gate.pass_at_commit('commit NAME');
INSERT INTO NAME VALUES (2);
UPDATE counter SET n = n + 1;"""
NO_TABLE = """\
UPDATE counter SET n = n - 1;
DROP TABLE NAME;
SELECT gate.pass('revert NAME');"""
PROOF = """\
SELECT id FROM NAME;
SELECT gate.pass('verify NAME');"""

INDEXES = """\
-- Deploy p:indexed to pg
-- transactional: false

SET maintenance_work_mem = '2MB';
CREATE INDEX CONCURRENTLY indexed_a_ix ON c1 (id);
UPDATE counter SET n = n + 1 /* once */;
CREATE INDEX CONCURRENTLY indexed_b_ix ON c1 (id DESC);
ALTER TABLE c1 ADD COLUMN indexed boolean;
VACUUM c1;
CREATE INDEX CONCURRENTLY indexed_c_ix ON c1 (indexed);
"""
# By what they are known on the wire.
STATEMENTS = ["indexed_a_ix ON", "/. once ./", "indexed_b_ix ON", "ADD COLUMN indexed", "VACUUM c1"]
NO_INDEXES = """\
-- Revert p:indexed from pg
-- transactional: false

DROP INDEX CONCURRENTLY indexed_c_ix;
ALTER TABLE c1 DROP COLUMN indexed;
DROP INDEX CONCURRENTLY indexed_b_ix;
UPDATE counter SET n = n - 1;
DROP INDEX CONCURRENTLY indexed_a_ix;
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    made = Sample(tmp_path_factory.mktemp("sample"))
    for name in [*CHANGES, LAST]:
        made.add(
            f"p:{name}",
            deploy=TABLE.replace("NAME", name),
            revert=NO_TABLE.replace("NAME", name),
            verify=PROOF.replace("NAME", name),
        )
        made.tag("p", f"v-{name}")
        if name == CHANGES[-1]:
            made.add(f"p:{INDEXED}", requires=["c1"], verify="SELECT indexed FROM c1;")
            header = "-- Deploy p:indexed to pg\n"
            made.path("deploy", f"p:{INDEXED}").write_text(
                INDEXES.replace(header, f"{header}-- requires: c1\n")
            )
            made.path("revert", f"p:{INDEXED}").write_text(NO_INDEXES)
    write_shims(made)
    return made


@contextmanager
def prepared(dsn: str) -> Iterator[Connection]:
    """Connect to an empty database, and make there what the scripts of the sample need."""
    with connect(dsn, application_name="the test") as connection:
        connection.execute(GATE)
        connection.execute("CREATE TABLE counter AS SELECT 0 AS n")
        yield connection


@pytest.fixture
def watcher(database: str) -> Iterator[Connection]:
    with prepared(database) as connection:
        yield connection


@dataclass
class Undisturbed:
    """What a database is like after a deploy that nobody disturbed."""

    dump: str
    rows: dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def undisturbed(server: Cluster, sample: Sample) -> Iterator[Undisturbed]:
    with server.database() as dsn:
        with prepared(dsn) as connection:
            run(sample, dsn, "deploy")
            list(yoyo.install(connection, settings=SETTINGS))
        yield Undisturbed(dump(server, dsn), rows(dsn))


def dump(server: Cluster, dsn: str) -> str:
    """Return everything in a database but rows that have a clock in them."""
    program = str(server.programs.directory / "pg_dump")
    options = ["--exclude-table=public.yoyo_lock"]
    for clocks in ("sqitch.*", "muniment.*", "public._yoyo*"):
        options.append(f"--exclude-table-data={clocks}")
    done = subprocess.run([program, *options, dsn], capture_output=True, text=True, check=True)
    # A random key that newer versions put into each dump.
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


class Scene:
    """A database in which something is going to be killed.

    Attributes:
        number: The number of the round.
        sample: The projects.
        wire: What the process that is killed is connected by.
        watcher: A session of the test.
    """

    def __init__(
        self, number: int, sample: Sample, database: str, wire: Wire, watcher: Connection
    ) -> None:
        self.number = number
        self.sample = sample
        self.wire = wire
        self.watcher = watcher
        self._database = database
        self._process: subprocess.Popen[str] | None = None

    @property
    def victim(self) -> str:
        """The change at which it happens, another one each round."""
        return CHANGES[self.number % len(CHANGES)]

    @property
    def place(self) -> int:
        """The number of the victim, from 1: which message of its kind is about it."""
        return CHANGES.index(self.victim) + 1

    def deployed(self) -> None:
        """Deploy everything, undisturbed."""
        run(self.sample, self._database, "deploy")

    def kill_at_gate(self, command: list[str], gate: str) -> None:
        """Run a command, and kill it when its script stands before a gate."""
        self.watcher.execute("INSERT INTO gate.closed VALUES (%s)", [gate])
        self._start(command)
        sleeping = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event = 'PgSleep'"
        )
        eventually(lambda: count(self.watcher, sleeping) == 1, f"a script before {gate}")
        self._kill()
        self.watcher.execute("DELETE FROM gate.closed")

    def kill_on_wire(
        self, command: list[str], pattern: str, *, nth: int = 1, answer: bool = False
    ) -> None:
        """Run a command, and kill it before the server hears something, or before it answers."""
        stop = self.wire.hold(pattern, occurrence=nth, answer=answer)
        self._start(command)
        stop.wait()
        self._kill()

    def kill_in_concurrent(self, command: list[str], statement: str, older: str) -> None:
        """Run a command, and kill it while a statement waits for the end of an older transaction.

        Every other round the transaction ends when the server has noticed that the client died, so
        that the statement fails; else at once, so that it may succeed.
        """
        with connect(self._database, application_name="an old one") as old:
            old.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ; {older}")
            self._start(command)
            waiting = (
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                f" AND query LIKE '{statement}%' AND wait_event_type = 'Lock'"
            )
            eventually(lambda: count(self.watcher, waiting) == 1, f"{statement} that waits")
            self._kill()
            if self.number % 2:
                eventually(lambda: count(self.watcher, waiting) == 0, "the server notices")

    def close(self) -> None:
        """End the process, if it never came to its point."""
        if self._process is not None:
            kill(self._process)

    def _start(self, command: list[str]) -> None:
        program, *arguments = command
        starter = {"muniment": start, "yoyo": start_yoyo}[program]
        self._process = starter(self.sample, self.wire.dsn(self._database), *arguments)

    def _kill(self) -> None:
        assert self._process is not None
        process, self._process = self._process, None
        assert process.poll() is None, process.communicate()
        kill(process)
        self.wire.cut()


@pytest.fixture
def scene(
    round_no: int, sample: Sample, database: str, wire: Wire, watcher: Connection
) -> Iterator[Scene]:
    made = Scene(round_no, sample, database, wire, watcher)
    yield made
    made.close()


DEPLOY = ["muniment", "deploy"]
AT_ONCE = ["muniment", "deploy", "p", "--to", CHANGES[-1], "--single-transaction"]
REVERT = ["muniment", "revert", "p", "--all", "--yes"]
RECORD = "INSERT INTO sqitch.changes"
UNRECORD = "DELETE FROM sqitch.changes"
# A COMMIT that is sent by itself: type and length of the message come before it.
COMMIT = "^Q.{4}COMMIT;"


# The points ------------------------------------------------------------------


def before_the_registry_is_made(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, "CREATE TABLE sqitch.changes")


def after_the_registry_was_made(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, "CREATE TABLE sqitch.changes", answer=True)


def before_begin(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, "LOCK TABLE sqitch.changes", nth=scene.place)


def after_begin(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, "LOCK TABLE sqitch.changes", nth=scene.place, answer=True)


def in_a_body(scene: Scene) -> None:
    scene.kill_at_gate(DEPLOY, f"deploy {scene.victim}")


def in_a_verify_script(scene: Scene) -> None:
    scene.kill_at_gate(DEPLOY, f"verify {scene.victim}")


def before_commit(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, RECORD, nth=scene.place)


def in_commit(scene: Scene) -> None:
    scene.kill_at_gate(DEPLOY, f"commit {scene.victim}")


def after_commit(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, RECORD, nth=scene.place, answer=True)


def before_a_statement_outside_of_transactions(scene: Scene) -> None:
    statement = STATEMENTS[scene.number % len(STATEMENTS)]
    scene.kill_on_wire(DEPLOY, statement)


def after_a_statement_outside_of_transactions(scene: Scene) -> None:
    statement = STATEMENTS[scene.number % len(STATEMENTS)]
    scene.kill_on_wire(DEPLOY, statement, answer=True)


def in_create_index_concurrently(scene: Scene) -> None:
    scene.kill_in_concurrent(DEPLOY, "CREATE INDEX CONCURRENTLY", "SELECT 1")


def after_the_last_statement_and_before_the_record(scene: Scene) -> None:
    scene.kill_on_wire(DEPLOY, RECORD, nth=PLAN.index(INDEXED) + 1)


def in_a_single_transaction(scene: Scene) -> None:
    scene.kill_at_gate(AT_ONCE, f"verify {scene.victim}")


def before_commit_of_a_single_transaction(scene: Scene) -> None:
    scene.kill_on_wire(AT_ONCE, COMMIT)


def after_commit_of_a_single_transaction(scene: Scene) -> None:
    scene.kill_on_wire(AT_ONCE, COMMIT, answer=True)


def in_the_body_of_a_revert(scene: Scene) -> None:
    scene.deployed()
    scene.kill_at_gate(REVERT, f"revert {scene.victim}")


def before_commit_of_a_revert(scene: Scene) -> None:
    scene.deployed()
    scene.kill_on_wire(REVERT, UNRECORD, nth=1 + scene.number % len(PLAN))


def after_commit_of_a_revert(scene: Scene) -> None:
    scene.deployed()
    scene.kill_on_wire(REVERT, UNRECORD, nth=1 + scene.number % len(PLAN), answer=True)


def in_drop_index_concurrently(scene: Scene) -> None:
    scene.deployed()
    scene.kill_in_concurrent(REVERT, "DROP INDEX CONCURRENTLY", "SELECT FROM c1")


def in_a_change_of_yoyo(scene: Scene) -> None:
    scene.kill_at_gate(["yoyo", "apply"], f"deploy {scene.victim}")


def before_yoyo_marks(scene: Scene) -> None:
    scene.kill_on_wire(["yoyo", "apply"], r"INSERT INTO .*_yoyo_migration", nth=scene.place)


def in_a_rollback_of_yoyo(scene: Scene) -> None:
    scene.deployed()
    scene.kill_at_gate(["yoyo", "rollback", "--all"], f"revert {scene.victim}")


def before_yoyo_unmarks(scene: Scene) -> None:
    scene.deployed()
    scene.kill_on_wire(
        ["yoyo", "rollback", "--all"],
        r"DELETE FROM .*_yoyo_migration",
        nth=1 + scene.number % len(PLAN),
    )


POINTS: list[Callable[[Scene], None]] = [
    before_the_registry_is_made,
    after_the_registry_was_made,
    before_begin,
    after_begin,
    in_a_body,
    in_a_verify_script,
    before_commit,
    in_commit,
    after_commit,
    before_a_statement_outside_of_transactions,
    after_a_statement_outside_of_transactions,
    in_create_index_concurrently,
    after_the_last_statement_and_before_the_record,
    in_a_single_transaction,
    before_commit_of_a_single_transaction,
    after_commit_of_a_single_transaction,
    in_the_body_of_a_revert,
    before_commit_of_a_revert,
    after_commit_of_a_revert,
    in_drop_index_concurrently,
    in_a_change_of_yoyo,
    before_yoyo_marks,
    in_a_rollback_of_yoyo,
    before_yoyo_unmarks,
]


# What is promised ------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_after_kill_9_the_next_deploy_completes(
    point: Callable[[Scene], None],
    scene: Scene,
    server: Cluster,
    sample: Sample,
    database: str,
    watcher: Connection,
    undisturbed: Undisturbed,
) -> None:
    point(scene)

    # At once: whoever is still at work for the dead client is waited for.
    end(start(sample, database, "deploy"))

    eventually(lambda: others(watcher) == 0, "the server has let go of the dead client")
    assert_nobody_could_tell(server, sample, database, watcher, undisturbed)


def assert_nobody_could_tell(
    server: Cluster,
    sample: Sample,
    database: str,
    watcher: Connection,
    undisturbed: Undisturbed,
) -> None:
    list(engine.verify(watcher, sample.projects))
    assert engine.check(watcher, sample.projects) == []
    (status,) = engine.status(watcher, sample.projects)
    assert (status.pending, status.differences) == ((), ())
    assert count(watcher, "SELECT FROM muniment.change_progress") == 0
    assert count(watcher, "SELECT FROM pg_index WHERE NOT indisvalid") == 0
    list(yoyo.install(watcher, settings=SETTINGS))
    marked = [name for (name,) in watcher.execute("SELECT migration_id FROM _yoyo_migration")]
    assert sorted(marked) == sorted(map(yoyo.migration_id, sample.projects.steps([])))
    assert dump(server, database) == undisturbed.dump
    assert_each_deployed_once(rows(database), undisturbed.rows)
    if shutil.which("sqitch"):
        assert "Nothing to deploy (up-to-date)" in sqitch(sample, database, "status", "p")
        assert "Check successful" in sqitch(sample, database, "check", "p")


def assert_each_deployed_once(
    found: dict[str, list[tuple[object, ...]]], expected: dict[str, list[tuple[object, ...]]]
) -> None:
    """Check that nothing is missing or doubled, whatever was reverted on the way."""
    for table in ("projects", "changes", "tags", "dependencies", "releases"):
        assert found[table] == expected[table], table
    # There and back and there again, each way once: nothing else is in the history of a change.
    for change in PLAN:
        events = [event for event, _, name, *_ in found["events"] if name == change]
        assert events in (["deploy"], ["deploy", "revert", "deploy"]), change
    reverted = [name for event, _, name, *_ in found["events"] if event == "revert"]
    assert reverted == PLAN[::-1][: len(reverted)]


@needs_sqitch
def test_sqitch_would_notice_what_is_missing(
    sample: Sample, database: str, watcher: Connection
) -> None:
    run(sample, database, "deploy", "p:c2")

    assert "Undeployed change" in sqitch(sample, database, "status", "p")


def test_the_wire_leaves_what_is_not_held_as_it_is(
    server: Cluster,
    sample: Sample,
    database: str,
    wire: Wire,
    watcher: Connection,
    undisturbed: Undisturbed,
    tmp_path: Path,
) -> None:
    assert urlsplit(wire.dsn(database)).port != urlsplit(database).port
    stop = wire.hold(RECORD, answer=True)
    process = start(sample, wire.dsn(database), "deploy")
    stop.wait()
    stop.released.set()
    end(process)

    assert_nobody_could_tell(server, sample, database, watcher, undisturbed)

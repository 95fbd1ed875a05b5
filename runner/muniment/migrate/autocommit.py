"""A script that cannot run in a transaction: statement by statement, and resumed after a crash.

A row of muniment.change_progress says how far it has come. A statement that can be in a transaction
shares one with that row, so it is done exactly once. One that must stand alone is announced first:
if the run dies meanwhile, the next run knows that it may be done or not, and begins it again. What
it finds of the first attempt it deals with: an INVALID index is dropped, and an error that says the
thing is there (or gone) already means that it was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from muniment._db import Connection, sql
from muniment.errors import ScriptError, StoreError
from muniment.migrate.batch import Part, StatementFailed, roll_back, run_batch
from muniment.migrate.change import CLEAN, LOST_LOCK, RESET, session_settings
from muniment.migrate.locks import HOLDS_LOCK
from muniment.migrate.plan import Change
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import HalfDone, read_progress
from muniment.migrate.script import Script
from muniment.migrate.steps import BuiltIndex, DetachedPartition, Step

__all__ = ["check_progress", "run_script"]


def run_script(
    connection: Connection,
    script: Script,
    *,
    change: Change,
    recorder: Recorder,
    lock_timeout: float,
) -> None:
    """Run what is not done yet of a script that is not one transaction.

    The row of progress stays: whoever records the change deletes it in the same transaction.

    Args:
        connection: A session outside of a transaction that holds the deploy lock.
        script: A deploy or a revert script.
        change: Its change.
        recorder: Writes the progress.
        lock_timeout: Seconds that an ordinary statement may wait for a lock. One that stands alone
            waits as long as it takes: CREATE INDEX CONCURRENTLY waits for every older transaction,
            and a timeout would leave an INVALID index.

    Raises:
        ScriptError: It was begun as another script, or with other statements.
        StatementFailed: A statement failed; those before it are done and stay.
        ConnectFailed: The connection is lost.
    """
    _Run(connection, script, change, recorder, lock_timeout).run()


def check_progress(script: Script, progress: HalfDone) -> None:
    """Check that a script is one that can be gone on with.

    Args:
        script: The script as it is now.
        progress: What is done of it, or of what it was.

    Raises:
        ScriptError: It is one transaction now, or has other statements where they are done.
    """
    if script.is_transactional:
        raise ScriptError(
            f"{progress.qualified} is half done, and its script says now that it is one "
            "transaction",
            path=script.path,
            line=1,
            hint="Restore `-- transactional: false` and the statements that are done.",
        )
    steps = _counted(script)
    for number, sha1 in enumerate(progress.statement_hashes):
        if number < len(steps) and steps[number].sha1 == sha1:
            continue
        line = script.place(steps[number].offset).line if number < len(steps) else 1
        raise ScriptError(
            f"{progress.qualified} was begun with other statements: number {number + 1} of "
            f"{len(progress.statement_hashes)} that are done is not the one here",
            path=script.path,
            line=line,
            hint="Restore the statements that are done; those after them may be edited.",
        )


class _Run:
    """One attempt at a script."""

    def __init__(
        self,
        connection: Connection,
        script: Script,
        change: Change,
        recorder: Recorder,
        lock_timeout: float,
    ) -> None:
        self._connection = connection
        self._script = script
        self._change = change
        self._recorder = recorder
        self._lock_timeout = lock_timeout
        # The SETs so far; a session may have ended since, so each statement gets them anew.
        self._settings: list[Part] = []

    def run(self) -> None:
        done, in_doubt = self._begin()
        waiting = _counted(self._script)[len(done) :]
        for step in self._script.steps:
            if step.nature == "setting":
                self._settings.append(self._part(step))
            elif step in waiting:
                if step.nature == "ordinary":
                    self._run_ordinary(step)
                else:
                    self._run_alone(step, in_doubt=in_doubt and step is waiting[0])

    def _begin(self) -> tuple[list[str], bool]:
        """Return which statements are done, and whether the next one may be."""
        progress = read_progress(self._connection, self._change.change_id)
        if progress is None:
            self._write(self._recorder.begin_progress(self._change, self._script.kind))
            return [], False
        if progress.action != self._script.kind:
            raise ScriptError(
                f"the {progress.action} of {self._change.qualified} was begun and is not finished",
                path=self._script.path,
                hint=f"Finish it with `muniment {progress.action}`.",
            )
        check_progress(self._script, progress)
        return progress.statement_hashes, progress.is_running

    def _run_ordinary(self, step: Step) -> None:
        """Run a statement and note it in one transaction."""
        run = Part.of("start", *CLEAN, "BEGIN", *session_settings(self._lock_timeout))
        noted = Part.of("progress", self._recorder.step_done(self._change, step.sha1))
        with self._noting_failure():
            self._batch(
                run,
                *self._settings,
                self._part(step),
                Part.of("reset of the session", *RESET),
                *self._lock_check(),
                noted,
                Part.of("commit", "COMMIT"),
            )

    def _run_alone(self, step: Step, *, in_doubt: bool) -> None:
        """Run a statement by itself between two notes."""
        self._batch(
            Part.of(
                "progress",
                *CLEAN,
                "BEGIN",
                *session_settings(self._lock_timeout),
                self._recorder.step_begun(self._change),
                "COMMIT",
                # For the session, since there will be no transaction to set them in.
                *session_settings(0, local=False),
            ),
            *self._settings,
        )
        with self._noting_failure():
            self._carry_out(step, in_doubt=in_doubt)
        self._batch(
            Part.of("reset of the session", *RESET),
            *self._lock_check(),
            Part.of(
                "progress",
                "BEGIN",
                *session_settings(self._lock_timeout),
                self._recorder.step_done(self._change, step.sha1),
                "COMMIT",
            ),
        )

    def _carry_out(self, step: Step, *, in_doubt: bool) -> None:
        if step.index is not None:
            self._drop_invalid(step.index)
        if step.detached is not None:
            state = self._partition_state(step.detached)
            if state == "pending":
                self._finish_detaching(step.detached)
                return
            if state is None and in_doubt:
                return
        try:
            self._batch(self._part(step))
        except StatementFailed as error:
            if not (in_doubt and error.sqlstate in step.done_before):
                raise

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Note that the next statement is not done, and why; if it was the server that said so."""
        try:
            yield
        except StatementFailed as error:
            # A statement that loses a fight over a lock is tried again at once.
            with suppress(StoreError):
                self._write(self._recorder.step_failed(self._change, error.message))
            raise

    def _partition_state(self, detached: DetachedPartition) -> str | None:
        """Return ``attached``, ``pending`` while it is being detached, or None."""
        return self._ask(
            "look for the partition",
            "SELECT CASE WHEN inhdetachpending THEN 'pending' ELSE 'attached' END"  # noqa: S608
            " FROM pg_catalog.pg_inherits"
            f" WHERE inhparent = pg_catalog.to_regclass({self._quoted(detached.parent)})"
            f" AND inhrelid = pg_catalog.to_regclass({self._quoted(detached.partition)})",
        )

    def _finish_detaching(self, detached: DetachedPartition) -> None:
        parent, partition = self._name(detached.parent), self._name(detached.partition)
        self._batch(
            Part.of(
                "end of the detaching",
                f"ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE",
            )
        )

    def _drop_invalid(self, index: BuiltIndex) -> None:
        """Drop what an attempt that failed has left of an index; as the script's role."""
        table = self._quoted((index.schema, index.table))
        found = self._ask(
            "look for an INVALID index",
            "SELECT pg_catalog.format('%I.%I', namespace.nspname, class.relname)"  # noqa: S608
            " FROM pg_catalog.pg_index AS index"
            " INNER JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid"
            " INNER JOIN pg_catalog.pg_namespace AS namespace"
            " ON namespace.oid = class.relnamespace"
            f" WHERE index.indrelid = pg_catalog.to_regclass({table})"
            f" AND class.relname = {self._literal(index.name)}"
            # An index of a partitioned table is no leftover: it waits for its leaves.
            " AND class.relkind = 'i' AND NOT index.indisvalid",
        )
        if found is not None:
            self._batch(Part.of("drop of an INVALID index", f"DROP INDEX CONCURRENTLY {found}"))

    def _lock_check(self) -> list[Part]:
        """Return what fails if the script has let go of the deploy lock."""
        return [
            Part.of(
                "check of the deploy lock",
                f"DO $check$ BEGIN IF NOT ({HOLDS_LOCK}) THEN"
                f" RAISE EXCEPTION USING MESSAGE = {self._literal(LOST_LOCK)},"
                " ERRCODE = 'object_not_in_prerequisite_state'; END IF; END $check$",
            )
        ]

    def _batch(self, *parts: Part) -> None:
        try:
            run_batch(self._connection, parts)
        except StatementFailed:
            roll_back(self._connection)
            raise

    def _write(self, statement: str) -> None:
        roll_back(self._connection)
        self._batch(
            Part.of(
                "progress",
                *CLEAN,
                "BEGIN",
                *session_settings(self._lock_timeout),
                statement,
                "COMMIT",
            )
        )

    def _part(self, step: Step) -> Part:
        return Part.step(self._script, step)

    def _ask(self, doing: str, query: str) -> str | None:
        return run_batch(self._connection, [Part.of(doing, query)])[0]

    def _name(self, name: tuple[str | None, str]) -> str:
        """Return a name as SQL, which may have no schema."""
        return sql.Identifier(*(one for one in name if one)).as_string(self._connection)

    def _quoted(self, name: tuple[str | None, str]) -> str:
        """Return a name as a literal for to_regclass()."""
        return self._literal(self._name(name))

    def _literal(self, value: str) -> str:
        return sql.Literal(value).as_string(self._connection)


def _counted(script: Script) -> list[Step]:
    """Return the statements of which progress is noted."""
    return [step for step in script.steps if step.nature != "setting"]

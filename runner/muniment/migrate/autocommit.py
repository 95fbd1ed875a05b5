"""A script that cannot run in a transaction: statement by statement, and resumed after a crash.

A row of muniment.change_progress says how far it has come. A statement that can be in a transaction
shares one with that row, so it is done exactly once. One that must stand alone is announced first:
if the run dies meanwhile, the next run knows that it may be done or not, and begins it again. What
it finds of the first attempt it deals with: an INVALID index is dropped, and an error that says the
thing is there (or gone) already means that it was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from muniment._db import Connection, sql
from muniment.errors import ScriptError, StoreError
from muniment.migrate.batch import Part, StatementFailed, roll_back, run_batch
from muniment.migrate.change import CLEAN, LOST_LOCK, RESET, session_settings
from muniment.migrate.locks import HOLDS_LOCK
from muniment.migrate.plan import Change
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import read_progress
from muniment.migrate.script import Script
from muniment.migrate.steps import BuiltIndex, Step

__all__ = ["run_script"]


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
        steps = self._script.steps
        counted = [step for step in steps if step.nature != "setting"]
        self._check_done(counted, done)
        waiting = counted[len(done) :]
        for step in steps:
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
        return progress.statement_hashes, progress.is_running

    def _check_done(self, steps: Sequence[Step], done: Sequence[str]) -> None:
        for number, sha1 in enumerate(done):
            if number < len(steps) and steps[number].sha1 == sha1:
                continue
            line = self._script.place(steps[number].offset).line if number < len(steps) else None
            raise ScriptError(
                f"the script was begun with other statements: number {number + 1} of "
                f"{len(done)} that are done is not the one here",
                path=self._script.path,
                line=line,
                hint="Restore the statements that are done; those after them may be edited.",
            )

    def _run_ordinary(self, step: Step) -> None:
        """Run a statement and note it in one transaction."""
        run = Part.of("start", *CLEAN, "BEGIN", *session_settings(self._lock_timeout))
        noted = Part.of("progress", self._recorder.step_done(self._change, step.sha1))
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
        if step.index is not None:
            self._drop_invalid(step.index)
        try:
            self._batch(self._part(step))
        except StatementFailed as error:
            # Without a doubt nothing was done, but for an INVALID index, which shows by itself.
            if not (in_doubt and error.sqlstate in step.done_before):
                with suppress(StoreError):
                    self._write(self._recorder.step_failed(self._change))
                raise
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

    def _drop_invalid(self, index: BuiltIndex) -> None:
        """Drop what an attempt that failed has left of an index; as the script's role."""
        names = [index.schema, index.table] if index.schema else [index.table]
        table = sql.Identifier(*names).as_string(self._connection)
        found = run_batch(
            self._connection,
            [
                Part.of(
                    "look for an INVALID index",
                    "SELECT pg_catalog.format('%I.%I', namespace.nspname, class.relname)"  # noqa: S608
                    " FROM pg_catalog.pg_index AS index"
                    " INNER JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid"
                    " INNER JOIN pg_catalog.pg_namespace AS namespace"
                    " ON namespace.oid = class.relnamespace"
                    f" WHERE index.indrelid = pg_catalog.to_regclass({self._literal(table)})"
                    f" AND class.relname = {self._literal(index.name)}"
                    # An index of a partitioned table is no leftover: it waits for its leaves.
                    " AND class.relkind = 'i' AND NOT index.indisvalid",
                )
            ],
        )[0]
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

    def _literal(self, value: str) -> str:
        return sql.Literal(value).as_string(self._connection)

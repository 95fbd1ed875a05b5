"""A deploy written down as one script, for psql and for whoever has to agree to it first.

What is written is what the engine would send, in the same order, made by the same functions: the
lock, the registry, and for each change its script, its verification and its rows in one
transaction. What the engine decides while it runs, the script cannot: it stops at the first error
(another deploy holds the lock, the database is not where it was when this was written, a statement
fails), and is then written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from muniment._db import Connection, sql
from muniment.errors import DeployFailed
from muniment.migrate.change import CLEAN, LOCK_REGISTRY, LOST_LOCK, RESET, Job, session_settings
from muniment.migrate.locks import HOLDS_LOCK, LOCK_KEY
from muniment.migrate.pending import (
    plan_jobs,
    plans_of,
    preparations,
    record_rows,
    refuse_drift,
)
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects, Target
from muniment.migrate.recorder import Recorder
from muniment.migrate.registry import Registry, read_registry
from muniment.migrate.script import Script
from muniment.migrate.settings import Settings

__all__ = ["deploy_as_script"]

_LAST_DEPLOYED = "SELECT change_id FROM sqitch.changes ORDER BY committed_at DESC LIMIT 1"


def deploy_as_script(
    connection: Connection,
    projects: Projects,
    targets: Sequence[Target] = (),
    *,
    settings: Settings,
    verify: bool = True,
    allow_drift: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """Write down what a deploy would do now. It changes nothing and takes no lock.

    Args:
        connection: A session of the database that the script is for.
        projects: The plans and scripts.
        targets: What is wanted; none means all projects that are not optional.
        settings: In whose name, and how patiently; ``lock_wait`` is of no use here.
        verify: Whether each change must pass its verify script before it is committed.
        allow_drift: Write although scripts of deployed changes have changed since.

    Returns:
        The script, and the changes that it deploys; both are empty if there is nothing to deploy.

    Raises:
        PlanError: A plan, a script or the deployed history is not in order.
        DriftFound: A script of a deployed change has changed since.
        DeployFailed: A requirement would not be met, a conflict would be deployed, or a change is
            half done, which only the engine can go on with.
        StoreError: The registry cannot be read.
    """
    steps = projects.steps(targets)
    registry = read_registry(connection, for_a_change=True)
    jobs = plan_jobs(registry, projects, steps)
    if not allow_drift:
        refuse_drift(registry, projects, steps)
    _refuse_half_done(registry, steps)
    recorder = Recorder(connection, settings.committer)
    prepared, _ = preparations(registry, plans_of(projects, steps), jobs, recorder)
    if not (jobs or prepared):
        return "", ()
    writer = _Writer(connection, recorder, settings, verify)
    lines = [*writer.opening(registry, jobs, prepared)]
    last = registry.changes[-1].change_id if registry.changes else None
    for number, job in enumerate(jobs, start=1):
        lines += writer.change(job, last, number, len(jobs))
        last = job.change.change_id
    lines += writer.closing()
    return "\n".join(lines), tuple(job.change.qualified for job in jobs)


class _Writer:
    """Writes the lines of one script."""

    def __init__(
        self, connection: Connection, recorder: Recorder, settings: Settings, verify: bool
    ) -> None:
        self._connection = connection
        self._recorder = recorder
        self._settings = settings
        self._verify = verify

    def opening(
        self, registry: Registry, jobs: Sequence[Job], prepared: Sequence[str]
    ) -> Iterator[str]:
        """Yield what comes before the first change."""
        info = self._connection.info
        yield from _comment(f"Deploys {len(jobs)} changes to database {info.dbname}: written by")
        yield from _comment(
            f"{self._settings.tool} for {self._settings.committer.name}, not run yet."
        )
        yield "--"
        for job in jobs:
            yield from _comment(f"  {job.change.qualified}")
        yield "--"
        yield "-- Run it with `psql -X -f FILE` as the role that was to deploy. It stops at the"
        yield "-- first error; each change before that stays, with its record. Then write it anew."
        yield ""
        yield r"\set ON_ERROR_STOP on"
        yield ""
        yield from self._banner("Keep every other deployer out")
        yield from self._guard(
            f"NOT pg_catalog.pg_try_advisory_lock({LOCK_KEY})",
            "another deploy holds the deploy lock",
        )
        if not registry.exists:
            yield from self._guard(
                "pg_catalog.to_regclass('sqitch.changes') IS NOT NULL",
                "there is a registry now: this script is not of this database, or was run already",
            )
        if prepared:
            yield ""
            yield from self._banner("The registry")
            yield from self._statements(
                "BEGIN", *session_settings(self._settings.lock_timeout), *prepared, "COMMIT"
            )

    def change(self, job: Job, last: str | None, number: int, total: int) -> Iterator[str]:
        """Yield one change.

        Args:
            job: The change.
            last: The id of the change that must be the last one then; None if there is none.
            number: Which one it is, from 1.
            total: How many there are.
        """
        yield ""
        yield from self._banner(f"{number}/{total}  {job.change.qualified}", job.change.note)
        if job.scripts.deploy.is_transactional:
            yield from self._begin(last)
            yield from self._script(job.scripts.deploy)
            yield from self._statements(*RESET, *session_settings(self._settings.lock_timeout))
            if self._verify:
                yield from self._statements("SAVEPOINT muniment_verify")
                yield from self._script(job.scripts.verify)
                yield from self._statements(
                    "ROLLBACK TO SAVEPOINT muniment_verify", "RELEASE SAVEPOINT muniment_verify"
                )
            yield from self._guard(f"NOT ({HOLDS_LOCK})", LOST_LOCK)
            yield from self._statements(*self._rows(job), "COMMIT")
        else:
            yield from self._outside(job, last)

    def closing(self) -> Iterator[str]:
        """Yield what comes after the last change."""
        yield ""
        yield from self._statements(f"SELECT pg_catalog.pg_advisory_unlock({LOCK_KEY})")

    def _outside(self, job: Job, last: str | None) -> Iterator[str]:
        """Yield a change whose script is not one transaction."""
        progress, change = self._recorder, job.change
        settings = session_settings(self._settings.lock_timeout)
        yield from self._begin(last)
        yield from self._statements(progress.begin_progress(change, "deploy"), "COMMIT")
        sets: list[str] = []
        for step in job.scripts.deploy.steps:
            done = progress.step_done(change, step.sha1)
            if step.nature == "setting":
                sets.append(step.text)
            elif step.nature == "ordinary":
                yield from self._statements(*CLEAN, "BEGIN", *settings, *sets, step.text, *RESET)
                yield from self._statements(done, "COMMIT")
            else:
                begun = progress.step_begun(change)
                yield from self._statements(*CLEAN, "BEGIN", *settings, begun, "COMMIT")
                alone = session_settings(0, local=False)
                yield from self._statements(*alone, *sets, step.text, *RESET)
                yield from self._statements("BEGIN", *settings, done, "COMMIT")
        if self._verify:
            yield from self._statements(*CLEAN, "BEGIN", *settings)
            yield from self._script(job.scripts.verify)
            yield from self._statements("ROLLBACK")
        yield from self._begin(last)
        yield from self._guard(f"NOT ({HOLDS_LOCK})", LOST_LOCK)
        yield from self._statements(*self._rows(job), progress.end_progress(change), "COMMIT")

    def _begin(self, last: str | None) -> Iterator[str]:
        yield from self._statements(
            *CLEAN, "BEGIN", *session_settings(self._settings.lock_timeout), LOCK_REGISTRY
        )
        yield from self._guard(
            f"({_LAST_DEPLOYED}) IS DISTINCT FROM {self._literal(last)}",
            "the database is not where it was when this script was written",
        )

    def _rows(self, job: Job) -> list[str]:
        tool = f"{self._settings.tool}, psql"
        return record_rows(self._recorder, job, duration_ms=None, deployed_with=tool)

    def _script(self, script: Script) -> Iterator[str]:
        yield ""
        yield from _comment(script.path)
        yield script.body
        yield ""

    def _guard(self, refused: str, message: str) -> Iterator[str]:
        yield "DO $guard$ BEGIN"
        yield f"    IF {refused} THEN"
        yield f"        RAISE EXCEPTION USING MESSAGE = {self._literal(message)},"
        yield "            ERRCODE = 'object_not_in_prerequisite_state';"
        yield "    END IF;"
        yield "END $guard$;"

    def _statements(self, *statements: str) -> Iterator[str]:
        for statement in statements:
            yield f"{statement.strip()}\n;" if "--" in statement else f"{statement.strip()};"

    def _banner(self, *lines: str) -> Iterator[str]:
        yield f"-- {'-' * 77}"
        for line in lines:
            yield from _comment(line)
        yield ""

    def _literal(self, value: str | None) -> str:
        return sql.Literal(value).as_string(self._connection)


def _comment(text: str) -> Iterator[str]:
    """Yield comment lines: a name with a line end in it must not get out of its comment."""
    for line in text.splitlines() or [""]:
        yield f"-- {line}"


def _refuse_half_done(registry: Registry, steps: Sequence[Change]) -> None:
    """Refuse to write down what only the engine can go on with.

    Raises:
        DeployFailed: A change is half done.
    """
    wanted = {step.change_id for step in steps}
    for half in registry.half_done:
        if half.change_id in wanted:
            raise DeployFailed(
                f"cannot be written as a script: {half.qualified}: its {half.action} was begun and "
                "is not finished",
                change=half.qualified,
                hint="Finish it with `muniment deploy`, then write the rest.",
            )

"""Checks of what is on record: plans, scripts, the registry, and what yoyo has."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from muniment.errors import PlanError
from muniment.migrate import registry as registry_module
from muniment.migrate.doctor.facts import Facts, Row, Unseen, name_database
from muniment.migrate.doctor.report import Finding, Note, Remark, Repair, Unknown
from muniment.migrate.history import check_history, check_project
from muniment.migrate.plan import Change, Plan
from muniment.migrate.projects import Target
from muniment.migrate.registry import Registry
from muniment.migrate.script import Kind
from muniment.migrate.status import Drift, find_drifts
from muniment.migrate.yoyo import MIGRATION_TABLE, compare_files, migration_files, migration_id

__all__ = [
    "drift",
    "half_done",
    "history",
    "plans",
    "registry",
    "stray_rows",
    "yoyo_files",
    "yoyo_lock",
    "yoyo_view",
]

_KINDS: tuple[Kind, ...] = ("deploy", "revert", "verify")
_GUARD = re.compile(r"AS \$function\$(.*?)\$function\$", re.DOTALL)


# Files -----------------------------------------------------------------------


def plans(facts: Facts) -> Iterator[Remark]:
    """Every plan can be read, and every script of it can be run."""
    for error in facts.plan_errors:
        yield _plan_finding(error)
    count = 0
    for plan in facts.plans.values():
        hashes: dict[str, Change] = {}
        for change in plan.changes:
            count += 1
            for kind in _KINDS:
                try:
                    script = facts.projects.script(change, kind)
                except PlanError as error:
                    yield _plan_finding(error)
                    continue
                if kind == "deploy" and hashes.setdefault(script.sha1, change) is not change:
                    yield Finding(
                        script.path,
                        f"it is the same as that of {hashes[script.sha1].qualified}, and the "
                        "registry holds a script only once",
                        (Repair("hand", f"edit {script.path}"),),
                    )
    if not facts.plan_errors:
        try:
            facts.projects.steps([Target(name) for name in facts.projects.names])
        except PlanError as error:
            yield _plan_finding(error)
    yield Note(f"{count} changes in {len(facts.plans)} projects")


def yoyo_files(facts: Facts) -> Iterator[Remark]:
    """The files that yoyo runs are those that the plans make."""
    directory = facts.projects.directory / "yoyo"
    if not directory.is_dir():
        yield Note("no directory for them")
        return
    try:
        files = migration_files(facts.projects)
    except PlanError as error:
        raise Unseen(error.message) from error
    meanings = {
        "missing": "yoyo does not know this change",
        "stale": "it is of a change that is not planned",
        "edited": "it is not as it would be made now",
    }
    for found in compare_files(directory, files):
        if found.state == "foreign":
            move = f"move {found.path} elsewhere"
            yield Finding(
                str(found.path),
                "yoyo would run it, and muniment has not made it",
                (Repair("hand", move),),
            )
        else:
            repair = facts.muniment("yoyo", "generate", dsn=False)
            yield Finding(str(found.path), meanings[found.state], (repair,))


def _plan_finding(error: PlanError) -> Finding:
    where = f"{error.path}:{error.line}" if error.line else str(error.path or "plans")
    meaning = error.message.removeprefix(f"{error.path}:{error.line}: ")
    meaning = meaning.removeprefix(f"{error.path}: ")
    return Finding(where, meaning, (Repair("hand", error.hint or f"mend {where}"),))


# The registry ----------------------------------------------------------------


def registry(facts: Facts) -> Iterator[Remark]:
    """The registry is there, of the version that is understood, and of these projects."""
    if facts.other_registry is not None:
        yield _elsewhere(facts, *facts.other_registry)
    error = facts.registry_error
    if error is not None:
        if error.sqlstate is not None:
            raise Unseen(error.message)
        # It was read, and it is of another version.
        name = next(iter(facts.plans), "PROJECT")
        upgrade = Repair("shell", shlex.join(["sqitch", "upgrade", name]))
        yield Finding("schema sqitch", error.message, (upgrade,))
        return
    found = facts.registry
    if not found.exists and facts.other_registry is not None:
        # What is deployed may be on record there: to deploy now is not what repairs it.
        return
    if not found.exists:
        yield Finding(
            "schema sqitch", "nothing is deployed in this database", (facts.muniment("deploy"),)
        )
        return
    if not found.has_details:
        file = Path(registry_module.__file__).with_name("details.sql")
        command = ["psql", "--dbname", name_database(facts.connection), "--set", "ON_ERROR_STOP=1"]
        yield Finding(
            "schema muniment",
            "tables of it are missing, so that nobody knows whether revert and verify scripts have "
            "changed since, or how far a script has come that is not one transaction",
            (Repair("shell", shlex.join([*command, "--single-transaction", "--file", str(file)])),),
        )
    for plan in facts.plans.values():
        yield from _project_findings(facts, found, plan)
    yield Note(f"{len(found.changes)} changes are deployed")


def _elsewhere(facts: Facts, place: str, schema: str) -> Finding:
    rename = f"ALTER SCHEMA {facts.identifier(schema)} RENAME TO sqitch;"
    return Finding(
        place,
        f"sqitch keeps its record in the schema {schema}, muniment in the schema sqitch: neither "
        "sees what the other one deploys, and muniment refuses to",
        (Repair("hand", f"take its line `registry` out; if that schema is there: {rename}"),),
    )


def _project_findings(facts: Facts, found: Registry, plan: Plan) -> Iterator[Finding]:
    try:
        check_project(found, plan)
    except PlanError as error:
        if found.of(plan.project) or plan.project not in found.projects:
            yield _plan_finding(
                PlanError(
                    error.message.removeprefix(f"{error.path}: "),
                    path=error.path,
                    hint=f"restore the line %uri= of {error.path}: ids of changes are made of it",
                )
            )
        else:
            # Nothing of it is deployed, so no id has been made of the other one.
            uri = "NULL" if plan.uri is None else facts.literal(plan.uri)
            update = (
                f"UPDATE sqitch.projects SET uri = {uri} "  # noqa: S608
                f"WHERE project = {facts.literal(plan.project)};"
            )
            meaning = error.message.removeprefix(f"{error.path}: ")
            yield Finding(plan.project, meaning, (Repair("sql", update),))


def history(facts: Facts) -> Iterator[Remark]:
    """What is deployed of a project is the beginning of its plan."""
    for plan in facts.plans.values():
        try:
            check_history(facts.registry, plan)
        except PlanError as error:
            yield _plan_finding(error)
    yield from facts.unread_plans()
    others = sorted(set(facts.registry.projects) - set(facts.projects.names))
    if others:
        yield Note(f"without a plan here: {', '.join(others)}")


def drift(facts: Facts) -> Iterator[Remark]:
    """The scripts of what is deployed are those that were run."""
    seen: set[str] = set()
    for found in find_drifts(facts.registry, facts.projects, list(facts.plans)):
        # That a change is not planned is a question of the history.
        if found.kind != "plan":
            yield _drift_finding(facts, found, is_first=found.change not in seen)
            seen.add(found.change)
    yield from facts.unread_plans()


def _drift_finding(facts: Facts, found: Drift, *, is_first: bool) -> Finding:
    if found.current_hash is None:
        return Finding(
            found.path,
            f"it is missing, and {found.change} is deployed",
            (Repair("hand", f"restore {found.path} from version control"),),
        )
    same = "" if is_first else " (the same command accepts both)"
    return Finding(
        found.path,
        f"it has changed since {found.change} was deployed, so that another database would get "
        f"something else; restore it, or accept the edit{same}",
        (facts.muniment("bless", found.change, "--reason", "the edit was reviewed"),),
    )


def half_done(facts: Facts) -> Iterator[Remark]:
    """No change is half way: begun outside of a transaction and not brought to its end."""
    for row in facts.progress:
        name = f"{row['project']}:{row['name']}"
        if facts.deploy_lock_holder is not None:
            yield Note(f"the {row['action']} of {name} goes on")
        elif not _is_stray(facts, row):
            yield Finding(
                name,
                f"its {row['action']} was begun at {row['started_at']:%Y-%m-%d %H:%M:%S %Z} and "
                f"has ended when {row['done']} of its statements were done; it is neither there "
                "nor gone",
                (_finish(facts, row),),
            )


def _finish(facts: Facts, row: Row) -> Repair:
    """Return what brings a change to its end, whichever way it was going."""
    project = row["project"]
    if row["action"] == "deploy":
        return facts.muniment("deploy", facts.unmistakable(project, row["name"], row["change_id"]))
    before = [change.name for change in facts.registry.of(project)][:-1]
    if not before:
        return facts.muniment("revert", project, "--all", "--yes")
    return facts.muniment("revert", project, "--to", "@HEAD^", "--yes")


def stray_rows(facts: Facts) -> Iterator[Remark]:
    """No row of muniment's own tables is of a change that is gone."""
    for row in facts.progress:
        if _is_stray(facts, row):
            yield Finding(
                f"muniment.change_progress, {row['project']}:{row['name']}",
                f"it says that a {row['action']} is half way that cannot go on: "
                + _why_stray(row)
                + "; what its script has done stays",
                (_delete(facts, "muniment.change_progress", row["change_id"]),),
            )
    if facts.registry.has_details:
        for row in facts.rows("stray_details"):
            yield Finding(
                f"muniment.change_detail, {row['change_id']}",
                "it is of a change that is not deployed",
                (_delete(facts, "muniment.change_detail", row["change_id"]),),
            )


def _is_stray(facts: Facts, row: Row) -> bool:
    """Whether the run that would go on from a row of progress cannot come."""
    if row["is_deployed"] == (row["action"] == "deploy"):
        return True
    plan = facts.plans.get(row["project"])
    ids = {change.change_id for change in plan.changes} if plan else set()
    return plan is not None and row["change_id"] not in ids


def _why_stray(row: Row) -> str:
    if row["is_deployed"] == (row["action"] == "deploy"):
        return f"the change {'is deployed' if row['is_deployed'] else 'is gone'}"
    return "the change is not planned any more"


def _delete(facts: Facts, table: str, change_id: str) -> Repair:
    where = f"change_id = {facts.literal(change_id)}"
    return Repair("sql", f"DELETE FROM {table} WHERE {where};")  # noqa: S608


# yoyo ------------------------------------------------------------------------


def yoyo_view(facts: Facts) -> Iterator[Remark]:
    """What yoyo takes for its table is the view of the registry, as it is made now."""
    for relation in facts.rows("yoyo"):
        if relation["name"] != MIGRATION_TABLE:
            continue
        if relation["kind"] == "v":
            yield from _view_findings(facts, relation)
        elif _marks_ours(facts, relation):
            yield Finding(
                relation["quoted"],
                "it is a table of yoyo's own, so that yoyo does not see what the others deploy",
                (_install(facts, relation),),
            )
        else:
            yield Note(f"{relation['quoted']} is another application's")


def _view_findings(facts: Facts, view: Row) -> Iterator[Finding]:
    shown = {row["migration_id"] for row in facts.rows(view["quoted"])}
    planned = {change.change_id: change for plan in facts.plans.values() for change in plan.changes}
    expected = {
        migration_id(planned[deployed.change_id])
        for deployed in facts.registry.changes
        if deployed.change_id in planned
    }
    if expected <= shown and view["guard"] == _guard():
        return
    drop = Repair("sql", f"DROP VIEW {view['quoted']};")
    yield Finding(
        view["quoted"],
        "it is not the view that muniment makes now: yoyo may read something else than what is "
        "deployed; whoever was granted the view must be granted it again",
        (drop, _install(facts, view)),
    )


def _guard() -> str:
    """Return the body of the function behind the view, as the server keeps it."""
    text = Path(registry_module.__file__).with_name("yoyo.sql").read_text(encoding="utf-8")
    found = _GUARD.search(text)
    assert found is not None  # noqa: S101  (a test makes the view and looks at it)
    return found[1]


def _marks_ours(facts: Facts, table: Row) -> bool:
    """Whether yoyo, run on these plans, would take a table for its own."""
    marked = {row["migration_id"] for row in facts.rows(table["quoted"])}
    ours = {migration_id(change) for plan in facts.plans.values() for change in plan.changes}
    if marked:
        return not marked.isdisjoint(ours)
    return bool(table["schema"] == facts.row("session")["schema"])


def _install(facts: Facts, relation: Row) -> Repair:
    install = facts.muniment("yoyo", "install", sql_dir=False)
    if relation["schema"] == facts.row("session")["schema"]:
        return install
    # In PGOPTIONS a blank ends an option unless a backslash is before it.
    path = re.sub(r"([\\\s])", r"\\\1", facts.identifier(relation["schema"]))
    options = shlex.quote(f"-c search_path={path}")
    return Repair("shell", f"PGOPTIONS={options} {install.command}")


def yoyo_lock(facts: Facts) -> Iterator[Remark]:
    """The lock of yoyo is not left over from a process that was killed."""
    for relation in facts.rows("yoyo"):
        if relation["name"] == "yoyo_lock":
            for row in facts.rows(relation["quoted"]):
                yield from _lock_findings(facts, relation, row)


def _lock_findings(facts: Facts, relation: Row, row: Row) -> Iterator[Remark]:
    facts.require_primary()
    holder = f"process {row['pid']} since {row['since']:%Y-%m-%d %H:%M:%S} UTC"
    if row["near"] and _is_alive(row["pid"]):
        yield Note(f"{relation['quoted']} is held by {holder}")
    elif row["far"]:
        yield Unknown(
            f"{relation['quoted']} is held by {holder}, which may be on another host; if it has "
            f"ended there, run {_break_lock(facts, relation).command}"
        )
    else:
        yield Finding(
            relation["quoted"],
            f"it is held by {holder}, which has ended: every command of yoyo gives up after ten "
            "seconds",
            (_break_lock(facts, relation),),
        )


def _break_lock(facts: Facts, relation: Row) -> Repair:
    command = ["yoyo", "break-lock", "--batch"]
    if relation["schema"] != facts.row("session")["schema"]:
        command += ["--database", f"muniment://?schema={quote(relation['schema'])}"]
    text = shlex.join(command)
    if facts.named_dsn is not None:
        text = f"DATABASE_URL={shlex.quote(facts.named_dsn)} {text}"
    return Repair("shell", text)


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        # There, signal 0 is Ctrl-C.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is somebody else's.
        return True
    return True

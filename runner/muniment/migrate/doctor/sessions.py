"""Checks of who is at work in the database, and of what somebody has left there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from muniment.errors import PlanError
from muniment.migrate.batch import StatementFailed
from muniment.migrate.doctor.facts import Facts, Row
from muniment.migrate.doctor.report import Finding, Note, Remark, Repair, Unknown
from muniment.migrate.history import differences
from muniment.migrate.plan import Change

__all__ = ["blocking_sessions", "deploy_lock", "orphaned_scripts", "unrecorded_changes"]

# Why a verify script may fail although its change is there: the rights of this role, the lock of
# somebody else, a script that writes, and a server that is about to stop or will not wait.
_INCONCLUSIVE = {"42501", "55P03", "25006", "57014", "40001", "40P01"}

# What a script makes for the whole cluster, another database of it may have made.
_CLUSTER_WIDE = re.compile(r"\bCREATE\s+(ROLE|USER|GROUP|DATABASE|TABLESPACE)\b", re.IGNORECASE)

# Shorter texts, such as COMMIT, are found in any script.
_TELLING_LENGTH = 12


def deploy_lock(facts: Facts) -> Iterator[Remark]:
    """Nobody keeps the deploy lock without doing anything."""
    holder = facts.deploy_lock_holder
    if holder is None:
        yield Note("nobody holds it")
    elif holder["state"] is None:
        yield Unknown(f"process {holder['pid']} holds it; {_HIDDEN}")
    elif _is_idle(facts, holder) and not any(map(_may_be_script, facts.rows("sessions"))):
        yield Finding(
            _named(holder),
            f"it holds the deploy lock since {_clock(holder['backend_start'])} and has done "
            f"nothing for {_duration(holder['seconds'])}: every deploy waits for it",
            (_terminate(facts, holder),),
        )
    else:
        yield Note(f"held by {_named(holder)} since {_clock(holder['backend_start'])}")


def orphaned_scripts(facts: Facts) -> Iterator[Remark]:
    """No script runs on whose sqitch was killed.

    sqitch runs each script in a psql of its own, which does not notice that its parent is gone: it
    goes on, and commits what nobody records.
    """
    holder = facts.deploy_lock_holder
    if holder is not None and not holder["application"].startswith("muniment"):
        yield Note("a deploy is at work, and its scripts with it")
        return
    texts = _pending_texts(facts)
    for session in facts.rows("sessions"):
        if session["application"] != "psql":
            continue
        statement = " ".join((session["query"] or "").rstrip("; \n").split())
        from_script = len(statement) >= _TELLING_LENGTH and next(
            (name for name, text in texts.items() if statement in text), None
        )
        if from_script and session["state"] == "active":
            what = f"it runs a statement of {from_script}"
        elif _may_be_script(session):
            what = f"it writes, and holds {_listed(session['relations'])}"
        elif session["state"] is None:
            yield Unknown(f"process {session['pid']} is a psql; {_HIDDEN}")
            continue
        else:
            continue
        yield Finding(
            _named(session),
            f"{what}, while no deploy of sqitch goes on: if nobody is at work there, it is the "
            "script of a sqitch that was killed, and will commit what nobody records; wait until "
            "it has ended and look again, or end it, which rolls it back",
            (_terminate(facts, session),),
        )


def unrecorded_changes(facts: Facts) -> Iterator[Remark]:
    """What comes next in each plan is not there already, without a record.

    That is what is left of a script that ran on after its sqitch was killed, or of a hand: the next
    deploy would fail because the thing exists. The verify script tells, if it asks for the thing;
    one that passes anyway looks the same from here, so that a person has to decide.
    """
    for plan in facts.plans.values():
        deployed = {change.change_id for change in facts.registry.of(plan.project)}
        pending = [change for change in plan.changes if change.change_id not in deployed]
        # sqitch and muniment register a project before they run anything of it. Where the history
        # is another one, it is not this change that comes next.
        registered = plan.project in facts.registry.projects
        if not pending or not registered or differences(facts.registry, plan):
            continue
        if facts.deploy_lock_holder is not None:
            yield Note(f"{plan.project}: not looked at while somebody deploys")
            continue
        yield from _look_for(facts, pending[0])
    yield from facts.unread_plans()


def _look_for(facts: Facts, change: Change) -> Iterator[Remark]:
    try:
        script = facts.projects.script(change, "verify")
        text = facts.projects.script(change, "deploy").text
    except PlanError as error:
        yield Unknown(f"{change.qualified}: {error.message}")
        return
    is_rework = any(one.name == change.name for one in facts.registry.of(change.project))
    if is_rework or _CLUSTER_WIDE.search(text) or _is_half_done(facts, change):
        # Its verify script may pass for another reason.
        return
    try:
        facts.prove(script)
    except StatementFailed as error:
        if error.sqlstate in _INCONCLUSIVE:
            yield Unknown(f"{change.qualified}: its verify script cannot tell: {error.message}")
        return
    if facts.is_past():
        yield Unknown(f"{change.qualified}: somebody deploys; look again")
        return
    target = facts.unmistakable(change.project, change.name, change.change_id)
    yield Finding(
        change.qualified,
        "it is not recorded as deployed, and its verify script passes: either its deploy script "
        "ran without being recorded, and will fail when it is run again, or its verify script asks "
        "for nothing that it makes",
        (
            Repair(
                "hand",
                "look whether its objects are there; if they are: "
                f"{facts.muniment('adopt', target).command} (its deploy script then never runs "
                "here); if not, make its verify script ask for them",
            ),
        ),
    )


def blocking_sessions(facts: Facts) -> Iterator[Remark]:
    """Nobody holds a transaction open without doing anything, which a deploy would wait for."""
    facts.require_primary()
    for session in facts.rows("sessions"):
        # The one with the deploy lock has a check of its own.
        if session["pid"] == (facts.deploy_lock_holder or {}).get("pid"):
            continue
        if not (session["relations"] or session["has_snapshot"]):
            continue
        if session["is_in_transaction"] and _is_idle(facts, session):
            held = _listed(session["relations"])
            yield Finding(
                _named(session),
                f"its transaction has done nothing for {_duration(session['seconds'])} and holds "
                f"{held}: a deploy that alters that gives up, and CREATE INDEX CONCURRENTLY waits",
                (_terminate(facts, session),),
            )
    for prepared in facts.rows("prepared"):
        if prepared["seconds"] >= facts.idle_after:
            yield Finding(
                f"prepared transaction {prepared['gid']}",
                f"it waits since {_clock(prepared['since'])} to be committed or rolled back, and "
                f"holds {_listed(prepared['relations'])}; whoever prepared it knows which is right",
                (Repair("sql", f"ROLLBACK PREPARED {facts.literal(prepared['gid'])};"),),
            )
    if not facts.row("session")["sees_sessions"] and any(
        session["state"] is None for session in facts.rows("sessions")
    ):
        role = facts.identifier(facts.row("session")["role"])
        yield Unknown(f"sessions of other roles; {_HIDDEN}: GRANT pg_read_all_stats TO {role}")


_HIDDEN = "only a member of pg_read_all_stats sees whether it is at work"


def _pending_texts(facts: Facts) -> dict[str, str]:
    """Return the next deploy script of each plan, blanks made one, by the name of its change."""
    texts: dict[str, str] = {}
    if facts.registry_error is not None:
        return texts
    for plan in facts.plans.values():
        deployed = {change.change_id for change in facts.registry.of(plan.project)}
        pending = [change for change in plan.changes if change.change_id not in deployed]
        for change in pending[:1]:
            try:
                text = facts.projects.script(change, "deploy").text
            except PlanError:
                continue
            texts[change.qualified] = " ".join(text.split())
    return texts


def _may_be_script(session: Row) -> bool:
    """Whether a session could be a script that sqitch has begun."""
    return bool(
        session["application"] == "psql" and session["is_in_transaction"] and session["is_writer"]
    )


def _is_half_done(facts: Facts, change: Change) -> bool:
    return any(row["change_id"] == change.change_id for row in facts.progress)


def _is_idle(facts: Facts, session: Row) -> bool:
    return bool(
        (session["state"] or "").startswith("idle") and session["seconds"] >= facts.idle_after
    )


def _named(session: Row) -> str:
    return f"process {session['pid']} ({session['application']}, role {session['role']})"


def _listed(relations: Sequence[str]) -> str:
    return ", ".join(relations) or "a snapshot"


def _terminate(facts: Facts, session: Row) -> Repair:
    # Ids of processes are used again; the beginning tells this one from a later one.
    began = session["backend_start"].isoformat(sep=" ")
    return Repair(
        "sql",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608
        f"WHERE pid = {session['pid']} AND backend_start = {facts.literal(began)};",
    )


def _clock(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _duration(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} min"

"""Checks of the catalogue: what is half built, who owns it, and who is held to which rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from muniment.errors import PlanError
from muniment.migrate.doctor.facts import Facts, Row, Unseen
from muniment.migrate.doctor.report import Finding, Note, Remark, Repair, Unknown
from muniment.migrate.plan import Change

__all__ = [
    "constraints",
    "deployer",
    "indexes",
    "ownership",
    "partitions",
    "partitions_ahead",
    "roles",
    "row_security",
]


# Left half way --------------------------------------------------------------


def indexes(facts: Facts) -> Iterator[Remark]:
    """No index was left half built."""
    for row in facts.rows("invalid_indexes"):
        name = row["name"]
        if row["is_being_built"]:
            yield Note(f"{name} is being built")
        elif row["is_leftover"]:
            yield Finding(
                name,
                "it is left over from a REINDEX or DROP INDEX CONCURRENTLY that was interrupted: "
                "every write pays for it",
                (Repair("sql", f"DROP INDEX CONCURRENTLY {name};"),),
            )
        else:
            yield Finding(
                name,
                "it was left half built: no query uses it, every write pays for it, and if it is "
                "unique it may not be so",
                (_rebuild(facts, row),),
            )


def _rebuild(facts: Facts, index: Row) -> Repair:
    """Return what makes an index whole: the change that was building it, or the server."""
    for change in _half_deployed(facts):
        try:
            script = facts.projects.script(change, "deploy")
        except PlanError:
            continue
        if any(step.index and step.index.name == index["bare_name"] for step in script.steps):
            target = facts.unmistakable(change.project, change.name, change.change_id)
            return facts.muniment("deploy", target)
    # An exclusion constraint has no other way.
    concurrently = "" if index["is_exclusion"] else "CONCURRENTLY "
    return Repair("sql", f"REINDEX INDEX {concurrently}{index['name']};")


def _half_deployed(facts: Facts) -> list[Change]:
    try:
        ids = {row["change_id"] for row in facts.progress if row["action"] == "deploy"}
    except Unseen:
        return []
    plans = facts.plans.values()
    return [change for plan in plans for change in plan.changes if change.change_id in ids]


def partitions(facts: Facts) -> Iterator[Remark]:
    """No partition was left half detached."""
    for row in facts.rows("pending_detachments"):
        if row["is_going_on"]:
            yield Note(f"{row['name']} is being detached")
        elif row["may_go_on"]:
            yield Unknown(f"{row['name']} is half detached; somebody may be at it, who is hidden")
        else:
            yield Finding(
                row["name"],
                f"its DETACH CONCURRENTLY from {row['parent']} was interrupted: its rows are "
                "missing there already, and no other partition can be detached",
                (
                    Repair(
                        "sql",
                        f"ALTER TABLE {row['parent']} DETACH PARTITION {row['name']} FINALIZE;",
                    ),
                ),
            )


def constraints(facts: Facts) -> Iterator[Remark]:
    """Every constraint holds for the old rows too."""
    for row in facts.rows("unproven_constraints"):
        command = f"ALTER {row['kind']} {row['owner']} VALIDATE CONSTRAINT {row['name']};"
        yield Finding(
            f"{row['name']} on {row['owner']}",
            "it is NOT VALID: rows that were there before may break it, which VALIDATE finds out",
            (Repair("sql", command),),
        )


# Roles and owners -----------------------------------------------------------


def roles(facts: Facts) -> Iterator[Remark]:
    """The group roles are there, stand alone, and can neither log in nor pass by row security."""
    if not _is_deployed(facts, "platform", "roles"):
        yield Note("platform:roles is not deployed")
        return
    for row in facts.rows("roles"):
        role = facts.identifier(row["name"])
        if not row["is_there"]:
            yield Finding(
                row["name"],
                "the role is missing, and its rights with it, which `muniment verify` names",
                (Repair("sql", f"CREATE ROLE {role} NOLOGIN;"),),
            )
        elif row["surplus"]:
            taken = " ".join(f"NO{attribute}" for attribute in row["surplus"])
            yield Finding(
                row["name"],
                f"the role has {', '.join(row['surplus'])}, with which it is no group that rights "
                "are given to, but somebody who passes by them",
                (Repair("sql", f"ALTER ROLE {role} {taken};"),),
            )
    for row in facts.rows("memberships"):
        member, granted = facts.identifier(row["member"]), facts.identifier(row["granted"])
        by = f" GRANTED BY {facts.identifier(row['grantor'])}" if row["grantor"] else ""
        yield Finding(
            row["member"],
            f"the role is a member of {row['granted']} and has its rights; the group roles stand "
            "alone",
            (Repair("sql", f"REVOKE {granted} FROM {member}{by};"),),
        )
    for row in facts.rows("role_settings"):
        place = f" IN DATABASE {facts.identifier(row['database'])}" if row["database"] else ""
        yield Finding(
            row["role"],
            f"the role has settings of its own: {', '.join(row['settings'])}",
            (Repair("sql", f"ALTER ROLE {facts.identifier(row['role'])}{place} RESET ALL;"),),
        )


def deployer(facts: Facts) -> Iterator[Remark]:
    """The role that asks can deploy, if it is one that deploys at all."""
    row = facts.row("deployer")
    name = facts.row("session")["role"]
    role = facts.identifier(name)
    # NULL: there is no registry yet.
    writes, acts = row["can_write_registry"] is not False, row["can_act_as_owner"]
    if row["is_superuser"] or (writes and (acts or not row["has_owner"])):
        return
    if not writes and not acts:
        yield Note(f"{name} only looks: it cannot deploy")
    elif not acts:
        version = facts.row("server")["version_num"]
        options = " WITH SET TRUE" if version >= 160000 else ""
        why = "but not so that it may SET ROLE" if row["is_member"] else "and no member"
        yield Finding(
            name,
            "the role may write the registry but not act as muniment_owner, as scripts do: "
            f"it is {'a member, ' if row['is_member'] else ''}{why}",
            (Repair("sql", f"GRANT muniment_owner TO {role}{options};"),),
        )
    else:
        tables = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sqitch, muniment"
        yield Finding(
            name,
            "the role may act as muniment_owner but not write the registry, which belongs to "
            "whoever deployed first",
            (
                Repair("sql", f"GRANT USAGE ON SCHEMA sqitch, muniment TO {role};"),
                Repair("sql", f"GRANT {tables} TO {role};"),
            ),
        )


def ownership(facts: Facts) -> Iterator[Remark]:
    """Everything in the schemas of muniment_owner is muniment_owner's."""
    for row in facts.rows("strangers"):
        command = f"ALTER {row['kind']} {row['name']} OWNER TO muniment_owner;"
        yield Finding(
            row["name"],
            f"the {row['kind'].lower()} belongs to {row['owner']}, who may change it and is not "
            "held to what muniment_owner is",
            (Repair("sql", command),),
        )


def _is_deployed(facts: Facts, project: str, name: str) -> bool:
    return any(change.name == name for change in facts.registry.of(project))


# Rows -----------------------------------------------------------------------


def row_security(facts: Facts) -> Iterator[Remark]:
    """Everybody is held to the rows of one tenant, by whole tables and by their partitions."""
    meanings = {
        "missing": "its policy {} is missing",
        "altered": "its policy {} is not what the others of its kind are",
        "surplus": "it has the policy {}, which the others of its kind do not have",
        "unforced": "row security does not bind its owner",
        "disabled": "row security is off: whoever may read it reads every tenant's rows",
    }
    for row in facts.rows("policies"):
        yield Finding(
            row["table_name"],
            meanings[row["state"]].format(row["name"]),
            (Repair("sql", f"BEGIN; {row['command']} COMMIT;"),),
        )
    for row in facts.rows("partition_grants"):
        yield Finding(
            row["name"],
            f"{row['grantee']} was granted this partition; rows are reached through the whole "
            "table only",
            (Repair("sql", f"REVOKE ALL ON TABLE {row['name']} FROM {row['grantee']};"),),
        )


def partitions_ahead(facts: Facts) -> Iterator[Remark]:
    """There are partitions for this month and the next two, and nothing lies beside them."""
    missing: dict[tuple[str, ...], list[str]] = {}
    functions: dict[tuple[str, ...], str | None] = {}
    for row in facts.rows("calendar"):
        if row["missing"]:
            key = (str(row["ensure"]), *row["missing"])
            missing.setdefault(key, []).append(row["name"])
            functions[key] = row["ensure"]
        try:
            has_rows = row["default_size"] and facts.rows(row["default_partition"])
        except Unseen as error:
            yield Unknown(f"{row['default_partition']}: {error}")
            continue
        if has_rows:
            yield Finding(
                row["default_partition"],
                f"rows that had no month lie in this default partition of {row['name']}, and stand "
                "in the way of their months",
                (
                    Repair(
                        "hand",
                        f"in one transaction: detach {row['default_partition']}, make the months "
                        f"of its rows, and insert them into {row['name']} again",
                    ),
                ),
            )
    for key, names in missing.items():
        months = key[1:]
        yield Finding(
            ", ".join(names),
            f"there is no partition for {', '.join(month[:7] for month in months)}: a row of such "
            "a month is refused (23514)",
            (_make_months(functions[key], months, names),),
        )


def _make_months(function: str | None, months: tuple[str, ...], tables: list[str]) -> Repair:
    if function is None:
        return Repair("hand", f"make a partition a month of {', '.join(tables)}")
    first, last = date.fromisoformat(months[0]), date.fromisoformat(months[-1])
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return Repair("sql", f"SELECT {function}('{first}', {count});")

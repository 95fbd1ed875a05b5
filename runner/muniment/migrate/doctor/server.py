"""Checks of the server: what it is, who is in between, and whether it keeps what it promises."""

from __future__ import annotations

from collections.abc import Iterator

from muniment.migrate.doctor.facts import Facts, Row
from muniment.migrate.doctor.report import Finding, Note, Remark, Repair
from muniment.migrate.pooler import is_shared

__all__ = ["durability", "pooler", "server"]

OLDEST_SUPPORTED = 15


def server(facts: Facts) -> Iterator[Remark]:
    """The server is one that scripts were written for."""
    row = facts.row("server")
    if row["version_num"] < OLDEST_SUPPORTED * 10_000:
        yield Finding(
            f"PostgreSQL {row['version']}",
            f"it is older than version {OLDEST_SUPPORTED}, the first that the scripts run on",
            (Repair("hand", "upgrade the server with pg_upgrade"),),
        )
    else:
        yield Note(f"PostgreSQL {row['version']}")
    if not row["notices_dead_clients"]:
        yield Note("it does not notice that a deploy was killed until the statement has ended")
    if facts.row("session")["is_standby"]:
        yield Note("a standby")


def pooler(facts: Facts) -> Iterator[Remark]:
    """Nobody else gets this session between two transactions."""
    if is_shared(facts.connection):
        yield Finding(
            "the connection",
            "it goes through a pooler in transaction mode, in which nothing can be deployed: the "
            "deploy lock belongs to a session",
            (
                Repair(
                    "hand",
                    "name PostgreSQL itself with --dsn, or a pool in session mode (pgbouncer: "
                    "pool_mode = session)",
                ),
            ),
        )


def durability(facts: Facts) -> Iterator[Remark]:
    """What is committed survives a crash: it is evidence."""
    for row in facts.rows("settings"):
        # Of synchronous_commit, every other value waits at least for this server's own disk.
        if row["setting"] == "off":
            yield from _turned_off(row)
    for row in facts.rows("asynchronous"):
        role, database = row["role"], row["database"]
        place = f"DATABASE {facts.identifier(database)}" if database else ""
        if role is None:
            command = f"ALTER {place}"
        else:
            command = f"ALTER ROLE {facts.identifier(role)}{' IN ' if place else ''}{place}"
        yield Finding(
            f"role {role}" if role else f"database {database}",
            "its sessions begin with synchronous_commit off: what they have committed just before "
            "a crash may be gone",
            (Repair("sql", f"{command} RESET synchronous_commit;"),),
        )
    if not facts.row("server")["has_checksums"]:
        yield Note("without data checksums the server does not notice a disk that decays")


def _turned_off(setting: Row) -> Iterator[Remark]:
    name, source = setting["name"], setting["source"]
    if source in {"database", "user", "database user"}:
        # It is a preset, all of which are told below.
        return
    if source in {"client", "session", "interactive", "test"}:
        yield Note(f"{name} is off in this session alone")
        return
    repair: tuple[Repair, ...] = (
        Repair("sql", f"ALTER SYSTEM SET {name} = on;"),
        Repair("sql", "SELECT pg_reload_conf();"),
    )
    if source not in {"default", "configuration file"}:
        repair = (Repair("hand", f"take {name} off the server's {source} and start it again"),)
    meaning = (
        "it is off: what was committed just before a crash may be gone"
        if name == "synchronous_commit"
        else "it is off: a crash of the system may destroy any part of the database"
    )
    yield Finding(name, meaning, repair)

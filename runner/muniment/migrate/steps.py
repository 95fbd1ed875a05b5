"""The statements of a script that is not one transaction, and what each of them asks for.

Such a script says `-- transactional: false` in its header and has no envelope, so that psql and
sqitch run it statement by statement as the engine does. It is always read with PostgreSQL's own
grammar (pglast), because what may be repeated, and what must stand alone, is a question of syntax.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from muniment.errors import ScriptError

__all__ = ["BuiltIndex", "DetachedPartition", "Step", "read_steps"]

Nature = Literal["setting", "ordinary", "alone"]

# Statements that the server refuses in a transaction block, or that may end transactions of their
# own (PostgreSQL docs, each under "Notes"); by pglast's names.
_ALONE = frozenset(
    {
        "AlterDatabaseStmt",
        "AlterSubscriptionStmt",
        "AlterSystemStmt",
        "CallStmt",
        "ClusterStmt",
        "CreateSubscriptionStmt",
        "CreateTableSpaceStmt",
        "CreatedbStmt",
        "DropSubscriptionStmt",
        "DropTableSpaceStmt",
        "DropdbStmt",
        "ReindexStmt",
        "VacuumStmt",
    }
)
# duplicate_table (an index too), duplicate_object, duplicate_database: a second attempt to make
# something meets what the first has made. undefined_object, undefined_table, invalid_catalog_name.
_MADE = frozenset({"42P07", "42710", "42P04"})
_GONE = frozenset({"42704", "42P01", "3D000"})
_DONE_BEFORE = {
    "IndexStmt": _MADE,
    "CreateSubscriptionStmt": _MADE,
    "CreateTableSpaceStmt": _MADE,
    "CreatedbStmt": _MADE,
    "DropStmt": _GONE,
    "DropSubscriptionStmt": _GONE,
    "DropTableSpaceStmt": _GONE,
    "DropdbStmt": _GONE,
}

# Each statement gets a session of its own, so to speak: what is left in a session by one statement
# for the next would be gone, and under psql would not.
_LEFT_IN_SESSION = frozenset(
    {
        "ClosePortalStmt",
        "DeallocateStmt",
        "DeclareCursorStmt",
        "DiscardStmt",
        "ExecuteStmt",
        "FetchStmt",
        "ListenStmt",
        "LoadStmt",
        "LockStmt",
        "PrepareStmt",
        "UnlistenStmt",
    }
)
_SETS_CONFIG = re.compile(r"\bset_config\s*\(", re.IGNORECASE)
_ENDS_TRANSACTION = re.compile(r"\b(COMMIT|ROLLBACK|CALL)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """The index that a CREATE INDEX CONCURRENTLY builds, and leaves INVALID if it fails."""

    schema: str | None
    table: str
    name: str


@dataclass(frozen=True, slots=True)
class DetachedPartition:
    """What an ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY takes apart, as schema and name."""

    parent: tuple[str | None, str]
    partition: tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Step:
    """A statement of a script that is not one transaction.

    Attributes:
        text: The statement, without a semicolon.
        offset: Where it begins in the script, in characters.
        sha1: Hash of the text, by which a later run knows that it is done.
        nature: ``setting``: a SET that holds for all that follows. ``alone``: it must be outside of
            a transaction, or may commit by itself. ``ordinary``: everything else, which is put into
            one transaction with the record that it is done.
        done_before: SQLSTATEs with which it fails if it has been carried out already.
        index: The index that it builds, if that is what it does.
        detached: The partition that it detaches, if that is what it does.
    """

    text: str
    offset: int
    sha1: str
    nature: Nature
    done_before: frozenset[str]
    index: BuiltIndex | None
    detached: DetachedPartition | None


def read_steps(text: str, slices: Sequence[slice], path: str) -> tuple[Step, ...]:
    """Return what the statements of a script ask for.

    Args:
        text: The script.
        slices: Where its statements are.
        path: The file, for messages.

    Raises:
        ScriptError: A statement makes no sense outside of a transaction, or an index that is built
            concurrently has no name by which it could be found again.
    """
    return tuple(_step(text, piece, path) for piece in slices)


def _step(text: str, piece: slice, path: str) -> Step:
    from pglast import parse_sql

    statement = text[piece]
    node: Any = parse_sql(statement)[0].stmt
    kind = type(node).__name__
    line = text.count("\n", 0, piece.start) + 1
    if kind == "TransactionStmt":
        raise ScriptError(
            f"transaction control in a script that is not a transaction: {statement}",
            path=path,
            line=line,
            hint="Take it out, or take `-- transactional: false` out of the header.",
        )
    if kind == "VariableSetStmt" and (node.is_local or "TRANSACTION" in (node.name or "")):
        raise ScriptError(
            f"{' '.join(statement.split()[:2]).upper()} has no effect outside of a transaction",
            path=path,
            line=line,
            hint="Write SET: it holds until the end of the script.",
        )
    if kind in _LEFT_IN_SESSION or _is_temporary(node) or _SETS_CONFIG.search(statement):
        raise ScriptError(
            f"what this leaves in the session is gone with the next statement: {statement}",
            path=path,
            line=line,
            hint="Outside of a transaction only SET holds for what follows. Put the rest into a "
            "change of its own, or into one DO.",
        )
    index = None
    if kind == "IndexStmt" and node.concurrent:
        if node.idxname is None:
            raise ScriptError(
                "CREATE INDEX CONCURRENTLY without a name",
                path=path,
                line=line,
                hint="Name the index: after a crash it has to be found again.",
            )
        index = BuiltIndex(node.relation.schemaname, node.relation.relname, node.idxname)
    return Step(
        text=statement,
        offset=piece.start,
        sha1=hashlib.sha1(statement.encode(), usedforsecurity=False).hexdigest(),
        nature=_nature(kind, node, statement),
        done_before=_DONE_BEFORE.get(kind, frozenset()),
        index=index,
        detached=_detached(kind, node),
    )


def _nature(kind: str, node: Any, statement: str) -> Nature:
    if kind == "VariableSetStmt":
        return "setting"
    if kind == "DoStmt":
        return "alone" if _ENDS_TRANSACTION.search(statement) else "ordinary"
    if kind in _ALONE or getattr(node, "concurrent", False):
        return "alone"
    if kind == "AlterTableStmt" and any(_is_concurrent(command) for command in node.cmds):
        return "alone"
    return "ordinary"


def _is_temporary(node: Any) -> bool:
    """Whether it makes a table or a view that ends with the session."""
    into = getattr(node, "into", None) or getattr(node, "intoClause", None)
    made = [getattr(node, name, None) for name in ("relation", "view", "sequence")]
    made.append(into.rel if into else None)
    return any(getattr(one, "relpersistence", None) == "t" for one in made)


def _detached(kind: str, node: Any) -> DetachedPartition | None:
    for command in node.cmds if kind == "AlterTableStmt" else ():
        if _is_concurrent(command):
            partition = command.def_.name
            return DetachedPartition(
                (node.relation.schemaname, node.relation.relname),
                (partition.schemaname, partition.relname),
            )
    return None


def _is_concurrent(command: Any) -> bool:
    """Whether a part of ALTER TABLE is DETACH PARTITION ... CONCURRENTLY."""
    return bool(getattr(command.def_, "concurrent", False))

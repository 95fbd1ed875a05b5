"""Many statements in one round trip, and which of them failed.

A script is some dozen statements, and most of the time of a deploy over a network would be round
trips. So whole texts go to the server by the simple query protocol, and what comes back is counted:
the server answers each statement once, in order, and stops at the first that fails (PostgreSQL
docs, "Multiple Statements in a Simple Query"). The count tells the statement even where the server
names no position, which is so for all but syntax errors and unknown names.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from muniment._db import Connection, DatabaseError
from muniment.errors import ConnectFailed, StoreError
from muniment.migrate.script import Place, Script
from muniment.migrate.steps import Step

__all__ = ["Part", "StatementFailed", "roll_back", "run_batch"]

# psycopg.waiting.Wait and Ready: what a generator given to Connection.wait() asks for and gets.
_WAIT_READ = 1
_WAIT_READ_OR_WRITE = 3
_READY_READ = 1

# psycopg.pq.ExecStatus.TUPLES_OK: an answer with rows.
_TUPLES_OK = 2

# PostgreSQL docs, "Error and Notice Message Fields".
_SEVERITY, _SQLSTATE, _MESSAGE = ord("V"), ord("C"), ord("M")
_DETAIL, _HINT, _CONTEXT = ord("D"), ord("H"), ord("W")
_POSITION, _CONSTRAINT = ord("P"), ord("n")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a batch.

    Attributes:
        doing: What is being done, as a phrase for messages.
        sql: Its statements, each ended by a semicolon.
        count: How many statements that is.
        script: The script that it is taken from, if it is.
        starts: Where each statement begins in that script, in characters.
    """

    doing: str
    sql: str
    count: int
    script: Script | None = None
    starts: tuple[int, ...] = ()

    @classmethod
    def of(cls, doing: str, *statements: str) -> Part:
        """Make a part of single statements, given without semicolons."""
        return cls(doing, "".join(f"{one};\n" for one in statements), len(statements))

    @classmethod
    def body(cls, script: Script) -> Part:
        """Make a part of the body of a script."""
        starts = script.statements
        return cls(f"{script.kind} script", f"{script.body}\n", len(starts), script, starts)

    @classmethod
    def step(cls, script: Script, step: Step) -> Part:
        """Make a part of one statement of a script that is not one transaction."""
        # A newline first: the statement may end in a line comment.
        return cls(f"{script.kind} script", f"{step.text}\n;\n", 1, script, (step.offset,))

    def place(self, statement: int, offset: int | None = None) -> Place | None:
        """Return the place in the script, if there is one.

        Args:
            statement: Number of the statement in the part, from 0.
            offset: Characters from the beginning of the part, when the server named a position.
        """
        if self.script is None:
            return None
        return self.script.place(
            self.starts[statement] if offset is None else self.starts[0] + offset
        )


class StatementFailed(StoreError):
    """The server refused a statement of a batch.

    Attributes:
        part: The part that it belongs to.
        place: Where in the part's script, if that is one.
        detail: The server's detail.
        context: The server's call stack, innermost first.
    """

    def __init__(
        self,
        message: str,
        *,
        part: Part,
        place: Place | None = None,
        sqlstate: str | None = None,
        constraint: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        context: str | None = None,
    ) -> None:
        super().__init__(message, sqlstate=sqlstate, constraint=constraint, hint=hint)
        self.part = part
        self.place = place
        self.detail = detail
        self.context = context


def run_batch(connection: Connection, parts: Sequence[Part]) -> list[str | None]:
    """Send all parts at once and wait for the answers.

    After a failure the transaction that was open is still open, and refuses everything but a
    rollback.

    Args:
        connection: Where to run it; its client_encoding must be UTF8.
        parts: What to run, without parameters and without COPY.

    Returns:
        For each part the first column of the first row that its last statement gave, as text.

    Raises:
        StatementFailed: The server refused a statement.
        ConnectFailed: The connection is lost.
        KeyboardInterrupt: By the user; what was running has been cancelled.
    """
    pgconn = connection.pgconn
    try:
        with connection.lock:
            pgconn.send_query("".join(part.sql for part in parts).encode())
            results = connection.wait(_results(pgconn))
    except DatabaseError as error:
        raise ConnectFailed(f"the connection was lost: {str(error).strip()}") from error
    if results[-1].error_message:
        raise _failure(parts, len(results) - 1, results[-1])
    return _answers(parts, results)


def roll_back(connection: Connection) -> None:
    """End the open transaction, if there is one.

    Raises:
        ConnectFailed: The connection is lost.
    """
    try:
        connection.rollback()
    except DatabaseError as error:
        raise ConnectFailed(f"the connection was lost: {str(error).strip()}") from error


def _results(pgconn: Any) -> Generator[Any, Any, list[Any]]:
    """Flush the query and collect its results without blocking, so that Ctrl-C gets through."""
    while pgconn.flush():
        # Nothing is ready when the time between two looks at signals has passed.
        ready = yield _WAIT_READ_OR_WRITE
        if ready and ready & _READY_READ:
            pgconn.consume_input()
    results: list[Any] = []
    while True:
        while pgconn.is_busy():
            if (yield _WAIT_READ):
                pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return results
        # A rule can answer several times for one statement; the last answer ends it and says so.
        if result.status != _TUPLES_OK or result.command_status:
            results.append(result)


def _answers(parts: Sequence[Part], results: Sequence[Any]) -> list[str | None]:
    answers: list[str | None] = []
    end = 0
    for part in parts:
        end += part.count
        last = results[end - 1] if part.count else None
        value = last.get_value(0, 0) if last is not None and last.ntuples else None
        answers.append(value.decode() if value is not None else None)
    return answers


def _failure(parts: Sequence[Part], statement: int, result: Any) -> StoreError:
    message = _field(result, _MESSAGE) or result.error_message.decode(errors="replace").strip()
    sqlstate = _field(result, _SQLSTATE)
    # Without a SQLSTATE it is libpq that speaks; after FATAL the server hangs up.
    if sqlstate is None or _field(result, _SEVERITY) in {"FATAL", "PANIC"}:
        return ConnectFailed(f"the connection was lost: {message}", sqlstate=sqlstate)
    part, place = _find(parts, statement, _field(result, _POSITION))
    return StatementFailed(
        message,
        part=part,
        place=place,
        sqlstate=sqlstate,
        constraint=_field(result, _CONSTRAINT),
        detail=_field(result, _DETAIL),
        hint=_field(result, _HINT),
        context=_field(result, _CONTEXT),
    )


def _find(parts: Sequence[Part], statement: int, position: str | None) -> tuple[Part, Place | None]:
    """Return the part that failed, and the place in its script, if it is one.

    The position comes first: a syntax error is found before any statement is run, so their count
    says nothing.
    """
    # The server counts characters from 1, over the whole text that it was sent.
    offset = int(position) - 1 if position else None
    for part in parts:
        if offset is not None and offset < len(part.sql):
            return part, part.place(0, offset)
        if offset is None and statement < part.count:
            return part, part.place(statement)
        statement -= part.count
        offset = None if offset is None else offset - len(part.sql)
    return parts[-1], None


def _field(result: Any, code: int) -> str | None:
    value: bytes | None = result.error_field(code)
    return value.decode(errors="replace") if value is not None else None

"""Everything that muniment raises on purpose.

The tree::

    MunimentError               exit_code 1
     +- ConfigError             no database named, unreadable option, missing optional package
     +- PlanError               malformed plan, missing script, header or history differs from plan
     +- ScriptError             a script that no deployer can run: envelope, psql meta-command
     +- MigrationError          .change: the change it happened in
     |   +- DeployFailed
     |   +- DriftFound          exit_code 3
     |   +- VerifyFailed        exit_code 3
     |   +- RevertFailed
     |   +- RevertRefused
     +- StoreError              .sqlstate .constraint: the database refused
     |   +- ConnectFailed
     |   |   +- PoolTimedOut    no connection of the pool was free in time; nothing was sent
     |   +- LockTimedOut
     |   +- Conflicted          rolled back in favour of another transaction; may be tried again
     |   +- ConstraintViolated
     |   |   +- PartitionMissing .table .months
     |   +- AccessDenied
     |   +- RuleError           a rule of the ledger: one class below it for each SQLSTATE
     |       +- IdempotencyConflict, RunEnded, LeaseLost, StateRefused, SessionClosed, ToolUnknown,
     |          ApprovalPending, ApprovalDecided, ArgumentsDiffer, CallEnded, IsolationRefused,
     |          TimeRefused, BodyMissing, CallsOpen, NotThere
     +- ToolCallRefused         .tool_call_id: a tool must not work now, says the ledger
     |   +- EffectUnknown       it may have had its effect already
     |   +- ApprovalDenied
     +- LedgerInputError        .field .reason: what was given cannot be recorded
     +- ShelfError              .key: S3 refused, or what it holds is not what the register says
     |   +- BodyRefused         no such kind, no firm or run, columns that contradict each other
     |   +- ShelfUnreachable    down, slow, overloaded, or cut off in the middle
     |   +- ShelfDenied         wrong credentials, or no right to this
     |   +- ObjectMissing
     |   +- ObjectDiffers       .expected .found: another size, or another SHA-256
     +- ContractError           muniment.tables: the database is not as the code expects it
     +- ServerError             the embedded servers
     +- TranscriptError         .record .reason: a transcript record that cannot go in

A message reads ``what failed: object: reason``, in lower case and without a period; ``hint`` is a
sentence that says what to do next. The cause is kept with ``raise ... from``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID


class MunimentError(Exception):
    """Base of all errors of this package.

    Args:
        message: What failed, on what, and why.
        hint: A sentence that says what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(MunimentError):
    """The caller's settings do not say enough, or contradict each other."""


class PlanError(MunimentError):
    """A plan, or what a plan names, is not in order. ``path`` and ``line`` say where."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message, hint=hint)
        self.path = path
        self.line = line


class ScriptError(PlanError):
    """A script cannot be run as it is written. ``path`` and ``line`` say where."""


class MigrationError(MunimentError):
    """A change could not be carried out.

    Args:
        message: What failed, on what, and why.
        change: The change as ``project:name``.
        sqlstate: The SQLSTATE that the server gave, if it was the server that refused.
        hint: A sentence that says what to do next.
    """

    def __init__(
        self, message: str, *, change: str, sqlstate: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.change = change
        self.sqlstate = sqlstate


class DeployFailed(MigrationError):
    """A deploy script failed. Its transaction was rolled back."""


class DriftFound(MigrationError):
    """A script of a deployed change is not what it was when the change was deployed."""

    exit_code = 3


class VerifyFailed(MigrationError):
    """A verify script failed. During a deploy, the change was rolled back with it."""

    exit_code = 3


class RevertFailed(MigrationError):
    """A revert script failed. Its transaction was rolled back."""


class RevertRefused(MigrationError):
    """A change cannot be reverted, because a deployed change needs it or a script protects data."""


class StoreError(MunimentError):
    """The database refused. Decide by ``sqlstate`` and ``constraint``, never by the message."""

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        constraint: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate
        self.constraint = constraint


class ConnectFailed(StoreError):
    """No connection could be made, or it was lost (SQLSTATE class 08, 57P01 to 57P03)."""


class PoolTimedOut(ConnectFailed):
    """No connection of the pool was free in time. Nothing was sent."""


class LockTimedOut(StoreError):
    """A lock was not granted in time (SQLSTATE 55P03), or another deploy holds the lock."""


class ConstraintViolated(StoreError):
    """A key, a foreign key or a CHECK refused the rows (SQLSTATE class 23)."""


class AccessDenied(StoreError):
    """A grant, a policy or a missing tenant refused the statement (SQLSTATE 42501)."""


class Conflicted(StoreError):
    """The transaction was rolled back in favour of another (SQLSTATE 40001, 40P01)."""


class PartitionMissing(ConstraintViolated):
    """A row is of a month that has no partition (SQLSTATE 23514, and no constraint is named).

    Attributes:
        table: The partitioned table, without its schema.
        months: The months, by their first days in UTC, that the rows may be of. Empty when not
            known.
    """

    table: str = ""
    months: tuple[date, ...] = ()


class RuleError(StoreError):
    """A rule of the ledger refused. There is a class below this for each SQLSTATE of RULES."""


class IdempotencyConflict(RuleError):
    """The key or the id was used for something else (MU100 run, MU106 call, MU113 session)."""


class RunEnded(RuleError):
    """The run has ended and stays as it is (MU101)."""


class LeaseLost(RuleError):
    """Another worker or attempt holds the run (MU102). Drop the work."""


class StateRefused(RuleError):
    """The state does not change in that way (MU103)."""


class SessionClosed(RuleError):
    """The session is not open, so it takes no further turns (MU104)."""


class ToolUnknown(RuleError):
    """There is no such tool, or none of its versions is active (MU105)."""


class ApprovalPending(RuleError):
    """The call waits until somebody approves it (MU107).

    Attributes:
        tool_call_id: The call to decide about, as :meth:`~muniment.Ledger.decide_approval` takes
            it. None when the database refused, which says it in its message.
        requested_at: When it was requested, likewise.
        args_sha256: What is to be approved: the hash of the arguments, 32 bytes.
    """

    tool_call_id: UUID | None = None
    requested_at: datetime | None = None
    args_sha256: bytes | None = None


class ApprovalDecided(RuleError):
    """Somebody has decided already, or too much time has passed (MU108)."""


class ArgumentsDiffer(RuleError):
    """The arguments are not those that were requested or approved (MU109)."""


class CallEnded(RuleError):
    """The tool call has ended, or is not running (MU110)."""


class IsolationRefused(RuleError):
    """The transaction is not READ COMMITTED, so it may not see what it must (MU111)."""


class TimeRefused(RuleError):
    """A time lies in the future, or before what it follows (MU112)."""


class BodyMissing(RuleError):
    """The body is not there, or was redacted already (MU114)."""


class CallsOpen(RuleError):
    """A tool call is still open, so the run cannot have succeeded (MU115)."""


class NotThere(RuleError):
    """The row is not there, or is another firm's (P0002)."""


# By the SQLSTATEs of docs/reference/errors.md.
RULES: dict[str, type[RuleError]] = {
    "MU100": IdempotencyConflict,
    "MU101": RunEnded,
    "MU102": LeaseLost,
    "MU103": StateRefused,
    "MU104": SessionClosed,
    "MU105": ToolUnknown,
    "MU106": IdempotencyConflict,
    "MU107": ApprovalPending,
    "MU108": ApprovalDecided,
    "MU109": ArgumentsDiffer,
    "MU110": CallEnded,
    "MU111": IsolationRefused,
    "MU112": TimeRefused,
    "MU113": IdempotencyConflict,
    "MU114": BodyMissing,
    "MU115": CallsOpen,
    "P0002": NotThere,
}


class ToolCallRefused(MunimentError):
    """A tool must not work now. ``tool_call_id`` names the call that says so."""

    def __init__(self, message: str, *, tool_call_id: UUID, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.tool_call_id = tool_call_id


class EffectUnknown(ToolCallRefused):
    """The call was under way when its worker was lost: its effect may have happened."""


class ApprovalDenied(ToolCallRefused):
    """Somebody denied the call, or nobody decided in time."""


class LedgerInputError(MunimentError):
    """What was given cannot be recorded. Nothing was written.

    Args:
        field: The argument or key, as in ``turns[2].usage.input_tokens``.
        reason: Why, as a phrase.
        sqlstate: What the database refused it with; None when it was not asked.
        hint: A sentence that says what to do next.
    """

    def __init__(
        self, field: str, reason: str, *, sqlstate: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(f"{field}: {reason}", hint=hint)
        self.field = field
        self.reason = reason
        self.sqlstate = sqlstate


class ShelfError(MunimentError):
    """The shelf refused. ``key`` names the object, where there is one."""

    def __init__(self, message: str, *, key: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.key = key


class BodyRefused(ShelfError):
    """What the caller gave is no body: of no kind, of nobody, or in no possible state."""


class ShelfUnreachable(ShelfError):
    """The server is down, slow, overloaded, or ended the connection. Trying again may help."""


class ShelfDenied(ShelfError):
    """The credentials are missing or wrong, or have no right to this."""


class ObjectMissing(ShelfError):
    """The register names an object that the shelf does not have."""


class ObjectDiffers(ShelfError):
    """An object is not what the register says. Nothing of it was returned.

    Args:
        message: What differs, with both values.
        key: Which object.
        expected: The size or the SHA-256 that the register has.
        found: The one of the object.
        hint: A sentence that says what to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        key: str,
        expected: int | str,
        found: int | str,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, key=key, hint=hint)
        self.expected = expected
        self.found = found


class ContractError(MunimentError):
    """The database is not the one that this code was written for, or is not its to change."""


class ServerError(MunimentError):
    """An embedded server could not be started, stopped or found."""


class TranscriptError(MunimentError):
    """A record of a transcript cannot go into the ledger.

    Args:
        record: The number of the record in its file, from 1.
        reason: Why, as a phrase.
        hint: A sentence that says what to do next.
    """

    def __init__(self, record: int, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"record {record}: {reason}", hint=hint)
        self.record = record
        self.reason = reason

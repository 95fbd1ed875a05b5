"""What the engine reports while it works: frozen values, for a caller to render or to store.

Every event can be written as one JSON object (:func:`as_json`): its name in ``event``, then its
fields. Names and fields are part of the interface; changes are named ``project:name``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

__all__ = [
    "ChangeAdopted",
    "ChangeBlessed",
    "ChangeDeployed",
    "ChangeFailed",
    "ChangeRehearsed",
    "ChangeRetrying",
    "ChangeReverted",
    "ChangeStarted",
    "ChangeVerified",
    "ChangesPending",
    "Event",
    "LockWaiting",
    "NothingToDo",
    "Notice",
    "RegistryCreated",
    "RunFinished",
    "RunPlanned",
    "ScriptDiffers",
    "TagPlanned",
    "TagRecorded",
    "WaiterInTheWay",
    "as_json",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class LockWaiting(Event):
    """Another deploy holds the lock; sent again whenever the holder is another one.

    Attributes:
        holder_pid: Process id of its server process; None if it let go while this one looked.
        application: Its application_name.
        since: When it connected.
    """

    holder_pid: int | None
    application: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class WaiterInTheWay(Event):
    """Somebody waits in the server for the deploy lock, and a statement for that one's snapshot.

    The statement is tried again when the waiter has given up.

    Attributes:
        waiter_pid: Process id of its server process.
        application: Its application_name.
        since: When it connected.
    """

    waiter_pid: int
    application: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class RunPlanned(Event):
    """What is going to be done, in this order. Of a dry run, the last event.

    Attributes:
        action: ``deploy``, ``revert``, ``verify``, ``adopt``, ``bless`` or ``rehearse``.
        changes: The changes.
        dry_run: Whether nothing of it will be done.
    """

    action: str
    changes: tuple[str, ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class NothingToDo(Event):
    """There is nothing to do; the action is as in :class:`RunPlanned`. Of a run, the last event."""

    action: str


@dataclass(frozen=True, slots=True)
class RegistryCreated(Event):
    """The database had no registry of deployed changes, and has one now."""


@dataclass(frozen=True, slots=True)
class TagPlanned(Event):
    """Of a dry run: a tag that would be recorded on a change that is deployed."""

    change: str
    tag: str


@dataclass(frozen=True, slots=True)
class TagRecorded(Event):
    """A tag that the plan has put on a change after that was deployed is in the registry now."""

    change: str
    tag: str


@dataclass(frozen=True, slots=True)
class ChangeStarted(Event):
    """A change is about to be deployed, reverted, verified or rehearsed.

    Attributes:
        action: ``deploy``, ``revert``, ``verify`` or ``rehearse``.
        change: The change.
        change_id: Its id.
        number: Which one of this run it is, from 1.
        total: How many there are.
    """

    action: str
    change: str
    change_id: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class ChangeRetrying(Event):
    """A change lost a fight over a lock, was rolled back, and is tried again.

    Attributes:
        change: The change.
        attempt: The number of the attempt that failed, from 1.
        attempts: How many there will be at most.
        sqlstate: Why: 55P03, 40P01 or 40001.
        message: The server's words.
        wait_ms: Milliseconds until the next attempt.
    """

    change: str
    attempt: int
    attempts: int
    sqlstate: str
    message: str
    wait_ms: int


@dataclass(frozen=True, slots=True)
class ChangeDeployed(Event):
    """A change is deployed and recorded; ``duration_ms`` is what its scripts took."""

    change: str
    change_id: str
    tags: tuple[str, ...]
    verified: bool
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ChangeReverted(Event):
    """A change is reverted and recorded; ``duration_ms`` is what its script took."""

    change: str
    change_id: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ChangeVerified(Event):
    """The verify script of a change passed that is deployed, or is about to be adopted."""

    change: str
    change_id: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ChangeAdopted(Event):
    """A change is recorded as deployed; its deploy script was not run."""

    change: str
    change_id: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScriptDiffers(Event):
    """A script of a deployed change is not what the registry knows.

    Attributes:
        change: The change.
        script: ``deploy``, ``revert`` or ``verify``.
        path: Where it is.
        old_hash: SHA-1 of the script as it was deployed or blessed before; None if nobody knows.
        new_hash: SHA-1 of the script as it is now.
    """

    change: str
    script: str
    path: str
    old_hash: str | None
    new_hash: str


@dataclass(frozen=True, slots=True)
class ChangeBlessed(Event):
    """The scripts of a deployed change are recorded as they are now, and why.

    Attributes:
        change: The change.
        change_id: Its id.
        scripts: Those that differed.
        reason: Why that is right.
    """

    change: str
    change_id: str
    scripts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeRehearsed(Event):
    """One of the three steps of a rehearsal succeeded for a change; nothing of it will remain.

    Attributes:
        change: The change.
        change_id: Its id.
        step: ``deploy``, ``revert`` or, on the way forth again, ``redeploy``.
        duration_ms: What its scripts took.
    """

    change: str
    change_id: str
    step: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ChangeFailed(Event):
    """A script failed, or the history is not what the plan says. An error follows.

    Attributes:
        action: ``deploy``, ``revert``, ``verify`` or ``rehearse``.
        change: The change.
        path: The script.
        line: The line in it, from 1; None where the server could not say.
        column: The character in the line, from 1.
        sqlstate: The server's SQLSTATE; None where it was not the server that refused.
        message: What is wrong.
        detail: The server's detail.
        hint: The server's hint.
    """

    action: str
    change: str
    path: str | None
    line: int | None
    column: int | None
    sqlstate: str | None
    message: str
    detail: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class ChangesPending(Event):
    """Of the projects that were verified, these changes are planned and not deployed."""

    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """The server sent a notice or a warning while a script of ``change`` ran."""

    change: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """All that was planned is done; the time is that of the whole run, waits included."""

    action: str
    changes: int
    duration_ms: int


_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object: its name in snake case, then its fields."""
    document: dict[str, Any] = {"event": _HUMP.sub("_", type(event).__name__).lower()}
    for field in fields(event):
        value = getattr(event, field.name)
        document[field.name] = value.isoformat() if isinstance(value, datetime) else value
    return document

"""What a look at a database says: findings with their repairs, and what could not be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Examined", "Finding", "Note", "Remark", "Repair", "State", "Unknown"]

State = Literal["ok", "finding", "unknown"]


@dataclass(frozen=True, slots=True)
class Repair:
    """One step of a repair.

    Attributes:
        by: Where it is done: ``shell``; ``sql``, in a session of whoever may; or ``hand``, where no
            command can decide what is right.
        command: What to type there, or to do.
    """

    by: Literal["shell", "sql", "hand"]
    command: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        object: What it is wrong with.
        meaning: What is wrong with it and what that leads to, as a sentence without a period.
        repair: What repairs it, step by step.
    """

    object: str
    meaning: str
    repair: tuple[Repair, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be looked at, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing that is not wrong."""

    text: str


Remark = Finding | Unknown | Note


@dataclass(frozen=True, slots=True)
class Examined:
    """What one check has found.

    Attributes:
        check: Its name.
        findings: What is wrong.
        unknown: What could not be looked at, and why.
        notes: What else is worth knowing.
    """

    check: str
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def state(self) -> State:
        """``finding`` if something is wrong, else ``unknown`` if something was not seen."""
        if self.findings:
            return "finding"
        return "unknown" if self.unknown else "ok"

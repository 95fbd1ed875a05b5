"""How a run that writes works: in whose name, and how patiently."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Committer", "Settings"]


@dataclass(frozen=True, slots=True)
class Committer:
    """Who deploys or reverts, as the registry names them."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What deploy and revert have in common.

    Attributes:
        committer: In whose name it is recorded.
        tool: Name and version of the calling program, which is recorded too.
        lock_wait: Seconds to wait for another deploy to end; 0 asks once.
        lock_timeout: Seconds that a statement may wait for a lock, unless its script says.
        attempts: How often a change is tried that loses a fight over a lock.
    """

    committer: Committer
    tool: str
    lock_wait: float = 60.0
    lock_timeout: float = 5.0
    attempts: int = 5

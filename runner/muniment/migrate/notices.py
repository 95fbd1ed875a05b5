"""What the server says while a script runs, kept until the engine can report it."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from muniment._db import Connection
from muniment.migrate.events import Notice
from muniment.migrate.plan import Change

__all__ = ["Notices"]


class Notices:
    """Collects the notices and warnings of a connection while it is entered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._connection.add_notice_handler(self._keep)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._connection.remove_notice_handler(self._keep)

    def forget(self) -> None:
        """Drop what was kept: it does not belong to a script."""
        self._kept.clear()

    def of(self, change: Change) -> Iterator[Notice]:
        """Yield what was kept as events of a change, and drop it."""
        kept, self._kept = self._kept, []
        for severity, message in kept:
            yield Notice(change.qualified, severity, message)

    def _keep(self, diagnostic: Any) -> None:
        self._kept.append((diagnostic.severity_nonlocalized, diagnostic.message_primary))

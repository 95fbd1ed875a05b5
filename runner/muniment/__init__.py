"""muniment: the evidence room for AI agents.

PostgreSQL is the register (runs, sessions, turns, tool calls), S3 is the shelf for large bodies.
Programs write and read through :class:`Ledger` or :class:`AsyncLedger`; the command line is
:mod:`muniment.cli`, the migration engine :mod:`muniment.migrate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muniment.ledger import AsyncLedger, Ledger, Usage

    __version__: str

__all__ = ["AsyncLedger", "Ledger", "Usage", "__version__"]


def __getattr__(name: str) -> Any:
    # Imported on demand: the driver, and even reading package metadata, cost more than all of
    # `muniment dsn`.
    if name == "__version__":
        from importlib.metadata import version

        return version("muniment")
    if name in __all__:
        from muniment import ledger

        return getattr(ledger, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

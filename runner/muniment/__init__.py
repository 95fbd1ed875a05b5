"""muniment: the evidence room for AI agents.

PostgreSQL is the register (runs, sessions, turns, tool calls), S3 is the shelf for large bodies.
The command line is :mod:`muniment.cli`; the migration engine is :mod:`muniment.migrate`.
"""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        # Imported on demand: reading package metadata costs more than all of `muniment dsn`.
        from importlib.metadata import version

        return version("muniment")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""From a statement that failed to the event and the error that say what to do about it."""

from __future__ import annotations

from muniment.errors import (
    DeployFailed,
    MigrationError,
    RevertFailed,
    RevertRefused,
    VerifyFailed,
)
from muniment.migrate.batch import StatementFailed
from muniment.migrate.events import ChangeFailed
from muniment.migrate.plan import Change

__all__ = ["failed_event", "migration_error"]

# SQLSTATEs of the schemas' own errors (docs/reference/errors.md): a script that raises one refuses.
_OWN_SQLSTATES = "MU"


def failed_event(action: str, change: Change, error: StatementFailed) -> ChangeFailed:
    """Return the event for a statement that failed while ``action`` was done to a change."""
    script = error.part.script
    place = error.place
    return ChangeFailed(
        action=action,
        change=change.qualified,
        path=script.path if script else None,
        line=place.line if place else None,
        column=place.column if place else None,
        sqlstate=error.sqlstate,
        message=error.message,
        detail=error.detail,
        hint=error.hint,
    )


def migration_error(
    action: str, change: Change, error: StatementFailed, *, state: str
) -> MigrationError:
    """Return the error for a statement that failed while ``action`` was done to a change.

    Args:
        action: ``deploy``, ``revert`` or ``verify``.
        change: The change.
        error: What the server said.
        state: Sentences on what the database is like now, and what to do next.
    """
    script = error.part.script
    kind: type[MigrationError] = DeployFailed
    if script is not None and script.kind == "verify":
        action, kind = "verify", VerifyFailed
    elif action == "revert":
        refused = error.sqlstate is not None and error.sqlstate.startswith(_OWN_SQLSTATES)
        kind = RevertRefused if refused else RevertFailed
    where = str(error.place) if error.place else error.part.doing
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    lines = [f"{action} failed: {change.qualified}: {where}: {error.message}{code}"]
    if error.detail:
        lines.append(f"detail: {error.detail}")
    if error.context:
        lines.append(f"context: {error.context}")
    hints = [error.hint, state] if error.hint else [state]
    return kind(
        "\n".join(lines),
        change=change.qualified,
        sqlstate=error.sqlstate,
        hint=" ".join(hints),
    )

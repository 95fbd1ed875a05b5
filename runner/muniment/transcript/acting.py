"""One transaction, in one role, for one firm: how everything here talks to the ledger.

A login may hold several of the ledger's roles, or be a superuser, whom row security does not bind.
Acting in a role binds both: inside the block the login has that role's rights and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from muniment._db import Connection, DatabaseError, dict_row, sql, store_error, translated
from muniment.errors import AccessDenied

__all__ = ["APP", "MAINTAINER", "READER", "SERVICE", "acting_as", "fetch", "may_act_as"]

APP = "muniment_app"
READER = "muniment_reader"
SERVICE = "muniment_service"
MAINTAINER = "muniment_maintainer"

# What PostgreSQL answers when a role, a schema, a table or a function of the ledger is not there
# (PostgreSQL docs, appendix A).
NOT_DEPLOYED = frozenset({"22023", "3F000", "42P01", "42883"})


@contextmanager
def acting_as(
    connection: Connection, role: str, *, doing: str, firm_id: UUID | None = None
) -> Iterator[None]:
    """Open a transaction in which the connection has the rights of one role, and of one tenant.

    Args:
        connection: In autocommit mode; inside a transaction this becomes a savepoint.
        role: A role of the ledger.
        doing: What the transaction is for, as a phrase; an error begins with it.
        firm_id: The tenant. Without it the tables of tenants stay closed.

    Raises:
        AccessDenied: The login is no member of the role, or the role may not do this.
        StoreError: The database refused something else inside the block, or at its end.
    """
    with translated(doing), connection.transaction():
        _enter(connection, role, doing, firm_id)
        yield


def may_act_as(connection: Connection, role: str) -> bool:
    """Tell whether the login may take a role; changes nothing."""
    try:
        with acting_as(connection, role, doing="asking for a role"):
            return True
    except AccessDenied:
        return False


def fetch(connection: Connection, query: bytes, **values: Any) -> list[dict[str, Any]]:
    """Run a query with named parameters, and return its rows by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _enter(connection: Connection, role: str, doing: str, firm_id: UUID | None) -> None:
    """Take the role and name the tenant; both end with the transaction."""
    try:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        if firm_id is not None:
            connection.execute("SELECT platform.set_tenant(%s)", (firm_id,))
    except DatabaseError as error:
        refusal = store_error(f"{doing}: cannot act as {role}", error)
        if refusal.sqlstate == "42501":
            refusal.hint = f"Connect as a login that is a member: GRANT {role} TO your_login."
        elif refusal.sqlstate in NOT_DEPLOYED:
            refusal.hint = "This database has no ledger yet: run `muniment deploy agents` on it."
        raise refusal from error

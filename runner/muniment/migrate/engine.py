"""The engine's front door: everything that a caller does to or asks of a database.

A library: nothing here prints, exits or reads the environment. What writes is a generator of events
(:mod:`muniment.migrate.events`) that does its work while it is iterated, and raises the errors of
:mod:`muniment.errors`; what only reads returns a value.
"""

from __future__ import annotations

from muniment.migrate.adopt import adopt
from muniment.migrate.bless import Blessing, bless, read_blessings
from muniment.migrate.deploy import deploy
from muniment.migrate.doctor import Examined, Finding, examine
from muniment.migrate.projects import Projects, Target, find_sql_directory
from muniment.migrate.registry import Entry, read_log
from muniment.migrate.rehearse import rehearse
from muniment.migrate.revert import revert
from muniment.migrate.settings import Committer, Settings
from muniment.migrate.status import Drift, ProjectStatus, check, status
from muniment.migrate.verify import verify

__all__ = [
    "Blessing",
    "Committer",
    "Drift",
    "Entry",
    "Examined",
    "Finding",
    "ProjectStatus",
    "Projects",
    "Settings",
    "Target",
    "adopt",
    "bless",
    "check",
    "deploy",
    "examine",
    "find_sql_directory",
    "read_blessings",
    "read_log",
    "rehearse",
    "revert",
    "status",
    "verify",
]

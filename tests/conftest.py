"""Fixtures come from the plugins beside this file, one a subject."""

from __future__ import annotations

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_ledger",
    "tests.fix_observed",
    "tests.fix_pgtap",
    "tests.fix_pooler",
    "tests.fix_rounds",
    "tests.fix_shelf",
    "tests.fix_standby",
    "tests.fix_wire",
]

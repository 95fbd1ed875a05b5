"""Fixtures come from the plugins beside this file, one a subject."""

from __future__ import annotations

pytest_plugins = ["tests.fix_postgres", "tests.fix_pgtap"]

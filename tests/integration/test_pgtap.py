"""Every script under tests/pgtap holds, on every PostgreSQL of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fix_pgtap import PGTAP_TESTS, TapServer, run_tap, tap_files


@pytest.mark.parametrize(
    "script", tap_files(), ids=lambda path: path.relative_to(PGTAP_TESTS).as_posix()
)
def test_script_holds(each_tap_server: TapServer, script: Path) -> None:
    report = run_tap(each_tap_server.dsn_for(script), script.read_text())

    if report.failures:
        told = "\n".join(report.failures)
        pytest.fail(f"{script.relative_to(PGTAP_TESTS)}:\n{told}", pytrace=False)
    assert report.ran == report.planned


def test_there_are_scripts() -> None:
    assert tap_files(), f"no *.sql under {PGTAP_TESTS}"

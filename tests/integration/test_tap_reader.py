"""The reader of pgTAP's output lets nothing pass that did not pass."""

from __future__ import annotations

import pytest
from tests.fix_pgtap import TapReport, run_tap


def test_passing_script(tap_database: str) -> None:
    report = run_tap(
        tap_database,
        "BEGIN; SELECT plan(2); SELECT ok(true, 'a'); SELECT is(1, 1); "
        "SELECT * FROM finish(true); ROLLBACK;",
    )

    assert report == TapReport(planned=2, ran=2, failures=[])


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        pytest.param(
            "SELECT plan(1); SELECT is(1, 2, 'sums add up'); SELECT * FROM finish();",
            "not ok 1 - sums add up\n"
            '    # Failed test 1: "sums add up"\n'
            "    #         have: 1\n"
            "    #         want: 2",
            id="failing assertion, with its diagnostics",
        ),
        pytest.param(
            "SELECT plan(1); SELECT ok(false, 'no'); SELECT * FROM finish(true);",
            "not ok 1 - no",
            id="failing assertion before finish(true), which raises",
        ),
        pytest.param(
            "SELECT plan(3); SELECT ok(true); SELECT * FROM finish();",
            "planned 3 assertions but made 1",
            id="fewer assertions than planned",
        ),
        pytest.param(
            "SELECT plan(1); SELECT ok(true); SELECT ok(true); SELECT * FROM finish();",
            "planned 1 assertions but made 2",
            id="more assertions than planned",
        ),
        pytest.param("SELECT 1;", "no plan", id="no plan"),
        pytest.param("SELECT plan(0);", "no assertion was made", id="empty plan"),
        pytest.param(
            "SELECT plan(2); SELECT ok(true);\nSELECT * FROM missing;\nSELECT ok(true);",
            'line 2: ERROR 42P01: relation "missing" does not exist',
            id="SQL error midway, with its line",
        ),
        pytest.param(
            "SELECT plan(2); SELECT ok(true);\nSELECT 1/0;\nSELECT ok(true);",
            "planned 2 assertions but made 1",
            id="SQL error midway, as a short count",
        ),
        pytest.param(
            "SELECT plan(1); SELECT skip('not here', 1); SELECT * FROM finish();",
            "ok 1 # SKIP not here",
            id="skipped assertion",
        ),
        pytest.param(
            "SELECT plan(1); SELECT todo('later', 1); SELECT ok(true, 'done'); "
            "SELECT * FROM finish();",
            "ok 1 - done # TODO later",
            id="assertion to do",
        ),
    ],
)
def test_nothing_else_passes(tap_database: str, body: str, complaint: str) -> None:
    report = run_tap(tap_database, f"BEGIN; {body} ROLLBACK;")

    assert complaint in "\n".join(report.failures)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("BEGIN; SELECT plan(1); SELECT ok(true);", "leaves a transaction open"),
        ("SELECT plan(1); SELECT ok(true);", "does not begin with BEGIN"),
        ("BEGIN; SELECT plan(1); SELECT ok(true); COMMIT;", "does not end with ROLLBACK"),
        ("BEGIN; SELECT plan(1)", "no assertion was made"),
        ("BEGIN; SELEKT plan(1); ROLLBACK;", "line 1: ERROR 42601"),
        ("", "no plan"),
    ],
)
def test_a_script_leaves_no_trace(tap_database: str, script: str, complaint: str) -> None:
    report = run_tap(tap_database, script)

    assert complaint in "\n".join(report.failures)


def test_a_bail_out_is_a_failure() -> None:
    report = TapReport()

    for line in ("1..1", "ok 1", "Bail out! the disk is full"):
        report.read(line)
    report.close()

    assert report.failures == ["Bail out! the disk is full"]

"""How often a test that races, or kills, is done: once, or as `--rounds` says.

`round_no`          parametrises a test by the number of the round, from 0
"""

from __future__ import annotations

import pytest

ROUNDS = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rounds",
        type=int,
        default=ROUNDS,
        metavar="N",
        help=f"how often each race and each kill is done (default: {ROUNDS})",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "round_no" in metafunc.fixturenames:
        metafunc.parametrize("round_no", range(metafunc.config.getoption("--rounds")))

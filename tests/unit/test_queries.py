"""The named queries: found by name, and each says why it is there."""

from __future__ import annotations

import re

import pglast
import pytest

from muniment import queries


@pytest.mark.parametrize("stem", ["calls", "importer", "integrations", "ledger", "seals"])
def test_each_query_says_why_it_is_there_and_is_one_statement(stem: str) -> None:
    found = queries._queries(stem)
    assert found
    for name, text in found.items():
        assert text.startswith(b"-- "), f"{stem}.{name} does not say why"
        without_parameters = re.sub(r"%\(\w+\)s", "NULL", text.decode())
        assert len(pglast.parse_sql(without_parameters)) == 1, f"{stem}.{name}"


def test_a_query_has_a_name() -> None:
    assert b"FROM agents.agent_run AS run" in queries.query("ledger.runs")
    with pytest.raises(KeyError, match="walks"):
        queries.query("ledger.walks")

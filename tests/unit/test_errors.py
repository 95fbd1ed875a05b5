"""The errors of the ledger's rules, and the page that names them."""

from __future__ import annotations

import re
from pathlib import Path

from muniment.errors import RULES


def test_the_reference_names_the_class_of_each_sqlstate() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text()
    _, _, table = page.partition("## In Python")

    for sqlstate, kind in RULES.items():
        assert re.search(rf"`{sqlstate}`[^|]*\| `{kind.__name__}`", table), sqlstate

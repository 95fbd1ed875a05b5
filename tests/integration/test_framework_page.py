"""The examples of the how-to for frameworks run, and print what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fix_ledger import RecordRoom
from tests.fix_postgres import ROOT
from tests.integration.test_documented_commands import Reader, sections

PAGE = sections(ROOT / "docs" / "how-to" / "use-with-a-framework.md")
EXAMPLES = ["The OpenAI Agents SDK", "LangChain and LangGraph", "OpenTelemetry"]


def test_each_example_is_tried() -> None:
    assert list(PAGE) == ["Use it with a framework", *EXAMPLES]


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_prints_what_it_says(
    heading: str, tmp_path: Path, record_room: RecordRoom
) -> None:
    Reader(tmp_path, record_room.app).follow([*PAGE["Use it with a framework"], *PAGE[heading]])

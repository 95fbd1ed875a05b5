"""Both ledgers are described once, and loaded when they are asked for."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from uuid import UUID, uuid4

import pytest

from muniment.errors import LedgerInputError
from muniment.ledger import AsyncLedger, AsyncPipeline, Ledger, Pipeline, calls

FIRM = UUID("00000000-0000-4000-8000-00000000000a")

SENT_TOGETHER = {
    name for name in vars(calls) if hasattr(Pipeline, name) and not name.startswith("_")
}


def test_both_ledgers_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Ledger) - {"close"} == public(AsyncLedger) - {"aclose"}
    assert len(SENT_TOGETHER) == 14
    assert public(Ledger) >= SENT_TOGETHER
    assert all(hasattr(AsyncPipeline, name) for name in SENT_TOGETHER)


@pytest.mark.parametrize("name", sorted(SENT_TOGETHER))
def test_a_method_is_described_once(name: str) -> None:
    described = inspect.signature(getattr(calls, name))
    first, *expected = described.parameters.values()

    assert first.name == "scope"
    for kind in (Ledger, AsyncLedger, Pipeline, AsyncPipeline):
        _, *found = inspect.signature(getattr(kind, name)).parameters.values()
        assert found == expected
        assert getattr(kind, name).__doc__ == getattr(calls, name).__doc__
        assert "Raises:" in getattr(kind, name).__doc__


def test_the_ledger_is_loaded_when_it_is_asked_for() -> None:
    program = (
        "import sys, muniment; before = 'psycopg' in sys.modules; "
        "from muniment import Ledger, AsyncLedger, Usage; "
        "print(before, 'psycopg' in sys.modules, 'boto3' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "True", "False"]


def test_a_ledger_that_is_made_has_not_connected() -> None:
    before = threading.active_count()

    with Ledger("host=nowhere.invalid", firm_id=uuid4()) as ledger:
        assert ledger.for_firm(FIRM).firm_id == FIRM

    assert threading.active_count() == before


def test_nothing_is_recorded_for_nobody() -> None:
    with pytest.raises(LedgerInputError, match="firm_id"):
        Ledger("", firm_id="00000000-0000-4000-8000-00000000000a")  # type: ignore[arg-type]

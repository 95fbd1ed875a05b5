"""What a command does not need, it does not wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from muniment.cli import COMMANDS

HEAVY = ("boto3", "botocore", "pydantic", "pydantic_settings", "sqlalchemy", "zstandard")
FRAMEWORKS = ("agents", "langchain_core", "opentelemetry")


@pytest.mark.parametrize("module", sorted({path.partition(":")[0] for path in COMMANDS.values()}))
def test_a_command_is_loaded_without_the_heavy_packages(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


def test_the_ledger_is_loaded_without_a_framework() -> None:
    program = (
        "import sys, muniment, muniment.integrations;"
        f"muniment.Ledger; print(*sorted(set({FRAMEWORKS!r}) & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""

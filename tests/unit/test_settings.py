"""Settings come from the environment in one place, and say what is wrong with them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import muniment
from muniment.errors import ConfigError
from muniment.settings import Settings, get_settings

PACKAGE = Path(muniment.__file__).parent
# The command line reads its own variables, a child process is given an environment; for the
# settings, pydantic reads it.
READERS = {"cli/_options.py", "cli/server.py", "embedded/programs.py"}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.upper().startswith(("AGENTS_", "PRAMAAN_")) or name.upper() == "ENV":
            monkeypatch.delenv(name)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("environment", "bucket"),
    [
        ({}, "pramaan-agents-local"),
        ({"ENV": "dev"}, "pramaan-agents-dev"),
        ({"PRAMAAN_ENV": "prod"}, "pramaan-agents-prod"),
        ({"PRAMAAN_ENV": "prod", "ENV": "dev"}, "pramaan-agents-prod"),
        ({"PRAMAAN_ENV": "", "ENV": "dev"}, "pramaan-agents-dev"),
        ({"PRAMAAN_ENV": "", "ENV": ""}, "pramaan-agents-local"),
        ({"AGENTS_BUCKET_NAME": "evidence", "PRAMAAN_ENV": "prod"}, "evidence"),
        ({"AGENTS_BUCKET_NAME": "", "PRAMAAN_ENV": "prod"}, "pramaan-agents-prod"),
    ],
)
def test_the_bucket_is_named_or_follows_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], bucket: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert get_settings().bucket == bucket


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"AGENTS_BUCKET_NAME": "No Bucket"}, "'No Bucket' cannot be the name of a bucket"),
        # What POSIX shells call ENV is a file.
        ({"ENV": "/home/user/.shrc"}, "set AGENTS_BUCKET_NAME, or PRAMAAN_ENV"),
        ({"AGENTS_S3_PREFIX": "/a"}, "AGENTS_S3_PREFIX: "),
        ({"AGENTS_S3_PREFIX": "a"}, "AGENTS_S3_PREFIX: "),
        ({"AGENTS_S3_ENCRYPTION": "rot13"}, "AGENTS_S3_ENCRYPTION: "),
        ({"AGENTS_S3_ATTEMPTS": "0"}, "AGENTS_S3_ATTEMPTS: "),
        ({"AGENTS_S3_KMS_KEY_ID": "k"}, "AGENTS_S3_KMS_KEY_ID needs"),
        ({"AGENTS_S3_OBJECT_LOCK_DAYS": "9"}, "AGENTS_S3_OBJECT_LOCK_MODE and"),
        ({"AGENTS_S3_ACCESS_KEY_ID": "k"}, "AGENTS_S3_ACCESS_KEY_ID and"),
        (
            {
                "AGENTS_S3_OBJECT_LOCK_DAYS": "9",
                "AGENTS_S3_OBJECT_LOCK_MODE": "COMPLIANCE",
                "AGENTS_S3_RETENTION_DAYS": "8",
            },
            "AGENTS_S3_RETENTION_DAYS is shorter",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], problem: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=r"^settings: ") as caught:
        get_settings()
    assert problem in caught.value.message


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = get_settings()
    monkeypatch.setenv("PRAMAAN_ENV", "prod")

    assert get_settings() is before
    get_settings.cache_clear()
    assert get_settings().bucket == "pramaan-agents-prod"


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTS_S3_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AGENTS_S3_SECRET_ACCESS_KEY", "hunter2")

    settings = get_settings()

    assert settings.secret_access_key is not None
    assert settings.secret_access_key.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_every_setting_is_documented() -> None:
    page = (PACKAGE.parent.parent / "docs" / "reference" / "settings.md").read_text()

    named = {"AGENTS_BUCKET_NAME", "PRAMAAN_ENV", "ENV"} | {
        f"AGENTS_S3_{name.upper()}"
        for name in Settings.model_fields
        if name not in {"agents_bucket_name", "environment"}
    }
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_nothing_else_reads_the_environment() -> None:
    readers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name in {"environ", "getenv", "environb"}:
                readers.add(path.relative_to(PACKAGE).as_posix())

    assert readers == READERS

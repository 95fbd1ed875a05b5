"""Settings of the shelf, from the environment.

Runtime code asks :func:`get_settings` and never the environment: this module is the only one below
the command line that reads it. Every setting but the two of the bucket's name begins with
``AGENTS_S3_``; docs/reference/settings.md lists them all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from muniment.errors import ConfigError

__all__ = ["Settings", "get_settings"]

# "Bucket naming rules" in the Amazon S3 user guide, without its list of reserved affixes.
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Settings(BaseSettings):
    """Where the shelf is and how it is used.

    A variable that is set but empty counts as not set. Arguments win over the environment.
    """

    model_config = SettingsConfigDict(
        env_prefix="AGENTS_S3_",
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        frozen=True,
        extra="forbid",
    )

    agents_bucket_name: str | None = Field(default=None, validation_alias="AGENTS_BUCKET_NAME")
    environment: str = Field(default="local", validation_alias=AliasChoices("PRAMAAN_ENV", "ENV"))

    endpoint_url: str | None = None
    region: str | None = None
    prefix: str = Field(default="", pattern=r"^([A-Za-z0-9._-]+/)*$")
    bucket_owner: str | None = Field(default=None, pattern=r"^\d{12}$")
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None

    encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key_id: str | None = None
    object_lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] | None = None
    object_lock_days: int | None = Field(default=None, ge=1)
    retention_days: int | None = Field(default=None, ge=1)
    compression: Literal["none", "zstd"] = "none"

    connect_timeout: float = Field(default=5, gt=0, le=600)
    read_timeout: float = Field(default=20, gt=0, le=600)
    attempts: int = Field(default=4, ge=1, le=20)
    concurrency: int = Field(default=16, ge=1, le=256)

    @property
    def bucket(self) -> str:
        """The bucket: ``AGENTS_BUCKET_NAME``, else ``pramaan-agents-{env}``."""
        return self.agents_bucket_name or f"pramaan-agents-{self.environment}"

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if not BUCKET_NAME.fullmatch(self.bucket):
            raise ValueError(
                f"{self.bucket!r} cannot be the name of a bucket; set AGENTS_BUCKET_NAME, or "
                "PRAMAAN_ENV (else ENV) to a word such as prod"
            )
        if self.kms_key_id is not None and self.encryption != "aws:kms":
            raise ValueError("AGENTS_S3_KMS_KEY_ID needs AGENTS_S3_ENCRYPTION=aws:kms")
        if (self.object_lock_mode is None) != (self.object_lock_days is None):
            raise ValueError(
                "AGENTS_S3_OBJECT_LOCK_MODE and AGENTS_S3_OBJECT_LOCK_DAYS go together"
            )
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("AGENTS_S3_ACCESS_KEY_ID and AGENTS_S3_SECRET_ACCESS_KEY go together")
        if self.retention_days and (self.object_lock_days or 0) > self.retention_days:
            raise ValueError("AGENTS_S3_RETENTION_DAYS is shorter than AGENTS_S3_OBJECT_LOCK_DAYS")
        return self


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read from the environment once.

    ``get_settings.cache_clear()`` has them read again.

    Raises:
        ConfigError: A variable is set to something that it cannot be.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(_problem(one["loc"], one["msg"]) for one in error.errors())
        raise ConfigError(
            f"settings: {problems}", hint="docs/reference/settings.md says what each may be."
        ) from None


def _problem(where: tuple[int | str, ...], what: str) -> str:
    """Name the variable as it is spelled in the environment."""
    message = what.removeprefix("Value error, ")
    if not where:
        return message
    name = str(where[0])
    known = name.upper() in {"AGENTS_BUCKET_NAME", "PRAMAAN_ENV", "ENV"}
    return f"{name.upper() if known else f'AGENTS_S3_{name.upper()}'}: {message}"

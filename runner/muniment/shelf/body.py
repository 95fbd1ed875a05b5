"""What a body is: its columns in the register, and the key of its object. Pure.

A row never holds a large body, it says where one is. :class:`StoredBody` is those columns; it
cannot be made in a state that the CHECKs of the ledger would refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from muniment.errors import BodyRefused

__all__ = [
    "INLINE_BYTES",
    "KINDS",
    "PREVIEW_CHARACTERS",
    "KeyParts",
    "NewBody",
    "StoredBody",
    "decode",
    "encode",
    "fits_inline",
    "object_key",
    "parse_key",
    "place",
]

# The most that a body may have in the register, in bytes of UTF-8. The CHECKs of the ledger say the
# same number.
INLINE_BYTES = 32_768

# The most that the register takes of a body as its preview.
PREVIEW_CHARACTERS = 500

# The bodies that the ledger has: of a turn, and of a tool call.
KINDS = ("content", "args", "result")

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_KEY = re.compile(
    rf"agents/(?P<firm_id>{_UUID})/(?P<month>[0-9]{{4}}(?:0[1-9]|1[0-2]))/(?P<run_id>{_UUID})"
    rf"/(?P<kind>{'|'.join(KINDS)})/(?P<sha256>[0-9a-f]{{64}})\.json"
)
# What PostgreSQL does not take as text, and what stands for it in a preview.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class Row(Protocol):
    """The values of a row by column name, as a dict or as SQLAlchemy has them."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a column."""


@dataclass(frozen=True, slots=True)
class NewBody:
    """A body that is to be stored.

    Attributes:
        content: The text. It may hold anything that a Python string can.
        kind: ``content``, ``args`` or ``result``: the body's name in its table.
        firm_id: The tenant. Needed as soon as the body goes to the shelf, as are the next two.
        run_id: The run that it belongs to.
        run_started_at: When that run started: its month, in UTC, is in the key.
    """

    content: str = field(repr=False)
    kind: str
    firm_id: UUID | None = None
    run_id: UUID | None = None
    run_started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyParts:
    """What the key of an object says."""

    firm_id: UUID
    month: str
    run_id: UUID
    kind: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredBody:
    """The columns of a body: what is to be written into a row, or was read from one.

    Attributes:
        storage: ``inline`` or ``s3``.
        inline: The text, when it is in the register.
        s3_key: The key of its object, when it is on the shelf.
        sha256: Of its bytes, 32 bytes.
        byte_count: How many bytes; the column is called ``_bytes``.
        preview: How it begins, when it is on the shelf.

    Raises:
        BodyRefused: They contradict each other.
    """

    storage: str
    inline: str | None = field(repr=False)
    s3_key: str | None
    sha256: bytes
    byte_count: int
    preview: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what the CHECKs of the ledger would refuse."""
        reason = self._contradiction()
        if reason is not None:
            raise BodyRefused(f"body refused: {reason}", key=self.s3_key)

    @property
    def is_inline(self) -> bool:
        """Whether the register has all of it."""
        return self.storage == "inline"

    @classmethod
    def from_row(cls, row: Row, name: str) -> StoredBody | None:
        """Read the columns of one body from a row.

        Args:
            row: The values by column name.
            name: The body's name, which its columns begin with: ``content``, ``args``, ``result``.

        Returns:
            The body, or None when the row has none: all its columns are NULL.

        Raises:
            BodyRefused: A column is missing, or the columns contradict each other.
        """
        try:
            storage, inline, s3_key, digest, byte_count, preview = (
                row[f"{name}_{part}"]
                for part in ("storage", "inline", "s3_key", "sha256", "bytes", "preview")
            )
        except KeyError as error:
            raise BodyRefused(f"body refused: the row has no column {error}") from None
        if all(value is None for value in (storage, inline, s3_key, digest, byte_count, preview)):
            return None
        if isinstance(digest, memoryview | bytearray):
            digest = bytes(digest)
        return cls(storage, inline, s3_key, digest, byte_count, preview)

    def columns(self, name: str) -> dict[str, Any]:
        """Return the columns of this body, by name, for a row.

        Args:
            name: The body's name, which its columns begin with.
        """
        return {
            f"{name}_storage": self.storage,
            f"{name}_inline": self.inline,
            f"{name}_s3_key": self.s3_key,
            f"{name}_sha256": self.sha256,
            f"{name}_bytes": self.byte_count,
            f"{name}_preview": self.preview,
        }

    @staticmethod
    def no_columns(name: str) -> dict[str, None]:
        """Return the columns of a body that is not there: all NULL."""
        parts = ("storage", "inline", "s3_key", "sha256", "bytes", "preview")
        return dict.fromkeys(f"{name}_{part}" for part in parts)

    def _contradiction(self) -> str | None:
        """Say what is wrong, or None."""
        if self.storage not in ("inline", "s3"):
            return f"storage {self.storage!r} is neither inline nor s3"
        if not isinstance(self.sha256, bytes) or len(self.sha256) != 32:
            return "its SHA-256 is not 32 bytes"
        if type(self.byte_count) is not int or self.byte_count < 0:
            return f"{self.byte_count!r} is no length"
        if self.preview is not None and len(self.preview) > PREVIEW_CHARACTERS:
            return f"its preview has more than {PREVIEW_CHARACTERS} characters"
        if self.storage == "inline":
            if self.s3_key is not None or self.inline is None:
                return "inline, but with a key or without a text"
            return f"inline, but {self.byte_count:,} bytes" if self._is_too_large else None
        if self.inline is not None or self.s3_key is None:
            return "on the shelf, but with a text or without a key"
        parts = parse_key(self.s3_key)
        if parts is None:
            return f"{self.s3_key!r} is no key of a body"
        return "its key names another SHA-256" if parts.sha256 != self.sha256 else None

    @property
    def _is_too_large(self) -> bool:
        return self.byte_count > INLINE_BYTES


def fits_inline(text: str) -> bool:
    """Tell whether a text may stay in the register, without making anything of it.

    The same answer as :func:`place` gives, for those who have small texts in great numbers: what is
    ASCII is as many bytes as characters, and CPython knows that it is without looking.
    """
    if "\0" in text:
        return False
    if text.isascii():
        return len(text) <= INLINE_BYTES
    try:
        return len(text.encode()) <= INLINE_BYTES
    except UnicodeEncodeError:
        return False


def place(body: NewBody) -> tuple[StoredBody, bytes]:
    """Decide where a body goes, and return its columns and its bytes. Nothing is sent.

    Up to 32,768 bytes of UTF-8 stay inline. More goes to the shelf; so does a text that PostgreSQL
    cannot hold, with a NUL or half of a surrogate pair in it, whatever its size.

    Raises:
        BodyRefused: There is no such kind, or the body has to go to the shelf and the caller does
            not say whose it is.
    """
    if body.kind not in KINDS:
        raise BodyRefused(
            f"body refused: {body.kind!r} is no kind of body", hint=f"Use {', '.join(KINDS)}."
        )
    if not isinstance(body.content, str):
        raise BodyRefused(f"body refused: {type(body.content).__name__} is no text")
    data = encode(body.content)
    digest = sha256(data).digest()
    if len(data) <= INLINE_BYTES and not _UNKEEPABLE.search(body.content):
        return StoredBody("inline", body.content, None, digest, len(data)), data
    key = object_key(body, digest)
    beginning = _UNKEEPABLE.sub(_REPLACEMENT, body.content[:PREVIEW_CHARACTERS])
    return StoredBody("s3", None, key, digest, len(data), beginning), data


def object_key(body: NewBody, digest: bytes) -> str:
    """Return the key of a body's object: ``agents/{firm}/{yyyymm}/{run}/{kind}/{sha256}.json``.

    Raises:
        BodyRefused: The firm, the run or its start is not given.
    """
    for name in ("firm_id", "run_id"):
        if not isinstance(getattr(body, name), UUID):
            raise BodyRefused(
                f"body refused: {name} is needed for the shelf, as a UUID",
                hint=f"A body goes to the shelf from {INLINE_BYTES + 1:,} bytes of UTF-8 on, or "
                "with a NUL or a lone surrogate in it; always say whose it is.",
            )
    started_at = body.run_started_at
    if not isinstance(started_at, datetime) or started_at.utcoffset() is None:
        raise BodyRefused(
            "body refused: run_started_at is needed for the shelf, with its offset from UTC",
            hint="It is started_at of the run's key, and its month is in the key of the object.",
        )
    month = started_at.astimezone(UTC)
    return (
        f"agents/{body.firm_id}/{month.year:04}{month.month:02}/{body.run_id}/{body.kind}"
        f"/{digest.hex()}.json"
    )


def parse_key(key: str) -> KeyParts | None:
    """Read the key of an object, or return None when it is none of the ledger's."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    return KeyParts(
        UUID(found["firm_id"]),
        found["month"],
        UUID(found["run_id"]),
        found["kind"],
        bytes.fromhex(found["sha256"]),
    )


def encode(text: str) -> bytes:
    """Return the bytes of a text: UTF-8, in which a lone surrogate has the three bytes of its own.

    No two texts have the same bytes, so what went in comes out.
    """
    return text.encode("utf-8", "surrogatepass")


def decode(data: bytes | bytearray) -> str:
    """Return the text that has these bytes.

    Raises:
        UnicodeDecodeError: None has.
    """
    return data.decode("utf-8", "surrogatepass")

"""Refuse what the ledger would refuse, before it is asked, and name the field. Pure.

Every value that is sent goes through the table of its kind, which says for each key what it may be.
What the database alone can know (whether a tool is registered, whose session it is) it says itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from muniment.errors import LedgerInputError
from muniment.ledger.values import Usage

__all__ = ["CALL", "PARAMETER", "RUN", "SESSION", "TURN", "checked", "error_text", "to_json"]

# How far a clock may be ahead; the functions of the ledger say the same (MU112).
AHEAD = timedelta(minutes=5)
METADATA_BYTES = 8_192
_HIGHEST_PRICE = Decimal("999999999.999999999")
ERROR_MESSAGE_BYTES = 2_048


class _Wrong(Exception):
    """Why a value cannot be recorded."""


Check = Callable[[Any], Any]


def checked(table: Mapping[str, Check], row: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return the values of a row that are not None, as they are to be sent.

    Args:
        table: What each key may be.
        row: The values.
        where: What their names begin with in an error, as ``turns[2].``.

    Raises:
        LedgerInputError: A key is unknown, or its value is not what it may be.
    """
    found = {}
    for key, value in row.items():
        check = table.get(key)
        if check is None:
            raise LedgerInputError(f"{where}{key}", "is not known", hint=_known(table))
        if value is None:
            continue
        try:
            found[key] = check(value)
        except _Wrong as wrong:
            raise LedgerInputError(f"{where}{key}", str(wrong)) from None
        except LedgerInputError as wrong:
            raise LedgerInputError(f"{where}{wrong.field}", wrong.reason, hint=wrong.hint) from None
    return found


def _known(table: Mapping[str, Check]) -> str:
    return f"It may be {', '.join(sorted(table))}."


def to_json(value: Any) -> str:
    """Return the JSON of values that were checked, in one pass."""
    return _ENCODER.encode(value)


def _plain(value: object) -> str:
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} is no JSON")


# Characters go as they are: escapes are larger, and the server would have to undo them.
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=_plain)
_STRICT = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


# What a value may be -------------------------------------------------------------


def any_text(value: Any) -> str:
    """A text of any length and with any character: a body."""
    if not isinstance(value, str):
        raise _Wrong(f"is {type(value).__name__}, not a text")
    return value


def text(value: Any) -> str:
    """A text that PostgreSQL can hold."""
    if not isinstance(value, str):
        raise _Wrong(f"is {type(value).__name__}, not a text")
    if "\0" in value:
        raise _Wrong("has a NUL in it")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Wrong("has half of a surrogate pair in it") from None
    return value


def at_most(characters: int) -> Check:
    """A text of 1 to so many characters."""

    def check(value: Any) -> str:
        found = text(value)
        if not 1 <= len(found) <= characters:
            raise _Wrong(f"has {len(found):,} characters; it may have 1 to {characters}")
        return found

    return check


def one_of(*choices: str) -> Check:
    """One of some words."""
    allowed = frozenset(choices)

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise _Wrong(f"{value!r} is none of {', '.join(choices)}")
        return value

    return check


def hexadecimal(digits: int) -> Check:
    """Lower-case hexadecimal digits, of W3C Trace Context."""
    allowed = frozenset("0123456789abcdef")

    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) != digits or not allowed.issuperset(value):
            raise _Wrong(f"{value!r} is not {digits} lower-case hexadecimal digits")
        return value

    return check


def error_message(value: Any) -> str:
    """A text of up to 2,048 bytes."""
    found = text(value)
    if len(found.encode()) > ERROR_MESSAGE_BYTES:
        raise _Wrong(f"has more than {ERROR_MESSAGE_BYTES:,} bytes")
    return found


def error_text(error: object) -> str | None:
    """Return as much of what an error says as the ledger takes; None if it says nothing."""
    try:
        said = str(error)
    except Exception:
        # Its own fault must not come in the place of what it tells of.
        return None
    text = said.replace("\0", "\ufffd").encode("utf-8", "replace")
    return text[:ERROR_MESSAGE_BYTES].decode("utf-8", "ignore") or None


def identifier(value: Any) -> UUID:
    """A UUID."""
    if not isinstance(value, UUID):
        raise _Wrong(f"is {type(value).__name__}, not a UUID")
    return value


def any_time(value: Any) -> datetime:
    """A time with its offset from UTC."""
    if not isinstance(value, datetime):
        raise _Wrong(f"is {type(value).__name__}, not a datetime")
    if value.utcoffset() is None:
        raise _Wrong(f"{value} has no offset from UTC")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise _Wrong(f"{value} is no time in UTC") from None
    return value


def time(value: Any) -> datetime:
    """A time that has come."""
    found = any_time(value)
    if found > datetime.now(UTC) + AHEAD:
        raise _Wrong(f"{found.isoformat()} lies in the future")
    return found


def whole(value: Any) -> int:
    """A whole number from 0 on that PostgreSQL's integer can hold."""
    if type(value) is not int or not 0 <= value < 2**31:
        raise _Wrong(f"{value!r} is no whole number from 0 to {2**31 - 1}")
    return value


def money(value: Any) -> Decimal:
    """A price of the column's numeric(18,9), to which the database rounds it."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise _Wrong(f"is {type(value).__name__}; prices are exact: use Decimal")
    found = Decimal(value)
    if not found.is_finite() or not 0 <= found <= _HIGHEST_PRICE:
        raise _Wrong(f"{value} is no price from 0 to under a milliard US dollars")
    return found


def yes_or_no(value: Any) -> bool:
    """A bool."""
    if not isinstance(value, bool):
        raise _Wrong(f"{value!r} is neither True nor False")
    return value


def digest(value: Any) -> bytes:
    """A SHA-256."""
    if not isinstance(value, bytes) or len(value) != 32:
        raise _Wrong("is not the 32 bytes of a SHA-256")
    return value


def lease(value: Any) -> timedelta:
    """How long a worker may be silent; the functions of the ledger say the same."""
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= timedelta(days=1):
        raise _Wrong(f"{value!r} is no timedelta between a second and a day")
    return value


def usage(value: Any) -> Usage:
    """A Usage, which checks itself."""
    if not isinstance(value, Usage):
        raise _Wrong(f"is {type(value).__name__}, not a Usage")
    return value


def metadata(value: Any) -> dict[str, Any]:
    """An object of JSON, small, and with nothing in it that jsonb cannot hold."""
    if not isinstance(value, Mapping):
        raise _Wrong(f"is {type(value).__name__}, not a mapping")
    found = dict(value)
    try:
        data = _STRICT.encode(found)
        size = len(data.encode())
    except UnicodeEncodeError:
        raise _Wrong("has half of a surrogate pair in it") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise _Wrong(f"is no JSON: {error}") from None
    if "\\u0000" in data and _holds_nul(found):
        raise _Wrong("has a NUL in it")
    if size > METADATA_BYTES:
        raise _Wrong(f"has {size:,} bytes of JSON; it may have {METADATA_BYTES:,}")
    return found


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(map(_holds_nul, value))


# The tables ----------------------------------------------------------------------

_KEY = at_most(255)
_NAME = at_most(200)
_SPAN = hexadecimal(16)

_ABOUT: dict[str, Check] = {
    "subject_type": at_most(63),
    "subject_id": _NAME,
    "actor_type": one_of("user", "service", "schedule", "agent"),
    "actor_id": _NAME,
    "metadata": metadata,
}
_ERROR: dict[str, Check] = {
    "error_type": text,
    "error_message": error_message,
    "is_error_retryable": yes_or_no,
}

SESSION: dict[str, Check] = {
    **_ABOUT,
    "session_id": identifier,
    "idempotency_key": _KEY,
    "channel": text,
    "title": text,
}

RUN: dict[str, Check] = {
    **_ABOUT,
    **_ERROR,
    "run_id": identifier,
    "session_id": identifier,
    "parent_run_id": identifier,
    "idempotency_key": _KEY,
    "started_at": time,
    "ended_at": time,
    "status": one_of("succeeded", "failed", "cancelled", "timed_out", "abandoned"),
    "operation": one_of("invoke_agent", "invoke_workflow", "chat"),
    "agent_name": _NAME,
    "agent_version": text,
    "prompt_name": text,
    "prompt_version": text,
    "provider_name": text,
    "request_model": text,
    "response_model": text,
    "finish_reason": text,
    "usage": usage,
    "cost_usd": money,
    "price_ref": text,
    "first_token_ms": whole,
    "trace_id": hexadecimal(32),
    "span_id": _SPAN,
    "worker_id": _NAME,
    "lease": lease,
}

TURN: dict[str, Check] = {
    "turn_id": identifier,
    "created_at": time,
    "role": one_of("system", "user", "assistant", "tool"),
    "author_id": text,
    "status": one_of("complete", "partial", "error"),
    "response_id": text,
    "response_model": text,
    "finish_reason": text,
    "latency_ms": whole,
    "usage": usage,
    "cost_usd": money,
    "content_format": one_of("text", "parts"),
    "content": any_text,
    "metadata": metadata,
}

CALL: dict[str, Check] = {
    **_ERROR,
    "tool_call_id": identifier,
    "turn_id": identifier,
    "child_run_id": identifier,
    "tool_name": text,
    "tool_version": text,
    "idempotency_key": _KEY,
    "provider_call_id": text,
    "status": one_of("succeeded", "failed", "timed_out", "cancelled", "denied", "unknown"),
    "requested_at": time,
    "started_at": time,
    "ended_at": time,
    "external_ref": text,
    "cost_usd": money,
    "span_id": _SPAN,
    "args": any_text,
    "result": any_text,
    "args_sha256": digest,
    "approval_expires_at": any_time,
    "decision": one_of("approved", "denied"),
    "decided_by": text,
    "reason": text,
}

# What is asked for alone.
PARAMETER: dict[str, Check] = {
    "firm_id": identifier,
    "session_id": identifier,
    "run_id": identifier,
    "worker_id": _NAME,
    "lease": lease,
    "after": whole,
    "limit": whole,
}

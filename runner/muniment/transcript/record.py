"""What one record of a transcript says, in the OpenAI message format. Pure.

A record is a list of messages, or an object that holds one under one of :data:`LIST_MEMBERS`. A
name that the ledger cannot keep exactly refuses its record; a body may be any text. Members that
the ledger has no place for are named in ``left_out``. A call, an answer, a time or a count that is
not there is never made up.

Sources: the messages and the usage object of OpenAI's "Chat Completions" reference (``developer``
is the newer spelling of system, ``function`` and ``function_call`` the older ones of tool and
tool_calls); OpenTelemetry's semantic conventions for GenAI, which say what a token count includes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from muniment.errors import TranscriptError

__all__ = [
    "LIST_MEMBERS",
    "Message",
    "Record",
    "ToolCall",
    "Usage",
    "messages_of",
    "parse_time",
    "read_record",
]

# Where a record that is an object may hold its messages; the first that holds a list counts.
LIST_MEMBERS = ("messages", "traj", "history", "trajectory")

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}

TIME_MEMBERS = ("timestamp", "created_at", "created")
RECORD_TIME_MEMBERS = ("started_at", "start_time", *TIME_MEMBERS)

# Unix times from here on are milliseconds: as seconds they would lie after the year 5138, and
# milliseconds below it lie before April 1973.
MILLISECONDS_FROM = 100_000_000_000
UNIX_TIMES_BELOW = MILLISECONDS_FROM * 1000

# No transcript lies outside: a clock that was not set stands at 1970 or in the year 1 (Go), a count
# of seconds since the conversation began lies in 1970, and "never" is often the year 9999.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

# Names, models, ids: longer ones are bodies in the wrong place.
LABEL_CHARACTERS = 1000

BIGINT_MAX = 2**63 - 1

# What the registry takes as a tool's name (constraint tool_registry_tool_name_ck).
TOOL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
SURROGATE = re.compile("[\ud800-\udfff]")

# Members that have a place in the ledger.
MESSAGE_MEMBERS = frozenset(
    {
        "role",
        "content",
        "name",
        "tool_calls",
        "function_call",
        "tool_call_id",
        "usage",
        "model",
        "id",
        "finish_reason",
        *TIME_MEMBERS,
    }
)
RECORD_MEMBERS = frozenset({"provider", "model", "usage", *LIST_MEMBERS, *RECORD_TIME_MEMBERS})


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one model call or of a whole record. None is "not told", never 0.

    Under OpenTelemetry's rule: input includes what was read from and written to a cache, output
    includes reasoning.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, with its answer if the record has one.

    Attributes:
        call_no: Its place among the calls of the record, from 1.
        message_no: The message that asked for it, from 1.
        call_id: The provider's id; None for a ``function_call``. Not unique inside a record.
        tool_name: As the model wrote it.
        arguments: Byte for byte as given when it was a string, else canonical JSON; None if absent.
        answer_no: The message that answered it, from 1; None when the record has no answer.
        result: The content of the answer; None when there is no answer, or it says null.
    """

    call_no: int
    message_no: int
    call_id: str | None
    tool_name: str
    arguments: str | None
    answer_no: int | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a record.

    Attributes:
        message_no: Its place in the record, from 1.
        role: system, user, assistant or tool.
        given_role: The role as the record spells it.
        content: The text, or the parts as canonical JSON; None when it says null.
        content_format: ``text`` or ``parts``.
        at: Its own time, in UTC; None when it has none.
        name: Of the participant, or of the tool that answers.
        response_id: The ``id`` of the message.
        left_out: Names of members that the ledger has no place for.
    """

    message_no: int
    role: str
    given_role: str
    content: str | None
    content_format: str
    at: datetime | None
    name: str | None
    model: str | None
    response_id: str | None
    finish_reason: str | None
    usage: Usage
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One conversation: what becomes one run and one session in the ledger.

    Attributes:
        number: Its place in the file, from 1; blank lines do not count.
        digest: SHA-256, in hex, of the record as canonical JSON: of what it says, not of how it is
            spaced and ordered.
        started_at: The earliest time that the record tells, in UTC; None when it tells none.
        ended_at: The latest time that the record tells; None when it tells none.
        provider: Who ran the model, if the record says so.
        model: The model that was asked for, if the record says so.
        usage: The counts of the whole record, if it tells them.
        left_out: Names of members that the ledger has no place for.
    """

    number: int
    digest: str
    messages: tuple[Message, ...]
    tool_calls: tuple[ToolCall, ...]
    started_at: datetime | None
    ended_at: datetime | None
    provider: str | None
    model: str | None
    usage: Usage
    left_out: tuple[str, ...]


def read_record(number: int, value: Any) -> Record:
    """Read one record from its parsed JSON.

    Args:
        number: Its place in the file, from 1.
        value: A list of messages, or an object that holds one.

    Raises:
        TranscriptError: Something in it cannot be recorded as it is; the reason names the message.
    """
    try:
        return _read_record(number, value)
    except _Refused as refused:
        raise TranscriptError(number, str(refused)) from None
    except RecursionError:
        raise TranscriptError(number, "it is nested too deeply") from None


def messages_of(value: Any) -> list[Any] | None:
    """Return the list of messages in the JSON of a record, or None when it has none."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for member in LIST_MEMBERS:
            found = value.get(member)
            if isinstance(found, list):
                return found
    return None


def parse_time(text: str) -> datetime:
    """Return an ISO 8601 time in UTC.

    Raises:
        ValueError: It is no time, or it does not tell its offset: which instant it means would be a
            guess.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{_shown(text)} is no ISO 8601 time") from None
    raise ValueError(f"{_shown(text)} has no offset from UTC; it ends in Z or +hh:mm")


@dataclass(frozen=True, slots=True)
class Unkeepable:
    """Stands in a parsed record where a value would not come out as it went in.

    It is no JSON value, so the record that holds it anywhere cannot be written as canonical JSON
    and is refused; the other records of the file go in.
    """

    reason: str


def _refuse_unkeepable(value: object) -> None:
    assert isinstance(value, Unkeepable)  # noqa: S101
    raise _Refused(value.reason)


class _Refused(Exception):
    """A reason not to take a record; :func:`read_record` adds the record's number."""


def _read_record(number: int, value: Any) -> Record:
    if isinstance(value, Unkeepable):
        raise _Refused(value.reason)
    raw_messages = messages_of(value)
    if raw_messages is None:
        names = f"{', '.join(LIST_MEMBERS[:-1])} or {LIST_MEMBERS[-1]}"
        raise _Refused(f"no list of messages, neither the record itself nor its {names}")
    if not raw_messages:
        raise _Refused("no messages in it")
    members: Mapping[str, Any] = value if isinstance(value, dict) else {}
    # First of all: nothing below has to expect a value that JSON does not have.
    digest = sha256(_canonical(value, ascii_only=True).encode("ascii")).hexdigest()
    messages = tuple(_read_message(no, raw) for no, raw in enumerate(raw_messages, start=1))
    own_time = _time(members, RECORD_TIME_MEMBERS, "")
    times = [at for at in (own_time, *(message.at for message in messages)) if at is not None]
    return Record(
        number=number,
        digest=digest,
        messages=messages,
        tool_calls=_read_tool_calls(raw_messages, messages),
        started_at=min(times, default=None),
        ended_at=max(times, default=None),
        provider=_label(members, "provider", ""),
        model=_label(members, "model", ""),
        usage=_read_usage(members, ""),
        left_out=_left_out(members, RECORD_MEMBERS, ""),
    )


def _read_message(message_no: int, raw: Any) -> Message:
    where = f"message {message_no}: "
    if not isinstance(raw, dict):
        raise _Refused(f"{where}{_kind(raw)}, not an object")
    given_role = raw.get("role")
    if not isinstance(given_role, str) or given_role not in ROLES:
        raise _Refused(f"{where}role {_shown(given_role)} is none of {', '.join(ROLES)}")
    content, content_format = _read_content(raw.get("content"), where)
    return Message(
        message_no=message_no,
        role=ROLES[given_role],
        given_role=given_role,
        content=content,
        content_format=content_format,
        at=_time(raw, TIME_MEMBERS, where),
        name=_label(raw, "name", where),
        model=_label(raw, "model", where),
        response_id=_label(raw, "id", where),
        finish_reason=_label(raw, "finish_reason", where),
        usage=_read_usage(raw, where),
        left_out=_left_out(raw, MESSAGE_MEMBERS, where),
    )


def _read_content(raw: Any, where: str) -> tuple[str | None, str]:
    """Return the content as one text, and its format: ``text`` or ``parts``."""
    if raw is None:
        return None, "text"
    if isinstance(raw, str):
        return raw, "text"
    if not isinstance(raw, list):
        raise _Refused(f"{where}content is {_kind(raw)}, not a string, a list of parts or null")
    if len(raw) == 1 and _is_plain_text(raw[0]):
        return raw[0]["text"], "text"
    return _canonical(raw), "parts"


def _is_plain_text(part: Any) -> bool:
    """Tell whether a part is a text and nothing else, so that the text alone says all."""
    return (
        isinstance(part, dict)
        and part.keys() == {"type", "text"}
        and part["type"] == "text"
        and isinstance(part["text"], str)
    )


def _read_tool_calls(
    raw_messages: Sequence[Mapping[str, Any]], messages: Sequence[Message]
) -> tuple[ToolCall, ...]:
    """Return the calls in the order in which they were asked for, each with its answer."""
    calls: list[ToolCall] = []
    for raw, message in zip(raw_messages, messages, strict=True):
        where = f"message {message.message_no}: "
        if message.role == "tool":
            _answer(calls, _label(raw, "tool_call_id", where), message)
        for call_id, tool_name, arguments in _calls_of(raw, where):
            call = ToolCall(len(calls) + 1, message.message_no, call_id, tool_name, arguments)
            calls.append(call)
    return tuple(calls)


def _answer(calls: list[ToolCall], call_id: str | None, message: Message) -> None:
    """Put an answer into the call that it belongs to; one that belongs to none stays a message.

    It belongs to the first call before it that has its id and no answer yet: ids repeat inside real
    records. An answer without an id (``function``) goes by the name of the tool.
    """
    for index, call in enumerate(calls):
        is_its = call.tool_name == message.name if call_id is None else call.call_id == call_id
        if is_its and call.answer_no is None:
            calls[index] = replace(call, answer_no=message.message_no, result=message.content)
            return


def _calls_of(raw: Mapping[str, Any], where: str) -> Iterator[tuple[str | None, str, str | None]]:
    """Yield id, tool name and arguments of each call that one message asks for."""
    asked = raw.get("tool_calls") or []
    if not isinstance(asked, list):
        raise _Refused(f"{where}tool_calls is {_kind(asked)}, not a list")
    for place, call in enumerate(asked, start=1):
        here = f"{where}tool call {place}: "
        if not isinstance(call, dict):
            raise _Refused(f"{here}{_kind(call)}, not an object")
        if call.get("type", "function") != "function":
            raise _Refused(f"{here}type {_shown(call['type'])} is not function")
        yield _label(call, "id", here), *_read_function(call.get("function"), f"{here}function")
    legacy = raw.get("function_call")
    if legacy is not None:
        yield None, *_read_function(legacy, f"{where}function_call")


def _read_function(function: Any, what: str) -> tuple[str, str | None]:
    """Return the tool's name and the arguments as one text."""
    if not isinstance(function, dict):
        raise _Refused(f"{what} is {_kind(function)}, not an object")
    name = function.get("name")
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise _Refused(f"{what}: {_shown(name)} cannot be the name of a tool in the registry")
    arguments = function.get("arguments")
    if arguments is None:
        return name, None
    return name, arguments if isinstance(arguments, str) else _canonical(arguments)


def _read_usage(members: Mapping[str, Any], where: str) -> Usage:
    """Return the token counts under ``usage``.

    OpenAI's counts include the cached tokens already. Anthropic's input_tokens do not, so its two
    cache counts are added, as gen_ai.usage.input_tokens of OpenTelemetry wants it; prompt_tokens
    beside them (LiteLLM) have them in.
    """
    usage = members.get("usage")
    if usage is None:
        return Usage()
    what = f"{where}usage"
    if not isinstance(usage, dict):
        raise _Refused(f"{what} is {_kind(usage)}, not an object")
    into = _details(usage, ("prompt_tokens_details", "input_tokens_details"), what)
    out_of = _details(usage, ("completion_tokens_details", "output_tokens_details"), what)
    cache_read = _count(usage, "cache_read_input_tokens", what)
    cache_write = _count(usage, "cache_creation_input_tokens", what)
    input_tokens = _count(usage, "prompt_tokens", what)
    if input_tokens is None:
        input_tokens = _count(usage, "input_tokens", what)
        if input_tokens is not None:
            input_tokens += (cache_read or 0) + (cache_write or 0)
    output_tokens = _count(usage, "completion_tokens", what)
    if output_tokens is None:
        output_tokens = _count(usage, "output_tokens", what)
    counts = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=_count(into, "cached_tokens", what) if cache_read is None else cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=_count(out_of, "reasoning_tokens", what),
    )
    _check_inclusion(counts, what)
    return counts


def _check_inclusion(usage: Usage, what: str) -> None:
    """Refuse counts of which a part is more than the whole, or has no whole to be part of."""
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    if cached > (usage.input_tokens or 0):
        raise _Refused(f"{what}: {cached} cached of {_told(usage.input_tokens)} input tokens")
    reasoning = usage.reasoning_tokens or 0
    if reasoning > (usage.output_tokens or 0):
        raise _Refused(
            f"{what}: {reasoning} reasoning of {_told(usage.output_tokens)} output tokens"
        )


def _told(count: int | None) -> str:
    return "an untold number of" if count is None else str(count)


def _details(usage: Mapping[str, Any], names: Sequence[str], what: str) -> Mapping[str, Any]:
    """Return the first of the named objects that is there, else an empty one."""
    for name in names:
        details = usage.get(name)
        if isinstance(details, dict):
            return details
        if details is not None:
            raise _Refused(f"{what}: {name} is {_kind(details)}, not an object")
    return {}


def _count(usage: Mapping[str, Any], name: str, what: str) -> int | None:
    count = usage.get(name)
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= BIGINT_MAX:
        raise _Refused(f"{what}: {name} {_shown(count)} is no count")
    return count


def _time(members: Mapping[str, Any], names: Sequence[str], where: str) -> datetime | None:
    """Return the first of the named times that is there, in UTC; None when none is."""
    for name in names:
        value = members.get(name)
        if value is not None:
            return _instant(value, f"{where}{name}")
    return None


def _instant(value: Any, what: str) -> datetime:
    """Read an ISO 8601 time with offset, or a Unix time in seconds or milliseconds."""
    if isinstance(value, str):
        try:
            at = parse_time(value)
        except ValueError as error:
            raise _Refused(f"{what} {error}") from None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(f"{what} is {_kind(value)}, not a time")
    elif not 0 <= value < UNIX_TIMES_BELOW:
        raise _Refused(f"{what} {_shown(value)} is no Unix time in seconds or milliseconds")
    else:
        at = datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    if not EARLIEST <= at < LATEST:
        raise _Refused(
            f"{what} {_shown(value)} is in the year {at.year}, when nothing can have been said"
        )
    return at


def _label(members: Mapping[str, Any], name: str, where: str) -> str | None:
    """Return a member that is a string; None when it is absent, null or empty."""
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _Refused(f"{where}{name} is {_kind(value)}, not a string")
    if len(value) > LABEL_CHARACTERS:
        raise _Refused(f"{where}{name} has more than {LABEL_CHARACTERS} characters")
    return _storable(value, f"{where}{name}")


def _left_out(members: Mapping[str, Any], taken: frozenset[str], where: str) -> tuple[str, ...]:
    """Return the names of the members that are lost. An empty one says nothing: it is not lost."""
    lost = (name for name in members if name not in taken)
    said = sorted(name for name in lost if members[name] not in (None, "", [], {}))
    return tuple(_storable(name, f"{where}the name of a member") for name in said)


def _storable(text: str, what: str) -> str:
    """Return a text that PostgreSQL can hold: without NUL, and Unicode throughout."""
    if "\0" in text:
        raise _Refused(f"{what} holds a NUL character, which PostgreSQL cannot store as text")
    if SURROGATE.search(text):
        raise _Refused(f"{what} holds half of a surrogate pair, which is no Unicode character")
    return text


def _canonical(value: Any, *, ascii_only: bool = False) -> str:
    """Return JSON as one line with sorted members: one value, one text."""
    try:
        return json.dumps(
            value,
            ensure_ascii=ascii_only,
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
            default=_refuse_unkeepable,
        )
    except ValueError:
        # Python reads 1e400 as infinity, which has no JSON.
        raise _Refused("a number in it is too large") from None


def _kind(value: Any) -> str:
    """Name the JSON type of a value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    kinds: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _shown(value: Any) -> str:
    """Show a value in a message: short, and without what a terminal would act on."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

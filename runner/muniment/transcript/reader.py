"""Read files of chat transcripts: JSON or JSON Lines, in UTF-8.

What a record says is the matter of :mod:`muniment.transcript.record`. A record that is refused
never stops the others; only a file that is no transcript at all is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from muniment.errors import MunimentError, TranscriptError
from muniment.transcript.record import (
    LIST_MEMBERS,
    Record,
    Unkeepable,
    messages_of,
    read_record,
)

__all__ = ["Transcript", "TranscriptFileError", "open_transcript"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})

# So many lines without one JSON value among them, and a .jsonl file is taken for something else.
LINES_TO_DOUBT = 20


class TranscriptFileError(MunimentError):
    """A file that is no transcript at all.

    Args:
        path: The file as the caller named it.
        reason: Why, as a phrase.
        line: The line from 1, if the reason has a place.
        column: The column from 1, in characters, if the reason has a place.
        hint: A sentence that says what to do next.
    """

    def __init__(
        self,
        path: str,
        reason: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        where = path if line is None else f"{path}:{line}:{column}"
        super().__init__(f"{where}: {reason}", hint=hint)
        self.path = path
        self.line = line
        self.column = column


class Transcript:
    """A transcript file, opened. Iterate over it, once, for its records.

    Attributes:
        name: The file's name without its folders.
        expected: How many records it has, good and bad.
    """

    def __init__(
        self, name: str, expected: int, records: Iterator[Record | TranscriptError]
    ) -> None:
        self.name = name
        self.expected = expected
        self._records = records

    def __iter__(self) -> Iterator[Record | TranscriptError]:
        """Return the one iterator over the records, in the order of the file."""
        return self._records


def open_transcript(path: str | Path) -> Transcript:
    """Open a file of chat transcripts, whichever of the accepted forms it has.

    It is JSON Lines, and read as a stream, when its name ends in ``.jsonl`` or ``.ndjson``, or when
    its first line is a record of its own and another line follows. Anything else is read as one
    JSON document: a list of records, or one record. A file with nothing in it has no records.

    Args:
        path: The file. It must not change before the last record is read.

    Raises:
        TranscriptFileError: It cannot be read, is not JSON, or has no list of messages anywhere.
    """
    path = Path(path)
    try:
        return _open_lines(path) if _has_lines(path) else _open_document(path)
    except OSError as error:
        raise TranscriptFileError(str(path), f"cannot be read: {error.strerror}") from error


def _has_lines(path: Path) -> bool:
    """Tell whether the file is JSON Lines rather than one JSON document."""
    if path.suffix.lower() in LINES_SUFFIXES:
        return True
    with path.open("rb") as file:
        lines = [line for _, line in islice(_lines(file), 2)]
    if len(lines) < 2:
        return False
    try:
        return isinstance(_parse(lines[0]), dict | list)
    except (ValueError, RecursionError):
        return False


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank, with its number from 1 and no byte order mark or end."""
    for number, line in enumerate(file, start=1):
        text = (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).rstrip()
        if text:
            yield number, text


def _open_lines(path: Path) -> Transcript:
    with path.open("rb") as file:
        _doubt(path, file)
        file.seek(0)
        expected = sum(1 for _ in _lines(file))
    return Transcript(_storable_name(path), expected, _read_lines(path))


def _doubt(path: Path, file: BinaryIO) -> None:
    """Refuse a file whose first lines hold not one JSON value: it is something else.

    Raises:
        TranscriptFileError: It names the first line's place.
    """
    refusals: list[TranscriptFileError] = []
    for number, line in islice(_lines(file), LINES_TO_DOUBT):
        try:
            _parse(line)
        except (ValueError, RecursionError) as error:
            column = _place(error)[1]
            refusal = TranscriptFileError(str(path), _why(error), line=number, column=column)
            refusals.append(refusal)
        else:
            return
    if refusals:
        raise refusals[0]


def _read_lines(path: Path) -> Iterator[Record | TranscriptError]:
    with path.open("rb") as file:
        for number, (line_no, line) in enumerate(_lines(file), start=1):
            try:
                value = _parse(line)
            except (ValueError, RecursionError) as error:
                place = f"line {line_no}, column {_place(error)[1]}"
                yield TranscriptError(number, f"{_why(error)} ({place})")
            else:
                yield _record_or_error(number, value)


def _open_document(path: Path) -> Transcript:
    text = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        return Transcript(_storable_name(path), 0, iter(()))
    try:
        value = _parse(text)
    except (ValueError, RecursionError) as error:
        line, column = _place(error)
        raise TranscriptFileError(
            str(path),
            _why(error),
            line=line,
            column=column,
            hint="JSON Lines whose first line is broken are read when the name ends in .jsonl.",
        ) from error
    records = _records_of(value)
    if records is None:
        raise TranscriptFileError(
            str(path),
            "no list of messages in it",
            line=1,
            column=1,
            hint=f"A record is a list of messages or holds one as {', '.join(LIST_MEMBERS)}.",
        )
    read = (_record_or_error(number, record) for number, record in enumerate(records, start=1))
    return Transcript(_storable_name(path), len(records), read)


def _storable_name(path: Path) -> str:
    """Return the name without its folders; a byte that is no UTF-8 becomes a question mark."""
    return path.name.encode("utf-8", "replace").decode("utf-8")


def _records_of(value: Any) -> Sequence[Any] | None:
    """Return the records of a JSON document, or None when it cannot be a transcript."""
    if isinstance(value, list):
        if value and isinstance(value[0], dict) and "role" in value[0]:
            return [value]
        if not value or any(messages_of(record) is not None for record in value):
            return value
    elif messages_of(value) is not None:
        return [value]
    return None


def _record_or_error(number: int, value: Any) -> Record | TranscriptError:
    try:
        return read_record(number, value)
    except TranscriptError as error:
        return error


def _parse(text: bytes) -> Any:
    """Parse one JSON value from UTF-8.

    Raises:
        ValueError: It is not UTF-8 or not JSON (NaN and Infinity are not), or a number has more
            digits than Python converts.
        RecursionError: It is nested too deeply.
    """
    return json.loads(
        text.decode("utf-8"),
        parse_constant=_refuse_constant,
        parse_float=_exact_float,
        object_pairs_hook=_members,
    )


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unkeepable:
    """Return an object; where a name stands twice, one of the two would be lost without a word."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    return Unkeepable(f"an object in it has the member {json.dumps(twice)} twice")


def _exact_float(text: str) -> float | Unkeepable:
    """Return a number that a float keeps to the last digit."""
    number = float(text)
    # repr() gives the shortest text of the float (Python docs); Decimal compares by value.
    if isfinite(number) and Decimal(text) == Decimal(repr(number)):
        return number
    return Unkeepable(f"the number {text[:40]} in it has more digits than can be kept")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _why(error: ValueError | RecursionError) -> str:
    """Say as a phrase what :func:`_parse` found, without its place."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte 0x{error.object[error.start]:02x}"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"not JSON: {error}"


def _place(error: ValueError | RecursionError) -> tuple[int, int]:
    """Return the line and the column, both from 1, at which :func:`_parse` gave up."""
    if isinstance(error, json.JSONDecodeError):
        return error.lineno, error.colno
    if isinstance(error, UnicodeDecodeError):
        before = error.object[: error.start].decode("utf-8")
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return 1, 1

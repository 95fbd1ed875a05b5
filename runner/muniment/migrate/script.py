"""One script: its hash, its header, its envelope, and where in the file a place of its body is.

A script is written so that psql, sqitch and this package run the same bytes: it opens with `BEGIN;`
and ends with `COMMIT;` (deploy, revert) or `ROLLBACK;` (verify). Here that envelope is checked and
taken off, because the caller puts the body and its own bookkeeping into one transaction. A deploy
or revert script that cannot run in one says so in its header, `-- transactional: false`, and has no
envelope.

A plain script is split without a parser (:mod:`muniment.migrate.statements`); a syntax error in one
is the server's to tell. Where there is any doubt PostgreSQL's own grammar does the splitting, and
says what is wrong (pglast, imported when it is first needed, because that takes its time).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from muniment.errors import PlanError, ScriptError
from muniment.migrate.plan import Change
from muniment.migrate.statements import split_plain
from muniment.migrate.steps import Step, read_steps

__all__ = ["Kind", "Place", "Script", "check_header", "hash_script", "parse_script", "read_script"]

Kind = Literal["deploy", "revert", "verify"]

# The first line of a script, as `sqitch add` writes it, and the statement that ends its envelope.
FIRST_LINES: dict[Kind, str] = {
    "deploy": "-- Deploy {change} to pg",
    "revert": "-- Revert {change} from pg",
    "verify": "-- Verify {change} on pg",
}
LAST_STATEMENTS: dict[Kind, str] = {"deploy": "COMMIT", "revert": "COMMIT", "verify": "ROLLBACK"}

# Statements that begin with one of these may end or open a transaction; the tokens decide.
_CONTROL_WORDS = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"}
_FIRST_WORD = re.compile(r"[A-Za-z]*")
_OTHER_STRINGS = re.compile(
    # pg_dump writes `= on` into what it makes, which is harmless.
    r"^\s*SET\s+((SESSION|LOCAL)\s+)?standard_conforming_strings\s*(=|TO)(?!\s*'?on\b)",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(r"--\s*(requires|conflicts|transactional):\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a script file; line and column count from 1, the column in characters."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return the form that editors and terminals turn into a link."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Script:
    """A script that has been read and found runnable.

    Attributes:
        path: The file as errors name it.
        kind: Which of the three scripts of a change it is.
        text: The whole file.
        sha1: Hash of the file's bytes, which is what sqitch records as script_hash.
        start: Where in ``text`` the body begins, in characters.
        stop: Where it ends.
        statements: Where each statement of the body begins in ``text``, in characters.
        steps: What the statements ask for, if the script is not one transaction; else nothing.
        is_transactional: Whether it is one transaction.
    """

    path: str
    kind: Kind
    text: str
    sha1: str
    start: int
    stop: int
    statements: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    is_transactional: bool = True

    @property
    def body(self) -> str:
        """The statements between the envelope; runnable wherever a transaction is open."""
        # A newline first: the last statement may end in a line comment.
        return self.text[self.start : self.stop] + "\n;" if self.statements else ""

    def place(self, offset: int) -> Place:
        """Return the place of a character of ``text``, counted from 0."""
        return _place(self.path, self.text, offset)


def hash_script(path: Path) -> str:
    """Return the SHA-1 of a file's bytes: sqitch's script_hash (App::Sqitch::Plan::Change).

    Raises:
        PlanError: There is no such file.
    """
    return hashlib.sha1(_read(path), usedforsecurity=False).hexdigest()


def read_script(path: Path, kind: Kind) -> Script:
    """Read one script and take its envelope off.

    Args:
        path: The file; errors name it in the same way.
        kind: Which of the three scripts of a change it is.

    Raises:
        PlanError: There is no such file.
        ScriptError: It cannot be run as it is written; see :func:`parse_script`.
    """
    return parse_script(_read(path), kind, path=str(path))


def parse_script(data: bytes, kind: Kind, *, path: str) -> Script:
    """Take the envelope off one script.

    Args:
        data: The bytes of the file.
        kind: Which of the three scripts of a change it is.
        path: Where they come from, for messages.

    Raises:
        ScriptError: It is not UTF-8, holds a psql meta-command or COPY with the client, is not
            exactly one transaction and does not say so, or cannot be split into statements.
    """
    text = _decode(data, path)
    _refuse_other_strings(text, path)
    steps: tuple[Step, ...] = ()
    is_transactional = _says_transactional(text, kind, path)
    if is_transactional:
        plain = split_plain(text, LAST_STATEMENTS[kind])
        inner = plain[1:-1] if plain else _split_envelope(text, kind, path)
    else:
        inner = _split_by_grammar(text, path)
        steps = read_steps(text, inner, path)
    return Script(
        path=path,
        kind=kind,
        text=text,
        sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        start=inner[0].start if inner else 0,
        stop=inner[-1].stop if inner else 0,
        statements=tuple(piece.start for piece in inner),
        steps=steps,
        is_transactional=is_transactional,
    )


def check_header(script: Script, change: Change) -> None:
    """Check that a script says of itself what the plan says of its change.

    Args:
        script: A script of ``change``.
        change: The line of the plan.

    Raises:
        ScriptError: The first line names another change, or the `-- requires:` and
            `-- conflicts:` lines of a deploy script differ from the plan.
    """
    lines = _header(script.text)
    expected = FIRST_LINES[script.kind].format(change=change.qualified)
    if not lines or lines[0] != expected:
        raise ScriptError(
            "the first line does not name the change",
            path=script.path,
            line=1,
            hint=f"Make it `{expected}`.",
        )
    if script.kind == "deploy":
        own = f"{change.project}:"
        _check_field(script, lines, "requires", own, [item.text for item in change.requires])
        _check_field(script, lines, "conflicts", own, [item.text for item in change.conflicts])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PlanError(
            "missing script", path=str(path), hint="Each change needs deploy, revert and verify."
        ) from error


def _decode(data: bytes, path: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScriptError("not UTF-8", path=path, line=line) from error
    if text.startswith("\ufeff"):
        raise ScriptError("begins with a byte order mark", path=path, line=1)
    if "\0" in text:
        line = _place(path, text, text.index("\0")).line
        raise ScriptError("holds a NUL character", path=path, line=line)
    return text


def _refuse_other_strings(text: str, path: str) -> None:
    """Refuse what changes the meaning of a string while a text is read that was sent as a whole."""
    found = _OTHER_STRINGS.search(text)
    if found:
        raise ScriptError(
            "the script turns standard_conforming_strings off",
            path=path,
            line=_place(path, text, found.start()).line,
            hint="Write E'...' where a backslash is an escape.",
        )


def _header(text: str) -> list[str]:
    """Return the comment lines at the top of a script, without trailing blanks."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.rstrip())
    return lines


def _says_transactional(text: str, kind: Kind, path: str) -> bool:
    """Return what the header says of the script, which is true unless it says otherwise."""
    for number, line in enumerate(_header(text), start=1):
        field = _FIELD.match(line)
        if not field or field[1] != "transactional":
            continue
        if field[2] not in {"true", "false"}:
            raise ScriptError(
                f"`-- transactional: {field[2]}` is neither true nor false", path=path, line=number
            )
        if field[2] == "false" and kind == "verify":
            raise ScriptError(
                "a verify script is always a transaction",
                path=path,
                line=number,
                hint="It must leave nothing behind, and only ROLLBACK sees to that.",
            )
        return field[2] == "true"
    return True


def _check_field(
    script: Script, lines: list[str], field: str, own: str, planned: Sequence[str]
) -> None:
    """Compare the lines of one field with the plan, where the prefix ``own`` is left out."""
    found: list[str] = []
    where = 1
    for number, line in enumerate(lines, start=1):
        match = _FIELD.match(line)
        if match and match[1] == field:
            found.append(match[2].removeprefix(own))
            where = number
    if sorted(found) != sorted(planned):
        raise ScriptError(
            f"the header has {field} {_listed(found)}, the plan has {_listed(planned)}",
            path=script.path,
            line=where,
            hint=f"Write one `-- {field}: NAME` line for each entry of the plan line.",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def _split_envelope(text: str, kind: Kind, path: str) -> list[slice]:
    return _without_envelope(text, _split_by_grammar(text, path), kind, path)


def _split_by_grammar(text: str, path: str) -> list[slice]:
    from pglast import parser

    try:
        slices = list(parser.split(text, only_slices=True))
    except parser.ParseError as error:
        raise _parse_failure(text, path, error) from error
    for piece in slices:
        _refuse_copy(text, piece, path)
    return slices


def _parse_failure(text: str, path: str, error: Any) -> ScriptError:
    from pglast import parser

    at = error.args[1] if len(error.args) > 1 else None
    offset = len(text) if at is None else at
    # The data of a COPY FROM STDIN looks like a syntax error in the statement after it.
    copy = _find_copy(text[:offset])
    if copy is not None:
        return _copy_error(text, copy, path)
    place = _place(path, text, offset)
    if text[offset : offset + 1] in {"\\", ":"}:
        return ScriptError(
            f"column {place.column}: psql meta-command or variable",
            path=path,
            line=place.line,
            hint="Only psql understands it; write plain SQL.",
        )
    major = parser.get_postgresql_version()[0]
    return ScriptError(
        f"column {place.column}: {error.args[0]}",
        path=path,
        line=place.line,
        hint=f"The script was read with the grammar of PostgreSQL {major}; "
        "a statement of another release cannot be checked.",
    )


def _find_copy(text: str) -> int | None:
    """Return where the first COPY with the client begins in a text that does not parse."""
    statement: list[tuple[int, str]] = []
    for position, word in _tokens(text):
        if word != ";":
            statement.append((position, word))
            continue
        if _copies_with_client([name for _, name in statement]):
            return statement[0][0]
        statement = []
    return None


def _refuse_copy(text: str, piece: slice, path: str) -> None:
    if _first_word(text, piece) != "COPY":
        return
    if _copies_with_client([word for _, word in _tokens(text[piece])]):
        raise _copy_error(text, piece.start, path)


def _copies_with_client(words: list[str]) -> bool:
    return words[:1] == ["COPY"] and not {"STDIN", "STDOUT"}.isdisjoint(words)


def _copy_error(text: str, offset: int, path: str) -> ScriptError:
    return ScriptError(
        "COPY FROM STDIN or TO STDOUT",
        path=path,
        line=_place(path, text, offset).line,
        hint="Write the rows as INSERT ... VALUES.",
    )


def _without_envelope(text: str, slices: list[slice], kind: Kind, path: str) -> list[slice]:
    last = LAST_STATEMENTS[kind]
    if not slices or _words(text, slices[0]) != ["BEGIN"]:
        raise _envelope_error(text, slices[:1], "the first statement is not `BEGIN;`", last, path)
    if len(slices) < 2 or _words(text, slices[-1]) != [last]:
        message = f"the last statement is not `{last};`"
        raise _envelope_error(text, slices[-1:], message, last, path)
    for piece in slices[1:-1]:
        if _controls_transaction(text, piece):
            statement = " ".join(_words(text, piece))
            message = f"transaction control inside the script: {statement}"
            raise _envelope_error(text, [piece], message, last, path)
    return slices[1:-1]


def _envelope_error(
    text: str, pieces: list[slice], message: str, last: str, path: str
) -> ScriptError:
    line = _place(path, text, pieces[0].start).line if pieces else 1
    return ScriptError(
        message,
        path=path,
        line=line,
        hint=f"A script is one transaction: `BEGIN;` first, `{last};` last, SAVEPOINT in between. "
        "One that cannot be says `-- transactional: false` in its header.",
    )


def _controls_transaction(text: str, piece: slice) -> bool:
    if _first_word(text, piece) not in _CONTROL_WORDS:
        return False
    words = _words(text, piece)
    if words[0] == "PREPARE":
        return words[1:2] == ["TRANSACTION"]
    return not (words[0] == "ROLLBACK" and "TO" in words)


def _first_word(text: str, piece: slice) -> str:
    match = _FIRST_WORD.match(text, piece.start)
    return match[0].upper() if match else ""


def _words(text: str, piece: slice) -> list[str]:
    return [word for _, word in _tokens(text[piece])]


def _tokens(text: str) -> list[tuple[int, str]]:
    """Return the tokens of a text in upper case, each with its offset, without comments."""
    from pglast import parser

    return [
        (token.start, text[token.start : token.end + 1].upper())
        for token in parser.scan(text)
        if token.name not in {"SQL_COMMENT", "C_COMMENT"}
    ]


def _place(path: str, text: str, offset: int) -> Place:
    line_start = text.rfind("\n", 0, offset) + 1
    return Place(path, text.count("\n", 0, offset) + 1, offset - line_start + 1)

r"""Read sqitch plans, and compute the ids of their changes and tags exactly as sqitch does.

Pure: text in, values out. The rules are those of sqitch 1.x (``App::Sqitch::Plan`` and the modules
below it, read at 1.3.1), so that a plan means the same to ``muniment`` and to ``sqitch``, down to
the bytes that are hashed.

A plan is refused here, before a database is touched, also where sqitch accepts it and then fails
or loses something later:

* a conflict with a change of the own project that the plan does not hold, a dependency written
  twice in two ways (``[a own:a]``, ``[a !a]``), a NUL character: sqitch fails during the deploy;
* an id as a dependency without another project before it: sqitch recurses until memory ends;
* ``[`` or ``]`` in a name: sqitch refuses it since 1.5.0;
* a pragma written twice, a ``%syntax-version`` other than 1.0.0, and the dependency ``[0]``:
  sqitch keeps the last, ignores the value and ignores the dependency;
* a URI whose canonical form depends on more than this module knows (see :func:`_canonical_uri`),
  and the year 0000 and leap seconds, which ``datetime`` cannot hold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path
from types import MappingProxyType

from muniment.errors import PlanError

__all__ = [
    "Change",
    "Dependency",
    "Plan",
    "Tag",
    "change_line",
    "parse_plan",
    "read_plan",
    "tag_line",
    "validate_name",
]

_SYNTAX_VERSION = "1.0.0"

# Plan.pm and ChangeList.pm, $punct: [:punct:] without the underscore. The backslash is not in it.
_PUNCT = r"""\-!"#$%&'()*+,./:;<=>?@\[\]^`{|}~"""

# Plan.pm, $name_re. As every pattern with a class of Perl's, for the shape of a text: see _shape.
_NAME = rf"""
    (?![{_PUNCT}])
    (?: (?! [~/=%^] \d+ (?:\Z|[ \t]) ) [^ \t:@\#\\] )+
    (?<![{_PUNCT}]) \b
"""
_NAME_ONLY = re.compile(rf"{_NAME}\Z", re.VERBOSE)

_BLANK_LINE = re.compile(r"[ \t]*(?:#[ \t]*(?P<note>.+)|\Z)")

_PRAGMA = re.compile(
    rf"""
    [ \t]* % [ \t]*
    (?P<name> [^{_PUNCT}] (?: [^ \t=]*? [^{_PUNCT} \t] )? )
    (?: [ \t]* = [ \t]* (?P<value>.+) )?
    \Z
    """,
    re.VERBOSE,
)

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"

_ENTRY = re.compile(
    rf"""
    [ \t]*
    (?: (?P<tag>@) | [ \t]* [+-] [ \t]* )?
    (?P<name> {_NAME} )
    [ \t]*
    (?: \[ (?P<dependencies> [^\]]+ ) \] [ \t]* )?
    (?: (?P<date> {_DATE} ) [ \t]* )?
    (?: (?P<planner> [^<]+ ) [ \t]+ < (?P<email> [^>]+ ) > )?
    \Z
    """,
    re.VERBOSE,
)

# Depend.pm, parse(). Perl takes one group name twice, Python does not.
_DEPENDENCY = re.compile(
    rf"""
    (?P<conflict> !? )
    (?: (?P<project> {_NAME} ) : )?
    (?: (?P<id> [0-9a-f]{{40}} ) | (?P<change> {_NAME} ) (?: @ (?P<as_of> {_NAME} ) )?
      | @ (?P<tag> {_NAME} ) )
    \Z
    """,
    re.VERBOSE,
)

# ChangeList.pm, _offset().
_OFFSET = re.compile(rf"(?<![{_PUNCT}])([~^])(?:(\1)|([0-9]+))?\Z")

_RESERVED = frozenset({"ROOT", "HEAD"})
# Perl's [[:blank:]] and \s; Python has more of the latter.
_BLANKS = "\t \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
_SPACES = f"{_BLANKS}\n\v\f\r\x85\u2028\u2029"
_UNESCAPED = {r"\n": "\n", r"\r": "\r", r"\\": "\\"}
_ESCAPED = {char: escape for escape, char in _UNESCAPED.items()}

# What sqitch cannot read (surrogates and noncharacters) and PostgreSQL cannot store (NUL).
_FORBIDDEN = re.compile(
    "[\x00\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)

_EXPECTED = "name [dependencies] YYYY-MM-DDTHH:MM:SSZ planner <email> # note"


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a change requires, or what it cannot live with: one entry between its brackets.

    Attributes:
        text: As written, without ``!`` and without the own project's prefix. This is what is
            hashed, and what sqitch keeps in ``dependencies.dependency``.
        is_conflict: Whether it was written with ``!``.
        project: The project that was written, else the own one.
        change: The name of the change, if one was written.
        tag: The name of the tag without ``@``, if one was written.
        change_id: The id, if that was written instead of names, as ``other:`` and 40 hex digits.
    """

    text: str
    is_conflict: bool
    project: str
    change: str | None
    tag: str | None
    change_id: str | None


@dataclass(frozen=True, slots=True)
class Tag:
    """A name for the state after a change. ``name`` is without ``@``; ``line`` counts from 1."""

    name: str
    tag_id: str
    change_id: str
    planned_at: datetime
    planner_name: str
    planner_email: str
    note: str
    line: int


@dataclass(frozen=True, slots=True)
class Change:
    """One planned change.

    Attributes:
        project: The project of the plan.
        name: The name; with ``/`` it is a path below the script folders.
        change_id: sqitch's id. It covers this line and, through ``parent_id``, all before it.
        parent_id: The id of the change before, None for the first.
        requires: What must be deployed before, in the order written.
        conflicts: What must not be deployed, in the order written.
        planned_at: When it was planned, in UTC.
        planner_name: Who planned it, with all blanks that the plan has before the ``<``.
        planner_email: Their address.
        note: The note, unescaped.
        tags: The tags on this change.
        line: Its line in the plan, from 1.
        index: Its position among the changes, from 0.
        rework_tags: If it was reworked, the tags between it and the next instance of the same
            name, without ``@``, in the order in which sqitch looks for the script.
    """

    project: str
    name: str
    change_id: str
    parent_id: str | None
    requires: tuple[Dependency, ...]
    conflicts: tuple[Dependency, ...]
    planned_at: datetime
    planner_name: str
    planner_email: str
    note: str
    tags: tuple[Tag, ...]
    line: int
    index: int
    rework_tags: tuple[str, ...]

    @property
    def qualified(self) -> str:
        """The name with its project: ``project:name``."""
        return f"{self.project}:{self.name}"

    @property
    def stems(self) -> tuple[str, ...]:
        """The paths, without folder and suffix, at which its scripts may be.

        The first that exists among the deploy scripts counts, else the first (Change.pm,
        ``_path_segments``). ``name`` belongs to the newest instance of a reworked change.
        """
        return tuple(f"{self.name}@{tag}" for tag in self.rework_tags) or (self.name,)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that holds together: every name is legal, every own dependency is in it.

    Attributes:
        project: The ``%project``.
        uri: The ``%uri`` as sqitch puts it into its registry: as written, but for unsafe
            characters, which are percent-encoded. Ids are computed from its canonical form.
        path: Where the plan was read.
        pragmas: All pragmas by name; one without a value has the value ``1``.
        changes: In the order of the plan.
    """

    project: str
    uri: str | None
    path: Path
    pragmas: Mapping[str, str]
    changes: tuple[Change, ...]
    _positions: Mapping[str, Sequence[int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the changes by all that may stand in a spec (ChangeList.pm, ``append``)."""
        positions: dict[str, list[int]] = {}
        for change in self.changes:
            positions.setdefault(change.name, []).append(change.index)
            for key in (
                change.change_id,
                *(k for t in change.tags for k in (f"@{t.name}", t.tag_id)),
            ):
                positions[key] = [change.index]
        if self.changes:
            positions |= {key: [0] for key in ("ROOT", "@ROOT")}
            positions |= {key: [len(self.changes) - 1] for key in ("HEAD", "@HEAD")}
        object.__setattr__(self, "_positions", positions)

    def find(self, spec: str) -> Change:
        """Find the change that a spec means (ChangeList.pm, ``index_of``).

        Args:
            spec: ``name``, ``name@tag``, ``@tag``, ``@HEAD``, ``@ROOT`` (with or without ``@``),
                or the id of a change or tag; then, if wanted, ``^``, ``^^`` or ``^2`` for changes
                before, ``~``, ``~~`` or ``~2`` for changes after.

        Raises:
            PlanError: The plan holds no such change, or several.
        """
        key, steps = _split_offset(spec)
        start = self._position(spec, key)
        if not 0 <= start + steps < len(self.changes):
            raise PlanError(
                f'no change "{spec}": the plan has {len(self.changes)} changes, '
                f'and "{key}" is number {start + 1}',
                path=str(self.path),
                hint=f"`muniment plan {self.project}` lists them.",
            )
        return self.changes[start + steps]

    def _position(self, spec: str, key: str) -> int:
        """Return the position of a spec without its offset."""
        name, at, tag = key.partition("@")
        if name and at:
            position = self._position_as_of(name, tag)
            if position is not None:
                return position
        elif positions := self._positions.get(key):
            if len(positions) > 1:
                exact = [_tag_qualified(self.changes[position]) for position in positions]
                raise PlanError(
                    f'ambiguous change "{spec}": the plan has {len(positions)} of that name',
                    path=str(self.path),
                    hint=f"Write {_either(exact)}.",
                )
            return positions[0]
        raise PlanError(
            f'no change "{spec}" in the plan',
            path=str(self.path),
            hint=self._close_to(key) or f"`muniment plan {self.project}` lists what there is.",
        )

    def _position_as_of(self, name: str, tag: str) -> int | None:
        """Return the position that the newest ``name`` had at ``tag``."""
        at = self._positions.get(f"@{tag}")
        if at is None:
            return None
        earlier = (i for i in self._positions.get(name, ()) if i <= at[0])
        return max(earlier, default=None)

    def _holds(self, dependency: Dependency) -> bool:
        """Whether sqitch's ``Plan::find`` finds it, which takes the first of several."""
        if dependency.change and dependency.tag:
            return self._position_as_of(dependency.change, dependency.tag) is not None
        return dependency.text in self._positions

    def _close_to(self, key: str) -> str | None:
        """Suggest what may have been meant."""
        names = {change.name for change in self.changes}
        tags = {f"@{tag.name}" for change in self.changes for tag in change.tags}
        exact = {f"{name}{tag}" for name in names for tag in tags} if "@" in key[1:] else set()
        return _suggest(key, names | tags | exact)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line that plans a change or a tag, before it has an id."""

    line: int
    is_tag: bool
    name: str
    dependencies: tuple[Dependency, ...]
    planned_at: datetime
    planner_name: str
    planner_email: str
    note: str

    @property
    def requires(self) -> tuple[Dependency, ...]:
        return tuple(d for d in self.dependencies if not d.is_conflict)

    @property
    def conflicts(self) -> tuple[Dependency, ...]:
        return tuple(d for d in self.dependencies if d.is_conflict)


def read_plan(path: Path) -> Plan:
    """Read and check the plan in a file.

    Raises:
        PlanError: The file is missing, unreadable or not UTF-8, or the plan is not in order.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise PlanError("no such plan", path=str(path)) from error
    except OSError as error:
        raise PlanError(f"cannot read the plan: {error.strerror}", path=str(path)) from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise PlanError(
            f"not UTF-8: byte 0x{data[error.start]:02x}",
            path=str(path),
            line=data.count(b"\n", 0, error.start) + 1,
        ) from error
    return parse_plan(text, path=path)


def parse_plan(text: str, *, path: Path) -> Plan:
    """Check the text of a plan and compute all ids (Plan.pm, ``_parse``).

    Args:
        text: The plan. Line ends may be LF or CRLF.
        path: Where it comes from, for messages.

    Raises:
        PlanError: The plan is not in order. ``line`` says where, ``hint`` what to do.
    """
    if found := _FORBIDDEN.search(text):
        raise PlanError(
            f"forbidden character U+{ord(found[0]):04X}",
            path=str(path),
            line=text.count("\n", 0, found.start()) + 1,
        )
    lines = _lines(text)
    pragmas, pragma_lines = _read_header(lines, path)
    project = _project(pragmas, pragma_lines, path)
    uri, canonical = _uri(pragmas, pragma_lines, path)

    entries = [
        _read_entry(line, number, project, path)
        for number, line in lines
        if not _matched(_BLANK_LINE, line)
    ]
    _check_names(entries, path)
    _check_requires(entries, project, path)

    plan = Plan(
        project=project,
        uri=uri,
        path=path,
        pragmas=MappingProxyType(pragmas),
        changes=tuple(_changes(entries, project, canonical)),
    )
    _check_conflicts(plan)
    return plan


def change_line(
    name: str,
    *,
    requires: Iterable[str] = (),
    conflicts: Iterable[str] = (),
    planned_at: datetime,
    planner_name: str,
    planner_email: str,
    note: str = "",
) -> str:
    r"""Write the line that plans a change, as sqitch does (Change.pm, ``as_string``).

    Args:
        name: The name of the change.
        requires: Dependencies as a plan has them: ``a``, ``a@tag``, ``other:a``.
        conflicts: The same, without ``!``.
        planned_at: An aware time; fractions of a second are dropped.
        planner_name: Who plans it.
        planner_email: Their address.
        note: Plain text. Line ends and backslashes are escaped, blanks around it are dropped.

    Returns:
        The line, without a line end.

    Raises:
        PlanError: A part cannot be written so that a plan gives it back.
        ValueError: ``planned_at`` is naive.
    """
    if reason := validate_name(name):
        raise PlanError(f'illegal change name "{name}": {reason}')
    dependencies = [*requires, *(f"!{conflict}" for conflict in conflicts)]
    for dependency in dependencies:
        if _matched(_DEPENDENCY, dependency) is None or _has_bracket(dependency):
            raise PlanError(f'change "{name}": "{dependency}" is not a dependency')
    listed = [f"[{' '.join(dependencies)}]"] if dependencies else []
    return _signed(
        f'change "{name}"',
        " ".join([name, *listed]),
        planned_at=planned_at,
        planner_name=planner_name,
        planner_email=planner_email,
        note=note,
    )


def tag_line(
    name: str, *, planned_at: datetime, planner_name: str, planner_email: str, note: str = ""
) -> str:
    r"""Write the line that tags the change above it, as sqitch does (Tag.pm, ``as_string``).

    Args:
        name: The name of the tag, without ``@``.
        planned_at: An aware time; fractions of a second are dropped.
        planner_name: Who plans it.
        planner_email: Their address.
        note: Plain text. Line ends and backslashes are escaped, blanks around it are dropped.

    Returns:
        The line, without a line end.

    Raises:
        PlanError: A part cannot be written so that a plan gives it back.
        ValueError: ``planned_at`` is naive.
    """
    if reason := validate_name(name) or ("it contains '/'" if "/" in name else None):
        raise PlanError(
            f'illegal tag name "{name}": {reason}',
            hint="Name it like v1.2.0: of letters, digits and dots, with no dot at either end.",
        )
    return _signed(
        f"tag @{name}",
        f"@{name}",
        planned_at=planned_at,
        planner_name=planner_name,
        planner_email=planner_email,
        note=note,
    )


def _signed(
    what: str,
    start: str,
    *,
    planned_at: datetime,
    planner_name: str,
    planner_email: str,
    note: str,
) -> str:
    """Write a line that begins with ``start``, and goes on with who plans it, when and why."""
    if planned_at.tzinfo is None:
        raise ValueError("planned_at must be aware")
    start = f"{start} {_date_text(planned_at.astimezone(UTC))}"
    note = re.sub(r"[\r\n\\]", lambda found: _ESCAPED[found[0]], note.strip(_SPACES))
    planner = f"{planner_name} <{planner_email}>"
    back = _matched(_ENTRY, f"{start} {planner}")
    if (
        re.search(r"[#\n]", planner)
        or not back
        or not _is_true(back["planner"])
        or (back["planner"], back["email"]) != (planner_name, planner_email)
    ):
        raise PlanError(
            f'{what}: a plan cannot hold the planner "{planner}"',
            hint='Neither may be empty or hold "<", ">", "#" or a line end, or begin with a blank.',
        )
    line = f"{start} {planner}" + (f" # {note}" if note else "")
    if found := _FORBIDDEN.search(line):
        raise PlanError(f"{what}: forbidden character U+{ord(found[0]):04X}")
    return line


def validate_name(name: str) -> str | None:
    """Say why a change or a tag cannot have a name (Plan.pm, ``$name_re`` and ``_is_valid``).

    A tag can have no ``/`` either.

    Returns:
        The reason as a phrase, or None if the name is legal.
    """
    if name in _RESERVED:
        return "it is reserved"
    if re.match(r"[0-9a-f]{40}", name):
        return "it could be confused with an id"
    return _name_fault(name)


def _name_fault(name: str) -> str | None:
    """Say why a change, a tag or a project cannot have a name."""
    shape = _shape(name)
    if not shape:
        return "it is empty"
    if name == "0":
        return "sqitch takes 0 for no name at all"
    if found := re.search(r"[ \t\n:@#\\\[\]]", shape):
        return f"it contains {name[found.start()]!r}"
    if _NAME_ONLY.match(shape):
        return None
    if re.match(rf"[{_PUNCT}]", shape):
        return "it begins with punctuation"
    if re.search(r"[~/=%^]\d+\Z", shape):
        return "it ends in one of ~ / = % ^ and digits"
    return "it ends in neither a letter, a digit nor an underscore"


def _shape(text: str) -> str:
    r"""Stand a plain character in for each that Perl and Python class differently.

    Perl's ``\w`` has combining marks, Python's has fractions; only Perl has ``[[:blank:]]``. The
    shape is as long as the text, so what matches in it is cut out of the text by position.
    """
    if text.isascii():
        return text
    return "".join(char if char.isascii() else _stand_in(char) for char in text)


def _stand_in(char: str) -> str:
    """Return a blank, a digit, a letter or a symbol for a character beyond ASCII."""
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category == "Nd":
        return "\u0660"
    # Perl's \w: Alphabetic, Mark, Nd, Pc and Join_Control. The circled letters are Alphabetic too.
    if (
        category[0] in "LM"
        or category in {"Nl", "Pc"}
        or char in "\u200c\u200d"
        or "\u24b6" <= char <= "\u24e9"
        or "\U0001f130" <= char <= "\U0001f149"
        or "\U0001f150" <= char <= "\U0001f169"
        or "\U0001f170" <= char <= "\U0001f189"
    ):
        return "\u00e9"
    return "\u20ac"


def _matched(pattern: re.Pattern[str], text: str) -> dict[str, str] | None:
    """Match the shape of a text, and return the named parts of the text itself.

    A part that is absent is the empty string.
    """
    found = pattern.match(_shape(text))
    if found is None:
        return None
    return {
        name: text[slice(*found.span(name))] if found[name] else "" for name in pattern.groupindex
    }


def _is_true(value: str) -> bool:
    """Whether Perl takes a string for true."""
    return value not in {"", "0"}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Split a text into numbered lines. A final CR without LF stays, as in sqitch."""
    *ended, last = text.split("\n")
    yield from enumerate((line.removesuffix("\r") for line in ended), start=1)
    if last:
        yield len(ended) + 1, last


def _cut_note(line: str) -> tuple[str, str]:
    """Cut the note off a line (Plan.pm, "Grab inline note")."""
    body, _, note = line.partition("#")
    return body.rstrip(_BLANKS), _clean_note(note)


def _clean_note(note: str) -> str:
    """Trim and unescape a note (Line.pm, ``BUILDARGS``)."""
    return re.sub(r"\\[\\nr]", lambda found: _UNESCAPED[found[0]], note.strip(_SPACES))


def _read_header(
    lines: Iterator[tuple[int, str]], path: Path
) -> tuple[dict[str, str], dict[str, int]]:
    """Read the pragmas with their lines, up to and with the blank line that ends them."""
    pragmas: dict[str, str] = {}
    pragma_lines: dict[str, int] = {}
    for number, line in lines:
        if number == 1 and line.startswith("\ufeff"):
            raise PlanError(
                "the plan begins with a byte order mark",
                path=str(path),
                line=number,
                hint="Save it as UTF-8 without one.",
            )
        if blank := _matched(_BLANK_LINE, line):
            if not _is_true(_clean_note(blank["note"])):
                break
            continue
        body, _ = _cut_note(line)
        pragma = _matched(_PRAGMA, body)
        if pragma is None:
            bare = _bare_comment(body)
            raise PlanError(
                bare or f'not a pragma: "{body.strip()}"',
                path=str(path),
                line=number,
                hint=None
                if bare
                else "A blank line must come between the pragmas and the changes.",
            )
        name = pragma["name"]
        if name in pragmas:
            raise PlanError(
                f"duplicate pragma %{name}: first on line {pragma_lines[name]}",
                path=str(path),
                line=number,
            )
        pragmas[name] = pragma["value"] or "1"
        pragma_lines[name] = number
        if name == "syntax-version" and pragmas[name] != _SYNTAX_VERSION:
            raise PlanError(
                f"unknown syntax-version {pragmas[name]}: only {_SYNTAX_VERSION} is known",
                path=str(path),
                line=number,
            )
        if name == "project" and not pragma["value"]:
            raise PlanError("%project names no project", path=str(path), line=number)
    return pragmas, pragma_lines


def _bare_comment(body: str) -> str | None:
    """Explain a line of ``#`` alone, which sqitch takes for a change without a name."""
    return None if body.strip() else 'a comment needs text after "#"'


def _project(pragmas: Mapping[str, str], pragma_lines: Mapping[str, int], path: Path) -> str:
    """Return the project, which every plan must name."""
    project = pragmas.get("project")
    if project is None:
        raise PlanError(
            "the plan names no project",
            path=str(path),
            line=1,
            hint="Begin it with %project=NAME, before the first blank line.",
        )
    if reason := _name_fault(project):
        raise PlanError(
            f'illegal project name "{project}": {reason}',
            path=str(path),
            line=pragma_lines["project"],
        )
    return project


def _read_entry(line: str, number: int, project: str, path: Path) -> _Entry:
    """Read a line that plans a change or a tag."""

    def fault(message: str, hint: str | None = None) -> PlanError:
        return PlanError(message, path=str(path), line=number, hint=hint)

    body, note = _cut_note(line)
    parts = _matched(_ENTRY, body)
    if parts is None or (not parts["date"] and re.search(_DATE, body)):
        raise fault(*_explain(body))
    name, date, planner, email = parts["name"], parts["date"], parts["planner"], parts["email"]
    is_tag = bool(parts["tag"])
    what = f"tag @{name}" if is_tag else f'change "{name}"'
    if not date:
        without = "date, planner and email" if not planner else "date"
        raise fault(f"{what} has no {without}", f"Write {_EXPECTED}.")
    if not _is_true(planner):
        raise fault(f"{what} has no planner and email", f"Write {_EXPECTED}.")
    if reason := validate_name(name):
        raise fault(f"illegal name: {what}: {reason}")
    try:
        # The form is known by now; strptime() would have to be loaded first.
        year, month, day, hour, minute, second = map(int, re.findall("[0-9]+", date))
        planned_at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise fault(f"{what}: {date} is not a date") from error
    if is_tag and "/" in name:
        raise fault(f"illegal name: {what}: it contains '/'")
    if is_tag and parts["dependencies"]:
        raise fault(f"{what} has dependencies: only changes can have them")

    dependencies: list[Dependency] = []
    for written in _split_blanks(parts["dependencies"]):
        dependency = _dependency(written, project)
        if dependency is None:
            raise fault(f'{what}: "{written}" is not a dependency')
        if dependency.change_id and dependency.project == project:
            raise fault(
                f"{what}: a dependency by id needs another project before it",
                "Write the name of the change, or other_project:id.",
            )
        if any(dependency.text == other.text for other in dependencies):
            raise fault(f'{what}: duplicate dependency "{written}"')
        dependencies.append(dependency)
    return _Entry(number, is_tag, name, tuple(dependencies), planned_at, planner, email, note)


def _explain(body: str) -> tuple[str, str | None]:
    """Say what is wrong with a line that is neither a change nor a tag, and what to do."""
    if bare := _bare_comment(body):
        return bare, "Leave the line blank instead."
    words = body.lstrip()
    if words.startswith("%"):
        return "a pragma among the changes", "Move it before the first blank line."
    word = re.match(r"([@+-]?)[ \t]*([^ \t]*)", _shape(words))
    if word and not words[slice(*word.span(2))].startswith("["):
        name = words[slice(*word.span(2))]
        if reason := validate_name(name):
            return f'illegal name "{name}": {reason}', None
    return f'neither a change nor a tag: "{words}"', f"Write {_EXPECTED}."


def _split_blanks(text: str) -> list[str]:
    """Split as Perl does: an empty first part stays, empty last parts go."""
    parts = re.split(f"[{_BLANKS}]+", text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _has_bracket(text: str) -> bool:
    """Whether a text has what sqitch since 1.5.0 forbids in names."""
    return "[" in text or "]" in text


def _dependency(written: str, project: str) -> Dependency | None:
    """Read one dependency, or return None if it is none (Depend.pm, ``parse``)."""
    parts = _matched(_DEPENDENCY, written)
    if parts is None or _has_bracket(written):
        return None
    change, change_id = parts["change"], parts["id"]
    tag = parts["as_of"] or parts["tag"]
    target = change_id or change + (f"@{tag}" if tag else "")
    owner = parts["project"] or project
    return Dependency(
        text=target if owner == project else f"{owner}:{target}",
        is_conflict=bool(parts["conflict"]),
        project=owner,
        change=change or None,
        tag=tag or None,
        change_id=change_id or None,
    )


def _check_names(entries: Sequence[_Entry], path: Path) -> None:
    """Refuse a name that is planned twice without a tag between, and a tag that cannot be."""
    tags: dict[str, int] = {}
    section: dict[str, int] = {}
    for position, entry in enumerate(entries):
        names = tags if entry.is_tag else section
        what = f"tag @{entry.name}" if entry.is_tag else f'change "{entry.name}"'
        if entry.is_tag and position == 0:
            raise PlanError(f"{what} has no change before it", path=str(path), line=entry.line)
        if entry.name in names:
            raise PlanError(
                f"duplicate {what}: first on line {names[entry.name]}",
                path=str(path),
                line=entry.line,
                hint=None if entry.is_tag else "To rework a change, tag its first instance.",
            )
        names[entry.name] = entry.line
        if entry.is_tag:
            section.clear()


def _check_requires(entries: Sequence[_Entry], project: str, path: Path) -> None:
    """Refuse what is required of the own project and not planned before (``check_changes``)."""
    seen: dict[str, int] = {}  # before the last tag, by name and by @tag; sqitch's %line_no_for
    planned: dict[str, int] = {}  # before this line, by name
    for entry in entries:
        if entry.is_tag:
            seen |= {**planned, f"@{entry.name}": entry.line}
            continue
        for required in entry.requires:
            if required.project != project:
                continue
            if required.change and required.tag:
                # The line of the newest instance counts: sqitch cannot name an older one.
                change_at, tag_at = seen.get(required.change), seen.get(f"@{required.tag}")
                if change_at and tag_at and change_at < tag_at:
                    continue
            elif required.text in seen or required.text in planned:
                continue
            message, hint = _missing(entry, required, entries)
            raise PlanError(message, path=str(path), line=entry.line, hint=hint)
        planned[entry.name] = entry.line


def _missing(
    entry: _Entry, required: Dependency, entries: Sequence[_Entry]
) -> tuple[str, str | None]:
    """Say why a change cannot require something, and what to do."""
    if required.text == entry.name:
        return f'change "{entry.name}" requires itself', None
    what = f'change "{entry.name}" requires "{required.text}"'
    lines = {f"@{e.name}" if e.is_tag else e.name: e.line for e in reversed(entries)}
    parts = [required.change] if required.change else []
    parts += [f"@{required.tag}"] if required.tag else []
    for part in parts:
        if part not in lines:
            return f'{what}: the plan has no "{part}"', _suggest(part, lines)
    last = max(lines[part] for part in parts)
    if last > entry.line:
        return f"{what}: that is planned later, on line {last}", f"Move the line below line {last}."
    if lines[parts[0]] > lines[parts[-1]]:
        return f'{what}: "{parts[0]}" is planned after "{parts[-1]}"', None
    return (
        f'{what}: "{parts[0]}" was reworked and tagged since',
        f'sqitch cannot name that instance any more; require "{parts[0]}" or "{parts[-1]}".',
    )


def _check_conflicts(plan: Plan) -> None:
    """Refuse a conflict with what the own plan does not hold: sqitch dies of it while deploying."""
    for change in plan.changes:
        for conflict in change.conflicts:
            if conflict.project == plan.project and not plan._holds(conflict):
                raise PlanError(
                    f'change "{change.name}" conflicts with "{conflict.text}", '
                    "which is not in the plan",
                    path=str(plan.path),
                    line=change.line,
                    hint=plan._close_to(conflict.text),
                )


def _changes(entries: Sequence[_Entry], project: str, uri: str | None) -> Iterator[Change]:
    """Give each entry its id, and each change its tags."""
    groups: list[tuple[_Entry, list[_Entry]]] = []
    for entry in entries:
        if entry.is_tag:
            groups[-1][1].append(entry)
        else:
            groups.append((entry, []))
    rework_tags = _rework_tags(groups)
    parent_id: str | None = None
    for index, (entry, tag_entries) in enumerate(groups):
        change_id = _change_id(entry, project, uri, parent_id)
        yield Change(
            project=project,
            name=entry.name,
            change_id=change_id,
            parent_id=parent_id,
            requires=entry.requires,
            conflicts=entry.conflicts,
            planned_at=entry.planned_at,
            planner_name=entry.planner_name,
            planner_email=entry.planner_email,
            note=entry.note,
            tags=tuple(
                Tag(
                    name=tag.name,
                    tag_id=_tag_id(tag, project, uri, change_id),
                    change_id=change_id,
                    planned_at=tag.planned_at,
                    planner_name=tag.planner_name,
                    planner_email=tag.planner_email,
                    note=tag.note,
                    line=tag.line,
                )
                for tag in tag_entries
            ),
            line=entry.line,
            index=index,
            rework_tags=rework_tags[index],
        )
        parent_id = change_id


def _rework_tags(groups: Sequence[tuple[_Entry, Sequence[_Entry]]]) -> list[tuple[str, ...]]:
    """Collect, for each reworked change, the tags up to its next instance.

    The change nearest to the next instance comes first, its tags in their own order.
    """
    found: list[tuple[str, ...]] = [()] * len(groups)
    newest: dict[str, int] = {}
    for index, (entry, _) in enumerate(groups):
        if (older := newest.get(entry.name)) is not None:
            found[older] = tuple(
                tag.name for _, tags in reversed(groups[older:index]) for tag in tags
            )
        newest[entry.name] = index
    return found


def _change_id(entry: _Entry, project: str, uri: str | None, parent_id: str | None) -> str:
    """Hash a change (Change.pm, ``info`` and ``id``)."""
    lines = [f"project {project}"]
    lines += [f"uri {uri}"] if uri else []
    lines += [f"change {entry.name}"]
    lines += [f"parent {parent_id}"] if parent_id else []
    lines += _signature(entry)
    if entry.requires:
        lines += ["requires", *(f"  + {required.text}" for required in entry.requires)]
    if entry.conflicts:
        lines += ["conflicts", *(f"  - {conflict.text}" for conflict in entry.conflicts)]
    return _digest("change", lines, entry.note)


def _tag_id(tag: _Entry, project: str, uri: str | None, change_id: str) -> str:
    """Hash a tag (Tag.pm, ``info`` and ``id``)."""
    lines = [f"project {project}"]
    lines += [f"uri {uri}"] if uri else []
    lines += [f"tag @{tag.name}", f"change {change_id}", *_signature(tag)]
    return _digest("tag", lines, tag.note)


def _signature(entry: _Entry) -> list[str]:
    """Write who planned an entry and when."""
    return [
        f"planner {entry.planner_name} <{entry.planner_email}>",
        f"date {_date_text(entry.planned_at)}",
    ]


def _digest(kind: str, lines: list[str], note: str) -> str:
    """Hash as git does: kind, length, NUL, content. The note "0" is false in Perl, so left out."""
    content = "\n".join([*lines, "", note] if _is_true(note) else lines).encode()
    return sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def _date_text(planned_at: datetime) -> str:
    """Write a time in UTC as plans and ids have it."""
    return planned_at.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _split_offset(spec: str) -> tuple[str, int]:
    """Split ``^``, ``^2``, ``~``, ... off a spec, as a number of changes forward."""
    found = _OFFSET.search(_shape(spec))
    if found is None:
        return spec, 0
    direction, doubled, number = found.groups()
    steps = int(number) if number else 2 if doubled else 1
    return spec[: found.start()], -steps if direction == "^" else steps


def _tag_qualified(change: Change) -> str:
    """Return a spec that means this instance only (Change.pm, ``format_tag_qualified_name``)."""
    tags = [*(tag.name for tag in change.tags), *change.rework_tags, "HEAD"]
    return f"{change.name}@{tags[0]}"


def _suggest(wanted: str, names: Iterable[str]) -> str | None:
    """Ask whether a similar name was meant, if there is one."""
    from difflib import get_close_matches

    close = get_close_matches(wanted, sorted(names), n=3)
    return f"Did you mean {_either(close)}?" if close else None


def _either(names: Sequence[str]) -> str:
    """Enumerate names for a sentence."""
    *rest, last = (f'"{name}"' for name in names)
    return f"{', '.join(rest)} or {last}" if rest else last


# Perl's URI: the schemes with a host, by default port. Those in _WEB always have a path.
_PORTS = {"ftp": 21, "http": 80, "https": 443, "rsync": 873, "sftp": 22, "ssh": 22}
_WEB = frozenset({"http", "https"})
# Those whose canonical form has rules of its own.
_UNKNOWN = frozenset({"db", "file", "ldap", "ldapi", "ldaps", "mailto", "sip", "sips"})
_URI_UNSAFE = re.compile(r"[^;/?:@&=+$,A-Za-z0-9\-_.!~*'()%]")
_URI_UNRESERVED = re.compile(r"[A-Za-z0-9\-_.!~*'()]")
_URI = re.compile(
    r"""
    (?: ([A-Za-z][A-Za-z0-9.+\-]*) : | (?! [A-Za-z][A-Za-z0-9.+\-]* : ) )
    (?: (//) ([A-Za-z0-9\-_.!~*'();:&=+$,%]*@)? ([A-Za-z0-9._\-]*) (:[0-9]*)? (?![^/?])
      | (?!//) )
    (.*)
    """,
    re.VERBOSE | re.DOTALL,
)


def _uri(
    pragmas: Mapping[str, str], pragma_lines: Mapping[str, int], path: Path
) -> tuple[str | None, str | None]:
    """Return the ``%uri`` as sqitch stores it and as it hashes it."""
    if not _is_true(pragmas.get("uri", "")):
        return None, None
    uri = pragmas["uri"]
    # URI.pm, new(): unwrap, trim, encode.
    uri = re.sub(r"\A<(?:URL:)?(.*)>\Z", r"\1", uri)
    uri = re.sub(r'\A"(.*)"\Z', r"\1", uri).strip(_SPACES)
    uri = _URI_UNSAFE.sub(lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), uri)
    if not _is_true(uri):
        return None, None
    canonical = _canonical_uri(uri)
    if canonical is None:
        raise PlanError(
            f"unsupported URI {pragmas['uri']}: its ids cannot be told",
            path=str(path),
            line=pragma_lines["uri"],
            hint="Write it in plain lower case, as https://host/path or urn:..., or leave it out.",
        )
    return uri, canonical


def _canonical_uri(uri: str) -> str | None:
    """Return what ``URI->canonical`` returns, or None where this module does not know.

    Known are relative URIs, ``urn:`` but for books, the schemes in ``_PORTS``, and all without
    rules of their own, as far as host and user are plain ASCII. For a scheme that is not listed
    the host must be in lower case and without a port, because Perl may have a class that says more.
    """
    decoded = re.sub("%[0-9A-Fa-f]{2}", lambda found: _canonical_escape(found[0]), uri)
    found = _URI.fullmatch(decoded)
    if found is None:
        return None
    scheme, slashes, user, host, port, rest = (part or "" for part in found.groups())
    scheme = scheme.lower()
    if scheme in _UNKNOWN:
        return None
    if scheme == "urn":
        namespace, colon, rest = rest.partition(":")
        if namespace.lower() == "isbn" or "%" in namespace:
            return None
        rest = f"{namespace.lower()}{colon}{rest}"
    elif scheme in _PORTS and slashes:
        host = host.lower()
        port = "" if int(port[1:] or _PORTS[scheme]) == _PORTS[scheme] else port
        rest = f"/{rest}" if scheme in _WEB and not rest else rest
    elif scheme and (port or host != host.lower()):
        return None
    return "".join([scheme, scheme and ":", slashes, user, host, port, rest])


def _canonical_escape(escape: str) -> str:
    """Return ``%7e`` as ``~``, because that needs no escape, but ``%2f`` as ``%2F``."""
    char = chr(int(escape[1:], 16))
    return char if _URI_UNRESERVED.fullmatch(char) else escape.upper()

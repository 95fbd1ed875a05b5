"""Cut a plain script into its statements without a parser, or say that it is not plain.

PostgreSQL's own grammar does this for any script (:mod:`muniment.migrate.script`), but to load it
takes longer than to deploy several changes. Most scripts need no grammar: outside of comments,
strings and dollar quotes each semicolon ends a statement. Two things in SQL are otherwise, a rule
with several actions and BEGIN ATOMIC. Both, and whatever else could bear on it, are left to the
grammar and not guessed at.
"""

from __future__ import annotations

import re

__all__ = ["split_plain"]

# What bears on where a statement ends (PostgreSQL's scan.l). Each alternative begins with a
# literal, so that `re` hurries over everything else. A quote that is doubled inside a string makes
# two strings of it here, which comes to the same. No possessive quantifiers: before Python 3.11.5
# they match too little.
_TOKEN = re.compile(
    r"""
    (?P<passed>
        --[^\r\n]*
      | '[^'\\]*'
      | "[^"\\]*"
      | \$ (?<! [\w$\x80-\U0010ffff]\$ )  # Else it is a part of an identifier.
        (?P<tag> (?: [A-Za-z_] [A-Za-z0-9_]* )? ) \$
        (?s: .*? )
        \$ (?P=tag) \$
      | :[:=]
    )
    | (?P<open> \( )
    | (?P<close> \) )
    | (?P<end> ; )
    | (?P<doubt> ['"$:\\] | /\* )
    """,
    re.VERBOSE,
)
_SPACE = " \t\n\r\f\v"
_BETWEEN = re.compile(rf"(?:[{_SPACE}]|--[^\r\n]*)*")

# Statements that may end the transaction, begin one or talk to the client; the grammar knows which.
_DOUBTFUL_WORD = re.compile(
    "(?:ABORT|BEGIN|COMMIT|COPY|END|PREPARE|ROLLBACK|START)(?![a-z])", re.IGNORECASE
)


def split_plain(text: str, last: str) -> list[slice] | None:
    """Return where the statements of a script are, without their semicolons.

    Args:
        text: The script.
        last: What its last statement must be: ``COMMIT`` or ``ROLLBACK``.

    Returns:
        The slices that the grammar would give, if the first is ``BEGIN``, the last is ``last``, and
        nothing between them is in doubt; else None. A syntax error goes unnoticed.
    """
    if "ATOMIC" in text.upper():
        return None
    found: list[slice] = []
    depth = 0
    start = _next(text, 0)
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "doubt":
                return None
            case "end":
                code = text[start : token.start()].rstrip(_SPACE)
                # What else Python takes for a blank is a letter to PostgreSQL.
                if depth or code != code.strip():
                    return None
                if code:
                    found.append(slice(start, start + len(code)))
                start = _next(text, token.end())
    if start < len(text) or len(found) < 2:
        return None
    first, *inner, end = found
    if text[first] != "BEGIN" or text[end] != last:
        return None
    if any(_DOUBTFUL_WORD.match(text, one.start) for one in inner):
        return None
    return found


def _next(text: str, offset: int) -> int:
    """Return where the first thing after blanks and comments begins."""
    between = _BETWEEN.match(text, offset)
    return between.end() if between else offset

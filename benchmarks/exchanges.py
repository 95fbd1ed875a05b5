"""What the stores of `benchmarks.ledger` are given: exchanges of a user with an agent.

An exchange is the user's message (200 bytes), a call of a tool (120 bytes of arguments, 900 of
result, both JSON) and the agent's answer (1,200 bytes). The texts are made, so that everybody has
the same: words of one to four syllables out of a vocabulary of 4,000, of which frequent ones are
short, drawn in proportion to 1 / (rank + 3) by a generator whose seed is the place of the exchange.
No two exchanges are alike, and zlib makes about 54 % of one, as of that much prose: nothing wins
by a compression that no real text allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from uuid import UUID

__all__ = ["PAYLOAD_BYTES", "TOOL", "Exchange", "Session", "session"]

TOOL = "search_matter_documents"
"""The tool that is called: a read, which the ledger has registered."""

QUESTION_BYTES, ARGUMENTS_BYTES, RESULT_BYTES, ANSWER_BYTES = 200, 120, 900, 1200
PAYLOAD_BYTES = QUESTION_BYTES + ARGUMENTS_BYTES + RESULT_BYTES + ANSWER_BYTES

_VOCABULARY = 4000


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is said and done in one turn of a conversation.

    Keys of JSON are in the order in which jsonb has them, so that it comes back as it was.
    """

    question: str
    arguments: str
    result: str
    answer: str


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: an id, and its exchanges in their order."""

    session_id: UUID
    exchanges: tuple[Exchange, ...]


@cache
def session(number: int, exchanges: int) -> Session:
    """Return the conversation of a number; the same number is the same text.

    Args:
        number: Which one, 0 or more.
        exchanges: How many there are in it.
    """
    return Session(
        UUID(int=Random(f"session {number}").getrandbits(128), version=4),  # noqa: S311
        tuple(_exchange(f"{number}/{exchange}") for exchange in range(exchanges)),
    )


def _exchange(place: str) -> Exchange:
    words = _Words(place)

    def arguments(query: str) -> str:
        return json.dumps({"limit": 10, "query": query})

    def result(passage: str) -> str:
        return json.dumps({"page": 7, "passage": passage, "document_id": place})

    return Exchange(
        words.fill(QUESTION_BYTES),
        words.fill(ARGUMENTS_BYTES, arguments),
        words.fill(RESULT_BYTES, result),
        words.fill(ANSWER_BYTES),
    )


class _Words:
    """An endless text, the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311

    def fill(self, size: int, form: Callable[[str], str] = str) -> str:
        """Return so many bytes of it, in a form that adds to what it is given."""
        room = size - len(form(""))
        # No word is shorter than two letters, and a blank follows each.
        drawn = self._random.choices(_vocabulary(), cum_weights=_weights(), k=room // 3 + 1)
        return form(" ".join(drawn)[:room])


@cache
def _vocabulary() -> list[str]:
    random = Random("vocabulary")  # noqa: S311
    begins, ends = (*"bcdfghjklmnprstvw", "ch", "pl", "st", "tr"), ("", *"lmnrst")
    syllables = [begin + vowel + end for begin in begins for vowel in "aeiou" for end in ends]
    words: dict[str, None] = {}
    while len(words) < _VOCABULARY:
        words["".join(random.choices(syllables, k=random.choice((1, 2, 2, 3, 3, 4))))] = None
    return sorted(words, key=len)


@cache
def _weights() -> list[float]:
    return list(accumulate(1 / (rank + 3) for rank in range(1, _VOCABULARY + 1)))

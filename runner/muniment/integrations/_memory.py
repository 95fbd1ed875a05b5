"""What an agent remembers, in a ledger from which nothing is taken away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from muniment.ledger import Turn, TurnInput

__all__ = ["PAGE", "Memory", "remembered"]

# How many turns are read at once.
PAGE = 1_000

# The key of a turn's metadata that says whose memory it is of, and what it does there.
KEY = "memory"


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one framework in a conversation, where others may write too."""

    owner: str

    def item(self, role: str, content: str) -> TurnInput:
        """Return a turn that is remembered."""
        return {
            "role": role,
            "content": content,
            "content_format": "parts",
            "metadata": {KEY: {"of": self.owner, "does": "add"}},
        }

    def marker(self, does: str) -> TurnInput:
        """Return a turn that says that the latest item (``pop``) or all (``clear``) are forgotten.

        Which item that is follows from the order of the turns, which the database makes: so it is
        one item for each marker, whoever else writes at the same time.
        """
        return {"role": "system", "metadata": {KEY: {"of": self.owner, "does": does}}}


def remembered(turns: Iterable[Turn], memory: Memory) -> tuple[list[Turn], dict[int, Turn]]:
    """Return the items that are not forgotten, and what each ``pop`` took, by its turn number.

    An item whose content was redacted is not remembered.
    """
    kept: list[Turn] = []
    popped: dict[int, Turn] = {}
    for turn in turns:
        mark = turn.metadata.get(KEY)
        if not isinstance(mark, dict) or mark.get("of") != memory.owner:
            continue
        if mark.get("does") == "add" and turn.content is not None:
            kept.append(turn)
        elif mark.get("does") == "pop" and kept:
            popped[turn.turn_no] = kept.pop()
        elif mark.get("does") == "clear":
            kept.clear()
    return kept, popped

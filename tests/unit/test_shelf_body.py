"""Where a body goes is asked in two ways, which answer alike."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from muniment.shelf import INLINE_BYTES, NewBody, fits_inline, place

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
RUN = UUID("00000000-0000-4000-8000-0000000000a1")
START = datetime(2026, 6, 9, tzinfo=UTC)

BODIES = {
    "empty": "",
    "ascii": "a" * INLINE_BYTES,
    "ascii and one": "a" * (INLINE_BYTES + 1),
    "wide": "é" * (INLINE_BYTES // 2),
    "wide and one": "é" * (INLINE_BYTES // 2) + "a",
    "a NUL": "a\0b",
    "half a pair": "a\ud83d",
    "a whole pair": "a\U0001f600",
}


@pytest.mark.parametrize("text", BODIES.values(), ids=BODIES)
def test_the_short_question_has_the_answer_of_the_long_one(text: str) -> None:
    stored, _ = place(NewBody(text, "content", FIRM, RUN, START))

    assert fits_inline(text) == stored.is_inline

"""Text that somebody else has written, shown so that it cannot act on a terminal."""

from __future__ import annotations

import re

__all__ = ["visible"]

# What a terminal would act on instead of showing it: control characters but the tab, and marks that
# end a line or turn the direction of the text. And what no terminal can be sent: lone surrogates.
ACTING = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Show characters on which a terminal would act as escapes; the answer is one line."""
    return ACTING.sub(lambda found: ascii(found[0])[1:-1], text)

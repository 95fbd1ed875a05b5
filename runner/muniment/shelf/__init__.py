"""The shelf: bodies that are too large for the register, and the proof of what comes back.

:class:`Shelf` is for code that may block, :class:`AsyncShelf` for code under asyncio; both give and
take :class:`StoredBody`, which is the body columns of a row. The object is stored first and the row
written second, so a row never names what is not there; what is left when the row fails is found by
:mod:`muniment.inventory`.

For example::

    shelf = Shelf(get_settings())
    body = shelf.store(text, kind="result", firm_id=firm, run_id=run, run_started_at=start)
    row |= body.columns("result")
    ...
    text = shelf.fetch(StoredBody.from_row(row, "result"))
"""

from __future__ import annotations

from muniment.shelf.body import (
    INLINE_BYTES,
    KINDS,
    PREVIEW_CHARACTERS,
    NewBody,
    StoredBody,
    fits_inline,
    parse_key,
    place,
)
from muniment.shelf.store import AsyncShelf, Shelf

__all__ = [
    "INLINE_BYTES",
    "KINDS",
    "PREVIEW_CHARACTERS",
    "AsyncShelf",
    "NewBody",
    "Shelf",
    "StoredBody",
    "fits_inline",
    "parse_key",
    "place",
]

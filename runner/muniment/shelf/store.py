"""Store bodies, and fetch them back proven."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar, overload
from uuid import UUID

from muniment.errors import (
    BodyRefused,
    ConfigError,
    ObjectDiffers,
    ObjectMissing,
    ShelfError,
)
from muniment.shelf.body import (
    PREVIEW_CHARACTERS,
    NewBody,
    StoredBody,
    decode,
    encode,
    object_key,
    parse_key,
    place,
)

if TYPE_CHECKING:
    from muniment._s3 import Bucket, Head, Source
    from muniment.settings import Settings

__all__ = ["AsyncShelf", "Shelf"]

A = TypeVar("A")
B = TypeVar("B")

PIECE_BYTES = 1024 * 1024

# An object that a writer meets and that is older than this gets put there anew: a sweep, which goes
# by age, must not take it for an orphan while the row that will name it is being written.
RENEW_AFTER = timedelta(hours=1)

# What is sent compressed when settings say so; less than a packet or two gains nothing.
COMPRESS_FROM = 4_096


class Shelf:
    """A bucket with the bodies of the ledger in it. Safe to share between threads.

    Args:
        settings: Which bucket, and how: :func:`muniment.settings.get_settings` gives them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._bucket: Bucket | None = None
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Shelf:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections; what is under way is finished first."""
        with self._lock:
            threads, bucket = self._threads, self._bucket
            self._threads = self._bucket = None
        if threads is not None:
            threads.shutdown()
        if bucket is not None:
            bucket.close()

    @property
    def bucket(self) -> Bucket:
        """The bucket itself, for those who look after it rather than at bodies."""
        with self._lock:
            if self._bucket is None:
                # boto3 takes longer to import than most commands run.
                from muniment._s3 import Bucket

                self._bucket = Bucket(self.settings)
            return self._bucket

    # Storing --------------------------------------------------------------------

    def store(
        self,
        content: str,
        *,
        kind: str,
        firm_id: UUID | None = None,
        run_id: UUID | None = None,
        run_started_at: datetime | None = None,
    ) -> StoredBody:
        """Put a body where it belongs, and return the columns that say where that is.

        Up to 32,768 bytes of UTF-8 nothing is sent: the columns hold the text. When this returns
        with a key, the object is there; write the row then. Storing the same body again is cheap
        and makes no second object.

        Args:
            content: The text.
            kind: ``content``, ``args`` or ``result``: the body's name in its table.
            firm_id: The tenant. This and the next two are needed when the body goes to the shelf.
            run_id: The run that it belongs to.
            run_started_at: When that run started.

        Raises:
            BodyRefused: There is no such kind, or the body has to go to the shelf and the caller
                does not say whose it is.
            ShelfUnreachable: The shelf does not answer. The call may be made again.
            ShelfError: The shelf refuses.
        """
        return self.store_body(NewBody(content, kind, firm_id, run_id, run_started_at))

    def store_body(self, body: NewBody) -> StoredBody:
        """Do as :meth:`store` does, with what is to be stored in one value."""
        stored, data = place(body)
        if stored.s3_key is not None:
            self._put(stored, data, content_type=_content_type(data))
        return stored

    def store_many(self, bodies: Iterable[NewBody]) -> list[StoredBody]:
        """Store bodies, several at a time, and return their columns in the order given.

        Raises:
            ShelfError: One of them cannot be stored: the first of those, by the order given. No
                further one is begun, and none is under way when this raises.
        """
        return list(self.each(self.store_body, bodies))

    def store_file(
        self,
        file: IO[bytes],
        *,
        kind: str,
        firm_id: UUID | None = None,
        run_id: UUID | None = None,
        run_started_at: datetime | None = None,
    ) -> StoredBody:
        """Store a body out of a file of UTF-8, without holding it in memory.

        Args:
            file: A seekable file, which is read twice from where it stands: what it is has to be
                known before the first byte is sent.
            kind: As for :meth:`store`.
            firm_id: As for :meth:`store`.
            run_id: As for :meth:`store`.
            run_started_at: As for :meth:`store`.

        Raises:
            BodyRefused: As for :meth:`store`, or it is not UTF-8.
            ShelfError: As for :meth:`store`.
        """
        begin = file.tell()
        # Enough to tell whether all of it fits the register, in one read.
        first = file.read(PIECE_BYTES)
        if len(first) < PIECE_BYTES:
            return self.store(
                _text_of(first),
                kind=kind,
                firm_id=firm_id,
                run_id=run_id,
                run_started_at=run_started_at,
            )
        empty = place(NewBody("", kind))[0]
        digest, byte_count = _digest_of_text(first, file)
        key = object_key(NewBody("", kind, firm_id, run_id, run_started_at), digest)
        beginning = first[: 4 * PREVIEW_CHARACTERS].decode("utf-8", "replace")
        stored = replace(
            empty,
            storage="s3",
            inline=None,
            s3_key=key,
            sha256=digest,
            byte_count=byte_count,
            preview=beginning.replace("\0", "\ufffd")[:PREVIEW_CHARACTERS],
        )
        file.seek(begin)
        self._put(stored, _Rest(file, begin, byte_count), content_type=_TEXT)
        return stored

    def _put(self, stored: StoredBody, data: bytes | Source, *, content_type: str) -> None:
        """See to it that the object of a body is there, whole and young."""
        key = stored.s3_key or ""
        sent: bytes | Source = data
        encoding, digest, size = None, stored.sha256, stored.byte_count
        if isinstance(data, bytes) and self.settings.compression == "zstd":
            packed = _compressed(data)
            if packed is not None:
                sent, encoding = packed, "zstd"
                digest, size = sha256(packed).digest(), len(packed)
        put = partial(
            self.bucket.put,
            key,
            size=size,
            sha256=digest,
            content_type=content_type,
            encoding=encoding,
            metadata={"sha256": stored.sha256.hex(), "bytes": str(stored.byte_count)},
        )
        if put(sent) or self._is_whole_and_young(stored):
            return
        # What is there is damaged, is not what its key says, or could be swept any moment.
        put(sent, overwrite=True)

    def _is_whole_and_young(self, stored: StoredBody) -> bool:
        """Tell whether the object that is there already can be relied upon."""
        try:
            head = self.bucket.head(stored.s3_key or "")
            if datetime.now(UTC) - head.modified_at > RENEW_AFTER:
                return False
            if head.encoding is None and head.sha256 is not None:
                digest = b64encode(stored.sha256).decode("ascii")
                return (head.size, head.sha256) == (stored.byte_count, digest)
            # Encoded, or put there by somebody who left no checksum: only reading it tells.
            for _ in self._proven_pieces(stored):
                pass
        except (ObjectMissing, ObjectDiffers):
            return False
        return True

    # Fetching -------------------------------------------------------------------

    def fetch(self, body: StoredBody, *, firm_id: UUID | None = None) -> str:
        """Return the text of a body, after proving that it is the one that was stored.

        Its size and its SHA-256 are those of the columns, or this raises; nothing unproven is
        returned. The bucket is that of the settings, whatever a row may say.

        Args:
            body: The columns, as :meth:`StoredBody.from_row` reads them.
            firm_id: The tenant whose row it is. When it is given, a key of another is refused.

        Raises:
            ObjectMissing: The shelf has no such object.
            ObjectDiffers: It has another size, or another SHA-256.
            ShelfUnreachable: The shelf does not answer. The call may be made again.
            ShelfError: The shelf refuses.
        """
        _check_firm(body, firm_id)
        if body.inline is not None:
            data = encode(body.inline)
            _check_size(body, len(data))
            _check_digest(body, sha256(data).hexdigest())
            return body.inline
        data = b"".join(self._proven_pieces(body))
        try:
            return decode(data)
        except UnicodeDecodeError as error:
            # Without the cause, which holds all of the body.
            raise ObjectDiffers(
                f"body differs: {_name(body)}: not UTF-8 from byte {error.start:,} on",
                key=_name(body),
                expected="UTF-8",
                found="other bytes",
                hint="Whoever stored it did not use the shelf; fetch_file gives the bytes.",
            ) from None

    @overload
    def fetch_many(
        self, bodies: Iterable[StoredBody], *, firm_id: UUID | None = None
    ) -> list[str]: ...

    @overload
    def fetch_many(
        self,
        bodies: Iterable[StoredBody],
        *,
        firm_id: UUID | None = None,
        return_errors: Literal[True],
    ) -> list[str | ShelfError]: ...

    def fetch_many(
        self,
        bodies: Iterable[StoredBody],
        *,
        firm_id: UUID | None = None,
        return_errors: bool = False,
    ) -> list[str] | list[str | ShelfError]:
        """Fetch bodies, several at a time, and return their texts in the order given.

        Args:
            bodies: The columns of each.
            firm_id: As for :meth:`fetch`.
            return_errors: Put the error of a body into its place instead of raising it.

        Raises:
            ShelfError: The first of them, by the order given, that cannot be fetched.
        """
        fetch_one = partial(self.fetch, firm_id=firm_id)
        if not return_errors:
            return list(self.each(fetch_one, bodies))

        def attempt(body: StoredBody) -> str | ShelfError:
            try:
                return fetch_one(body)
            except ShelfError as error:
                return error

        return list(self.each(attempt, bodies))

    def fetch_file(self, body: StoredBody, file: IO[bytes], *, firm_id: UUID | None = None) -> None:
        """Write the bytes of a body into a file, without holding them in memory.

        Args:
            body: The columns.
            file: A file that can be written to. Bytes are proven only when the last has been read:
                when this raises, what it wrote is to be thrown away.
            firm_id: As for :meth:`fetch`.

        Raises:
            ShelfError: As for :meth:`fetch`.
        """
        if body.inline is not None:
            file.write(encode(self.fetch(body, firm_id=firm_id)))
            return
        _check_firm(body, firm_id)
        for piece in self._proven_pieces(body):
            file.write(piece)

    def prove(self, body: StoredBody) -> None:
        """Read a body to its end and prove it, without keeping any of it.

        Raises:
            ShelfError: As for :meth:`fetch`.
        """
        for _ in self._proven_pieces(body):
            pass

    def _proven_pieces(self, body: StoredBody) -> Iterator[bytes]:
        """Yield the bytes of a body; ends without an error only if they are the ones."""
        key = body.s3_key or ""
        with self.bucket.reading(key, at_most=body.byte_count) as (head, pieces):
            if head.encoding is None:
                _check_size(body, head.size)
            hashed, byte_count = sha256(), 0
            with _decoded(body, head, pieces) as plain:
                for piece in plain:
                    byte_count += len(piece)
                    if byte_count > body.byte_count:
                        break
                    hashed.update(piece)
                    yield piece
            _check_size(body, byte_count)
            _check_digest(body, hashed.hexdigest())

    # Several at a time ----------------------------------------------------------

    @property
    def threads(self) -> ThreadPoolExecutor:
        """The threads that work for this shelf, as many as the settings allow."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(
                    self.settings.concurrency, thread_name_prefix="muniment-shelf"
                )
            return self._threads

    def each(self, do: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Do something with each item in the shelf's threads, and yield the results in order.

        Args:
            do: Is called in a thread.
            items: Are asked for in this thread, no further ahead than two for each of the others.
        """
        waiting: deque[Future[B]] = deque()
        threads = self.threads
        try:
            for item in items:
                waiting.append(threads.submit(do, item))
                if len(waiting) >= 2 * self.settings.concurrency:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            for future in waiting:
                if not future.cancelled():
                    future.exception()


class AsyncShelf:
    """The same for code under asyncio: threads do the work, and the event loop goes on.

    Args:
        settings: Which bucket, and how.
    """

    def __init__(self, settings: Settings) -> None:
        self._shelf = Shelf(settings)

    async def __aenter__(self) -> AsyncShelf:
        """Return it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; what is under way is finished first."""
        await asyncio.to_thread(self._shelf.close)

    async def store(
        self,
        content: str,
        *,
        kind: str,
        firm_id: UUID | None = None,
        run_id: UUID | None = None,
        run_started_at: datetime | None = None,
    ) -> StoredBody:
        """Put a body where it belongs: see :meth:`Shelf.store`."""
        body = NewBody(content, kind, firm_id, run_id, run_started_at)
        return await self._run(self._shelf.store_body, body)

    async def store_many(self, bodies: Iterable[NewBody]) -> list[StoredBody]:
        """Store bodies, several at a time: see :meth:`Shelf.store_many`."""
        return await self._run_all(self._shelf.store_body, list(bodies))

    async def fetch(self, body: StoredBody, *, firm_id: UUID | None = None) -> str:
        """Return the text of a body, proven: see :meth:`Shelf.fetch`."""
        return await self._run(partial(self._shelf.fetch, firm_id=firm_id), body)

    async def fetch_many(
        self, bodies: Iterable[StoredBody], *, firm_id: UUID | None = None
    ) -> list[str]:
        """Fetch bodies, several at a time: see :meth:`Shelf.fetch_many`."""
        return await self._run_all(partial(self._shelf.fetch, firm_id=firm_id), list(bodies))

    async def _run(self, do: Callable[[A], B], item: A) -> B:
        return await asyncio.get_running_loop().run_in_executor(self._shelf.threads, do, item)

    async def _run_all(self, do: Callable[[A], B], items: Sequence[A]) -> list[B]:
        tasks = [asyncio.ensure_future(self._run(do, item)) for item in items]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


# Proof ------------------------------------------------------------------------


def _check_firm(body: StoredBody, firm_id: UUID | None) -> None:
    """Refuse a key of another firm than the row is of."""
    parts = parse_key(body.s3_key) if body.s3_key is not None else None
    if firm_id is not None and parts is not None and parts.firm_id != firm_id:
        raise BodyRefused(f"body refused: its key is not of firm {firm_id}", key=body.s3_key)


def _check_size(body: StoredBody, found: int) -> None:
    if found != body.byte_count:
        raise ObjectDiffers(
            f"body differs: {_name(body)}: {body.byte_count:,} bytes expected, "
            f"{found:,}{' or more' if found > body.byte_count else ''} found",
            key=_name(body),
            expected=body.byte_count,
            found=found,
            hint=_DIFFERS,
        )


def _check_digest(body: StoredBody, found: str) -> None:
    if found != body.sha256.hex():
        raise ObjectDiffers(
            f"body differs: {_name(body)}: SHA-256 {body.sha256.hex()} expected, {found} found",
            key=_name(body),
            expected=body.sha256.hex(),
            found=found,
            hint=_DIFFERS,
        )


def _name(body: StoredBody) -> str:
    return body.s3_key or "inline"


_DIFFERS = (
    "It was damaged or replaced after it was stored. An earlier version of the object, or a "
    "backup, may still be the one; `muniment shelf check` finds all such."
)

# Bytes ------------------------------------------------------------------------

_TEXT = "text/plain; charset=utf-8"


def _content_type(data: bytes) -> str:
    """Return what a body is to others: the bytes are the text itself, unless that is no Unicode."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return _TEXT


def _text_of(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyRefused(f"body refused: not UTF-8: byte {error.start:,}") from None


def _digest_of_text(first: bytes, file: IO[bytes]) -> tuple[bytes, int]:
    """Return hash and length of what a file has, which must be UTF-8."""
    from codecs import getincrementaldecoder

    decoder = getincrementaldecoder("utf-8")()
    hashed, byte_count, piece = sha256(), 0, first
    while piece:
        hashed.update(piece)
        try:
            decoder.decode(piece)
        except UnicodeDecodeError:
            raise BodyRefused(f"body refused: not UTF-8: after byte {byte_count:,}") from None
        byte_count += len(piece)
        piece = file.read(PIECE_BYTES)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BodyRefused("body refused: not UTF-8: it ends inside a character") from None
    return hashed.digest(), byte_count


class _Rest:
    """So many bytes of a file from one place on, as a file that begins there."""

    def __init__(self, file: IO[bytes], begin: int, size: int) -> None:
        self._file, self._begin, self._size = file, begin, size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1, /) -> bytes:
        left = self._size - self.tell()
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        base = (0, self.tell(), self._size)[whence]
        return self._file.seek(self._begin + base + offset) - self._begin

    def tell(self) -> int:
        return self._file.tell() - self._begin


def _compressed(data: bytes) -> bytes | None:
    """Return fewer bytes that stand for these, or None where there is nothing to gain."""
    if len(data) < COMPRESS_FROM:
        return None
    packed: bytes = _zstandard().ZstdCompressor(level=3).compress(data)
    return packed if len(packed) < len(data) else None


class _Pieces:
    """An iterator of pieces as something that can be read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            self._left = next(self._pieces, b"")
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return taken


@contextmanager
def _decoded(body: StoredBody, head: Head, pieces: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Yield the bytes of the body that an object's bytes stand for."""
    if head.encoding is None:
        yield pieces
        return
    key = body.s3_key or ""
    if head.encoding != "zstd":
        raise ObjectDiffers(
            f"body differs: {key}: encoded as {head.encoding!r}, which nothing here writes",
            key=key,
            expected="zstd",
            found=head.encoding,
        )
    zstandard = _zstandard()
    # Piece by piece, so that a few bytes which stand for very many cannot fill the memory.
    with zstandard.ZstdDecompressor().stream_reader(_Pieces(pieces)) as reader:
        try:
            yield iter(partial(reader.read, PIECE_BYTES), b"")
        except zstandard.ZstdError as error:
            raise ObjectDiffers(
                f"body differs: {key}: SHA-256 {body.sha256.hex()} expected, no zstd found",
                key=key,
                expected=body.sha256.hex(),
                found="no zstd",
            ) from error


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise ConfigError(
            "no zstd: the package zstandard is not installed",
            hint="Run `pip install 'muniment[zstd]'`.",
        ) from None
    return zstandard

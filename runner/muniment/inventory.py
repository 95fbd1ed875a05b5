"""Take inventory: hold the shelf against the register, both ways, and clear away what is nobody's.

The rows of a firm are read first and its objects listed after. Since an object is always there
before its row, a row without an object is a loss whatever happens meanwhile. An object without a
row may be one whose row is still to come, so it counts only after a grace time, and is asked for
again before it is called an orphan.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import IO, TYPE_CHECKING
from uuid import UUID

from muniment._db import Connection, translated
from muniment.errors import ConfigError, ObjectDiffers, ObjectMissing, ShelfDenied
from muniment.queries import query
from muniment.shelf import Shelf, StoredBody, parse_key
from muniment.transcript.acting import READER, acting_as, fetch

if TYPE_CHECKING:
    from muniment._s3 import Listed

__all__ = [
    "Event",
    "Finding",
    "FirmDone",
    "Inventory",
    "Progress",
    "SweepSummary",
    "Swept",
    "check",
    "firms_of",
    "sweep",
]

ROOT = "agents/"
PROGRESS_EVERY = 1_000

# What is wrong, in the words of the command. `foreign` is an object whose key is none of the
# ledger's: nothing here put it there, so nothing here removes it.
MISSING = "missing"
ORPHAN = "orphan"
WRONG_SIZE = "wrong_size"
WRONG_HASH = "wrong_hash"
FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is not as it should be.

    Attributes:
        problem: ``missing``, ``orphan``, ``wrong_size``, ``wrong_hash`` or ``foreign``.
        key: Of the object.
        detail: What is wrong with it, as a phrase.
    """

    problem: str
    key: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """So many objects and rows were compared since the beginning."""

    compared: int


@dataclass(frozen=True, slots=True)
class FirmDone:
    """A firm is done with."""

    firm_id: UUID


@dataclass(slots=True)
class Inventory:
    """What a check came to.

    Attributes:
        bodies: That the register names, each object once.
        objects: On the shelf.
        proven: Objects that were read to the end and are what the register says.
        missing: Bodies without object.
        orphans: Objects without row, older than the grace time.
        wrong_size: Objects of another size.
        wrong_hash: Objects with another SHA-256.
        foreign: Objects whose keys are none of the ledger's.
        young: Objects without row whose rows may still come.
        archived: Objects without row whose rows left the database with a month, or may have.
    """

    bodies: int = 0
    objects: int = 0
    proven: int = 0
    missing: int = 0
    orphans: int = 0
    wrong_size: int = 0
    wrong_hash: int = 0
    foreign: int = 0
    young: int = 0
    archived: int = 0

    @property
    def is_in_order(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing + self.orphans + self.wrong_size + self.wrong_hash + self.foreign)


@dataclass(frozen=True, slots=True)
class Swept:
    """An orphan was removed; in a dry run, would be."""

    key: str
    size: int
    modified_at: datetime


@dataclass(slots=True)
class SweepSummary:
    """What a sweep came to; in a dry run, what it would come to."""

    objects: int = 0
    swept: int = 0
    swept_bytes: int = 0
    young: int = 0
    archived: int = 0
    foreign: int = 0


Event = Finding | Progress | FirmDone | Swept | Inventory | SweepSummary


def firms_of(connection: Connection, shelf: Shelf) -> list[UUID]:
    """Return every firm that has a run in the register or an object on the shelf.

    Args:
        connection: Of a login that row security does not bind.
        shelf: The shelf.

    Raises:
        ConfigError: Row security binds this login, so it cannot know which firms there are.
        StoreError: The database failed.
        ShelfError: The shelf failed.
    """
    with translated("list the firms"):
        if not fetch(connection, query("inventory.sees_all_firms"))[0]["sees_all"]:
            raise ConfigError(
                "no firm named: row security hides from this login which firms there are",
                hint="Give --firm, as often as needed, or connect as a superuser.",
            )
        found = {row["firm_id"] for row in fetch(connection, query("inventory.firms"))}
    for folder in shelf.bucket.folders(ROOT):
        try:
            found.add(UUID(folder))
        except ValueError:
            # What is in it is foreign, but to no firm in particular.
            continue
    return sorted(found)


def check(
    connection: Connection,
    shelf: Shelf,
    *,
    firms: Sequence[UUID],
    month: str | None = None,
    share: float = 1.0,
    grace: timedelta = timedelta(days=1),
) -> Iterator[Event]:
    """Compare register and shelf, both ways, and read what the register names.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_reader.
        shelf: The shelf.
        firms: Which firms.
        month: Only runs that started in this month, ``YYYYMM`` in UTC.
        share: Which part of the objects to read and prove, from 0 to 1. Presence and size are
            compared for all.
        grace: How old an object without a row must be to count as an orphan.

    Yields:
        A Finding for each thing that is wrong, Progress now and then, a FirmDone for each firm,
        and the Inventory as the last event.

    Raises:
        StoreError: The database failed.
        ShelfError: The shelf failed, which is not the same as an object being wrong.
    """
    return _Check(connection, shelf, month, grace, share).run(firms)


def sweep(
    connection: Connection,
    shelf: Shelf,
    *,
    firms: Sequence[UUID],
    older_than: timedelta,
    month: str | None = None,
    dry_run: bool = True,
) -> Iterator[Event]:
    """Remove objects that no row names and that are old enough not to wait for one.

    Never an object that a row names, nor one that a row of a month that has left the database may
    name, nor one that this ledger did not put there. Right before each removal, register and shelf
    are asked again.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_reader.
        shelf: The shelf.
        firms: Which firms.
        older_than: How old an object must be. A writer that meets an object renews one that is
            older than an hour, so anything well above that is safe.
        month: Only runs that started in this month, ``YYYYMM`` in UTC.
        dry_run: Remove nothing.

    Yields:
        A Swept for each object, Progress now and then, a FirmDone for each firm, and the
        SweepSummary as the last event.

    Raises:
        ConfigError: The register knows no run of a firm: it is likely the wrong database. Or it is
            a standby, which may not have all rows yet.
        StoreError: The database failed.
        ShelfError: The shelf failed.
    """
    return _Sweep(connection, shelf, month, older_than, dry_run).run(firms)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What the two lists have of one key."""

    key: str
    byte_count: int | None
    listed: Listed | None


@dataclass
class _Comparison:
    """What check and sweep have in common."""

    connection: Connection
    shelf: Shelf
    month: str | None
    grace: timedelta
    compared: int = field(default=0, init=False)

    def pairs(self, firm_id: UUID) -> Iterator[_Pair]:
        """Yield what register and shelf have, side by side, by key."""
        prefix = f"{ROOT}{firm_id}/{f'{self.month}/' if self.month else ''}"
        with tempfile.TemporaryFile("w+", encoding="ascii") as spool:
            # On disk, so that no transaction stays open while the shelf is read.
            self._spool(firm_id, prefix, spool)
            yield from _side_by_side(_rows(spool), self.shelf.bucket.listing(prefix))

    def _spool(self, firm_id: UUID, prefix: str, spool: IO[str]) -> None:
        values = {"firm_id": firm_id, "prefix": prefix}
        with (
            acting_as(self.connection, READER, doing="read the register", firm_id=firm_id),
            self.connection.cursor("muniment_inventory") as cursor,
        ):
            cursor.itersize = 10_000
            for s3_key, byte_count in cursor.execute(query("inventory.bodies"), values):
                spool.write(f"{s3_key}\t{byte_count}\n")
        spool.seek(0)

    def standing(self, pair: _Pair) -> str:
        """Say what an object without a row is: named (by now), archived, young, foreign, orphan."""
        parts = parse_key(pair.key)
        if parts is None:
            return FOREIGN
        assert pair.listed is not None  # noqa: S101
        if datetime.now(UTC) - pair.listed.modified_at < self.grace:
            return "young"
        values = {"firm_id": parts.firm_id, "run_id": parts.run_id, "s3_key": pair.key}
        with acting_as(self.connection, READER, doing="read the register", firm_id=parts.firm_id):
            (row,) = fetch(self.connection, query("inventory.standing_of"), **values)
        if row["is_named"]:
            return "named"
        return "archived" if row["is_archived"] else ORPHAN

    def progress(self) -> Iterator[Progress]:
        """Count one more, and tell when it is time to say so."""
        self.compared += 1
        if self.compared % PROGRESS_EVERY == 0:
            yield Progress(self.compared)


class _Check(_Comparison):
    """One check under way."""

    def __init__(
        self,
        connection: Connection,
        shelf: Shelf,
        month: str | None,
        grace: timedelta,
        share: float,
    ) -> None:
        super().__init__(connection, shelf, month, grace)
        self.share = share
        self.counts = Inventory()

    def run(self, firms: Sequence[UUID]) -> Iterator[Event]:
        """Check all firms."""
        for firm_id in firms:
            # The work is made here and done in the shelf's threads, a bounded way ahead.
            for finding in self.shelf.each(_call, self._work(firm_id)):
                if finding is not None:
                    self._count(finding)
                    yield finding
                yield from self.progress()
            yield FirmDone(firm_id)
        yield self.counts

    def _count(self, finding: Finding) -> None:
        name = "orphans" if finding.problem == ORPHAN else finding.problem
        setattr(self.counts, name, getattr(self.counts, name) + 1)

    def _work(self, firm_id: UUID) -> Iterator[Callable[[], Finding | None]]:
        counts = self.counts
        for pair in self.pairs(firm_id):
            counts.bodies += pair.byte_count is not None
            counts.objects += pair.listed is not None
            if pair.byte_count is None:
                yield partial(_as_it_is, self._without_row(pair))
            elif (
                pair.listed is None
                or pair.listed.size != pair.byte_count
                or random.random() < self.share  # noqa: S311
            ):
                yield partial(self._prove, pair.key, pair.byte_count)
            else:
                yield partial(_as_it_is, None)

    def _without_row(self, pair: _Pair) -> Finding | None:
        standing = self.standing(pair)
        if standing == "young":
            self.counts.young += 1
        elif standing == "archived":
            self.counts.archived += 1
        elif standing == FOREIGN:
            return Finding(FOREIGN, pair.key, "not a key of the ledger")
        elif standing == ORPHAN:
            assert pair.listed is not None  # noqa: S101
            since = f"{pair.listed.modified_at:%Y-%m-%d %H:%M}Z"
            return Finding(ORPHAN, pair.key, f"no row names it; there since {since}")
        return None

    def _prove(self, key: str, byte_count: int) -> Finding | None:
        """Read an object to its end; what is wrong with it is a finding, not an error."""
        parts = parse_key(key)
        if parts is None:
            return Finding(FOREIGN, key, "a row names what is not a key of the ledger")
        try:
            self.shelf.prove(StoredBody("s3", None, key, parts.sha256, byte_count))
        except (ObjectMissing, ShelfDenied) as error:
            # Whoever may list only below a prefix is told 403 where there is nothing. The list of
            # what begins with the key tells which it is.
            if isinstance(error, ShelfDenied) and any(
                found.key == key for found in self.shelf.bucket.listing(key)
            ):
                raise
            return Finding(MISSING, key, "a row names it, and the shelf does not have it")
        except ObjectDiffers as error:
            kind = WRONG_SIZE if isinstance(error.expected, int) else WRONG_HASH
            return Finding(kind, key, f"{error.expected} expected, {error.found} found")
        self.counts.proven += 1
        return None


class _Sweep(_Comparison):
    """One sweep under way."""

    def __init__(
        self,
        connection: Connection,
        shelf: Shelf,
        month: str | None,
        older_than: timedelta,
        dry_run: bool,
    ) -> None:
        super().__init__(connection, shelf, month, older_than)
        self.dry_run = dry_run
        self.counts = SweepSummary()

    def run(self, firms: Sequence[UUID]) -> Iterator[Event]:
        """Sweep all firms."""
        for firm_id in firms:
            self._expect_known(firm_id)
            for pair in self.pairs(firm_id):
                self.counts.objects += pair.listed is not None
                if pair.byte_count is None and pair.listed is not None:
                    yield from self._sweep(pair, pair.listed)
                yield from self.progress()
            yield FirmDone(firm_id)
        yield self.counts

    def _expect_known(self, firm_id: UUID) -> None:
        """Refuse to sweep by a register that has nothing of a firm: all would be orphans."""
        with acting_as(self.connection, READER, doing="read the register", firm_id=firm_id):
            (row,) = fetch(self.connection, query("inventory.knows_firm"), firm_id=firm_id)
        if row["is_standby"]:
            raise ConfigError(
                f"not sweeping: firm {firm_id}: this server is a standby",
                hint="Give the DSN of the primary: rows that have not arrived here yet would make "
                "orphans of their objects.",
            )
        if not row["is_known"]:
            raise ConfigError(
                f"not sweeping: firm {firm_id}: the register knows no run of it",
                hint="See that --dsn and AGENTS_BUCKET_NAME belong together: by this database, "
                "every object of the firm would be an orphan.",
            )

    def _sweep(self, pair: _Pair, listed: Listed) -> Iterator[Event]:
        standing = self.standing(pair)
        if standing in ("young", "archived", FOREIGN):
            setattr(self.counts, standing, getattr(self.counts, standing) + 1)
        if standing != ORPHAN:
            return
        if not self.dry_run and not self._remove(pair):
            return
        self.counts.swept += 1
        self.counts.swept_bytes += listed.size
        yield Swept(pair.key, listed.size, listed.modified_at)

    def _remove(self, pair: _Pair) -> bool:
        """Remove an orphan that is one still; tell whether it was."""
        try:
            head = self.shelf.bucket.head(pair.key)
        except ObjectMissing:
            return False
        # A writer may have met it since it was listed, and put it there anew.
        if datetime.now(UTC) - head.modified_at < self.grace or self.standing(pair) != ORPHAN:
            return False
        self.shelf.bucket.delete(pair.key)
        return True


def _call(work: Callable[[], Finding | None]) -> Finding | None:
    return work()


def _as_it_is(finding: Finding | None) -> Finding | None:
    return finding


def _rows(spool: IO[str]) -> Iterator[tuple[str, int]]:
    for line in spool:
        key, _, byte_count = line.rstrip("\n").partition("\t")
        yield key, int(byte_count)


def _side_by_side(rows: Iterator[tuple[str, int]], objects: Iterator[Listed]) -> Iterator[_Pair]:
    """Merge two lists that are in the order of their keys."""
    row, listed = next(rows, None), next(objects, None)
    while row is not None or listed is not None:
        if listed is None or (row is not None and row[0] < listed.key):
            assert row is not None  # noqa: S101
            yield _Pair(row[0], row[1], None)
            row = next(rows, None)
        elif row is None or listed.key < row[0]:
            yield _Pair(listed.key, None, listed)
            listed = next(objects, None)
        else:
            same = listed
            listed = next(objects, None)
            # Rows that claim different lengths for one object: each claim is looked into.
            while row is not None and row[0] == same.key:
                yield _Pair(row[0], row[1], same)
                row = next(rows, None)

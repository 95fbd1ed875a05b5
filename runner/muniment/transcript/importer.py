"""Write transcripts into the ledger: each record once, however often it is imported.

One record becomes one run and one session, each message one turn, each call one tool_call;
:mod:`muniment.transcript.rows` says by which rules. This module is about the database: batches,
roles, months, tools, and what happens when it refuses.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from time import sleep
from typing import Any, TypeVar
from uuid import UUID

from muniment._db import Connection
from muniment.errors import StoreError, TranscriptError
from muniment.queries import query
from muniment.shelf import Shelf
from muniment.transcript.acting import APP, MAINTAINER, SERVICE, acting_as, fetch, may_act_as
from muniment.transcript.record import Record
from muniment.transcript.rows import Origin, Row, RunRows, rows_of

__all__ = [
    "BatchDone",
    "Event",
    "ImportSummary",
    "MonthsMade",
    "ToolsRegistered",
    "import_transcripts",
]

T = TypeVar("T")

# A transaction ends after so many rows or bytes of bodies, whichever comes first. Far larger ones
# are no faster, and a record that is refused has its batch done again.
BATCH_ROWS = 2_000
BATCH_BYTES = 8 * 1024 * 1024

# Refusals that are about the rows and not about the database: data exceptions, constraints, and
# limits such as that of an index entry (PostgreSQL docs, appendix A).
RECORD_CLASSES = frozenset({"22", "23", "54"})

# Another writer was in the way: serialization failure, deadlock, lock not granted in time.
PASSING = frozenset({"40001", "40P01", "55P03"})
TRIES = 6

# So many months one import makes by itself: wrong dates would make hundreds, and a statement that
# reads all months locks each of them.
MONTHS_AT_MOST = 36

PARTITIONED = ("agent_run", "chat_turn", "tool_call")


@dataclass(frozen=True, slots=True)
class MonthsMade:
    """Partitions were missing and have been made; in a dry run, would be."""

    months: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolsRegistered:
    """Tools were unknown and have been registered, inactive; in a dry run, would be."""

    tool_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchDone:
    """So many records of the file are done with, good or bad, since the import began."""

    records: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import came to; in a dry run, what it would come to.

    Attributes:
        records: In the file.
        added: Runs, and sessions, that were not there before.
        present: Records that were there already.
        refused: Records that did not go in, each reported by a TranscriptError.
        turns: That were added.
        tool_calls: That were added.
    """

    records: int
    added: int
    present: int
    refused: int
    turns: int
    tool_calls: int


Event = TranscriptError | MonthsMade | ToolsRegistered | BatchDone | ImportSummary


def import_transcripts(
    connection: Connection,
    records: Iterable[Record | TranscriptError],
    *,
    firm_id: UUID,
    origin: Origin,
    shelf: Shelf | None = None,
    dry_run: bool = False,
) -> Iterator[Event]:
    """Import records into the ledger of one firm, and tell how it goes.

    A batch is one transaction, so what was reported as done stays, and an import that was stopped
    goes on when it is started again. When the database refuses a batch for its rows, its records
    are tried one by one: only the bad one is left out.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_app; and of
            muniment_service if there are tools to register, of muniment_maintainer if there are
            months to make.
        records: What :func:`muniment.transcript.reader.open_transcript` gives.
        firm_id: The tenant.
        origin: What the records do not tell.
        shelf: Where large bodies go, before the rows that name them. Without one, a record that has
            such a body does not go in.
        dry_run: Look up everything and write nothing.

    Yields:
        A TranscriptError for each record that does not go in, a BatchDone after each batch, and an
        ImportSummary as the last event.

    Raises:
        AccessDenied: The login may not act in a role that the import needs.
        StoreError: The database failed, or was busy for longer than some seconds.
        ShelfError: The shelf failed. No row was written that names what is not there.
    """
    return _Import(connection, firm_id, origin, shelf, dry_run).run(records)


class _Import:
    """One import under way."""

    def __init__(
        self,
        connection: Connection,
        firm_id: UUID,
        origin: Origin,
        shelf: Shelf | None,
        dry_run: bool,
    ) -> None:
        self.connection = connection
        self.shelf = shelf
        self.firm_id = firm_id
        self.origin = origin
        self.dry_run = dry_run
        self.partitions: set[str] | None = None
        self.month_count = 0
        self.known_tools: set[str] = set()
        self.records = self.added = self.present = self.refused = 0
        self.turns = self.tool_calls = 0

    def run(self, records: Iterable[Record | TranscriptError]) -> Iterator[Event]:
        """Import all records."""
        batch: list[RunRows] = []
        row_count = byte_count = 0
        for found in self._prepare(records):
            if isinstance(found, TranscriptError):
                yield self._refuse(found)
                continue
            batch.append(found)
            row_count += found.row_count
            byte_count += found.byte_count
            if row_count >= BATCH_ROWS or byte_count >= BATCH_BYTES:
                yield from self._import_batch(batch)
                batch = []
                row_count = byte_count = 0
        yield from self._import_batch(batch)
        yield ImportSummary(
            self.records, self.added, self.present, self.refused, self.turns, self.tool_calls
        )

    def _prepare(
        self, records: Iterable[Record | TranscriptError]
    ) -> Iterator[RunRows | TranscriptError]:
        """Yield the rows of each record, or why it has none."""
        seen: Counter[str] = Counter()
        for found in records:
            self.records += 1
            if isinstance(found, TranscriptError):
                yield found
                continue
            seen[found.digest] += 1
            try:
                yield rows_of(
                    found,
                    firm_id=self.firm_id,
                    occurrence=seen[found.digest],
                    origin=self.origin,
                    has_shelf=self.shelf is not None,
                )
            except TranscriptError as error:
                yield error

    def _refuse(self, error: TranscriptError) -> TranscriptError:
        self.refused += 1
        return error

    def _import_batch(self, batch: Sequence[RunRows]) -> Iterator[Event]:
        """Import some records, and what they need before."""
        new = self._without_present(batch)
        yield from self._ensure_months(new)
        for run in new:
            missing = self._missing_months(run)
            if missing:
                yield self._refuse(_no_partition(run, missing))
        housed = [run for run in new if not self._missing_months(run)]
        yield from self._register_tools(housed)
        yield from self._write(housed)
        yield BatchDone(self.records)

    def _without_present(self, batch: Sequence[RunRows]) -> list[RunRows]:
        """Return the records whose key the firm does not have yet."""
        keys = [run.key for run in batch]
        found = self._look_up("importer.present_keys", firm_id=self.firm_id, keys=keys)
        present = {row["idempotency_key"] for row in found}
        new = [run for run in batch if run.key not in present]
        self.present += len(batch) - len(new)
        return new

    def _look_up(self, name: str, **values: object) -> list[dict[str, Any]]:
        """Run a named query as the role that also writes."""
        with acting_as(self.connection, APP, doing="import", firm_id=self.firm_id):
            return fetch(self.connection, query(name), **values)

    def _missing_months(self, run: RunRows) -> list[str]:
        """Return the months, as ``YYYYMM``, for which a table has no partition."""
        attached = self._attached()
        return sorted(month for month in run.months if not _partitions(month) <= attached)

    def _attached(self) -> set[str]:
        """Return the names of all partitions, looked up once until some are made."""
        if self.partitions is None:
            found = self._look_up("importer.attached_partitions")
            self.partitions = {row["partition_name"] for row in found}
        return self.partitions

    def _ensure_months(self, batch: Sequence[RunRows]) -> Iterator[Event]:
        """Make the partitions that a batch needs, if the login may."""
        months = sorted({month for run in batch for month in self._missing_months(run)})
        months = months[: MONTHS_AT_MOST - self.month_count]
        if not months or not may_act_as(self.connection, MAINTAINER):
            return
        self.month_count += len(months)
        if self.dry_run:
            made = months
            self.partitions = self._attached().union(*map(_partitions, months))
        else:
            made = [month for month in months if _patiently(partial(self._ensure_month, month))]
            self.partitions = None
        if made:
            yield MonthsMade(tuple(map(_spelled, made)))

    def _ensure_month(self, month: str) -> bool:
        """Make what is missing of a month; tell whether that was anything, and not another's."""
        doing = f"making the partitions of {_spelled(month)}"
        with acting_as(self.connection, MAINTAINER, doing=doing):
            first_day = _first_day(month)
            return bool(fetch(self.connection, query("importer.ensure_month"), month=first_day))

    def _register_tools(self, batch: Sequence[RunRows]) -> Iterator[Event]:
        """Register the tools that the registry does not have as imported ones."""
        names = sorted({name for run in batch for name in run.tool_names} - self.known_tools)
        if not names:
            return
        found = self._look_up("importer.unregistered_tools", tool_names=names)
        unknown = [row["tool_name"] for row in found]
        if unknown:
            doing = f"registering the tools {', '.join(unknown)}"
            with acting_as(self.connection, SERVICE, doing=doing):
                if not self.dry_run:
                    statement = query("importer.register_tools")
                    found = fetch(self.connection, statement, tool_names=unknown)
        if found:
            yield ToolsRegistered(tuple(sorted(row["tool_name"] for row in found)))
        self.known_tools.update(names)

    def _write(self, batch: Sequence[RunRows]) -> Iterator[Event]:
        """Write some records; when the database refuses their rows, those of each by itself."""
        if not batch:
            return
        if self.shelf is not None and not self.dry_run:
            self.shelf.store_many(body for run in batch for body in run.shelved)
        try:
            written = batch if self.dry_run else _patiently(partial(self._insert, batch))
        except StoreError as error:
            if (error.sqlstate or "")[:2] not in RECORD_CLASSES:
                raise
            if len(batch) == 1:
                yield self._refuse(_refused_by_database(batch[0], error))
            else:
                for run in batch:
                    yield from self._write([run])
        else:
            self.present += len(batch) - len(written)
            self.added += len(written)
            self.turns += sum(len(run.turns) for run in written)
            self.tool_calls += sum(len(run.tool_calls) for run in written)

    def _insert(self, batch: Sequence[RunRows]) -> list[RunRows]:
        """Write the records whose keys this transaction gets, and return them."""
        doing = f"import of record {batch[0].record}"
        if len(batch) > 1:
            doing += f" to {batch[-1].record}"
        with acting_as(self.connection, APP, doing=doing, firm_id=self.firm_id):
            found = fetch(
                self.connection,
                query("importer.import_runs"),
                firm_id=self.firm_id,
                runs=_json([run.run for run in batch]),
                turns=_json([row for run in batch for row in run.turns]),
                tool_calls=_json([row for run in batch for row in run.tool_calls]),
            )
        got = {str(row["run_id"]) for row in found}
        return [run for run in batch if run.run_id in got]


def _patiently(do: Callable[[], T]) -> T:
    """Do it again when another writer was in the way."""
    for attempt in range(1, TRIES):
        try:
            return do()
        except StoreError as error:
            if error.sqlstate not in PASSING:
                raise
            sleep(0.05 * 2**attempt)
    return do()


def _json(objects: Sequence[Row]) -> str:
    return json.dumps(objects, ensure_ascii=False, separators=(",", ":"))


def _partitions(month: str) -> set[str]:
    """Return the names of a month's partitions, as agents.ensure_partitions() gives them."""
    return {f"{table}_p{month}" for table in PARTITIONED}


def _first_day(month: str) -> date:
    return date(int(month[:4]), int(month[4:]), 1)


def _spelled(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"


def _no_partition(run: RunRows, missing: Sequence[str]) -> TranscriptError:
    months = ", ".join(map(_spelled, missing))
    return TranscriptError(
        run.record,
        f"the ledger has no partition for {months}",
        hint=f"Connect as a login that is a member of {MAINTAINER}, which can make it, or have "
        f"one call agents.ensure_partitions('{_first_day(missing[0])}', 1).",
    )


def _refused_by_database(run: RunRows, error: StoreError) -> TranscriptError:
    facts = [f"SQLSTATE {error.sqlstate}"]
    if error.constraint:
        facts.append(error.constraint)
    refusal = TranscriptError(
        run.record, f"the database refused it: {error.message} ({', '.join(facts)})"
    )
    refusal.__cause__ = error
    return refusal

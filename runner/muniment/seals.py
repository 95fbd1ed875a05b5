"""Verify the seals over finished runs, page by page, and export the heads of their chains.

The database does the comparing; what it cannot see, the shelf, is looked at from here. What a seal
proves, and what not, tells docs/explanation/what-a-seal-proves.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from muniment._db import Connection, translated
from muniment.errors import BodyRefused, ConfigError, ObjectDiffers, ObjectMissing
from muniment.queries import query
from muniment.shelf import Shelf, StoredBody
from muniment.transcript.acting import READER, acting_as, fetch

__all__ = [
    "Difference",
    "Event",
    "Progress",
    "Verification",
    "export_heads",
    "firms_of",
    "verify",
    "verify_run",
]

# So many seals take the database a fraction of a second.
PAGE_SEALS = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """Something is not as it was sealed.

    Attributes:
        firm_id: The firm whose ledger it is.
        reason: What differs, as a phrase.
        table_name: The table of the row that differs. None for a head that was kept.
        row_id: The id of that row. None for a chain.
        row_no: Number of the turn or of the call.
        run_id: The run that was sealed. None for a chain, or a redaction before any run.
        chain_no: The chain with the seal. None when there is no seal.
        seal_no: Number of the seal in its chain.
    """

    firm_id: UUID
    reason: str
    table_name: str | None = None
    row_id: UUID | None = None
    row_no: int | None = None
    run_id: UUID | None = None
    chain_no: int | None = None
    seal_no: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """So many seals were verified, of so many that there were at the beginning."""

    verified: int
    expected: int


@dataclass(slots=True)
class Verification:
    """What a verification came to.

    Attributes:
        seals: That were verified.
        archived: Of them, those of runs whose months have left: only their keys were compared, and
            what they have in later months.
        open: Runs that have not ended, and so have no seal yet.
        heads: That were kept elsewhere and compared.
        bodies: On the shelf that were read to the end and are what was sealed.
        differences: That were found.
    """

    seals: int = 0
    archived: int = 0
    open: int = 0
    heads: int = 0
    bodies: int = 0
    differences: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


Event = Difference | Progress | Verification


def firms_of(connection: Connection) -> list[UUID]:
    """Return every firm that has a run, or ever had one sealed.

    Args:
        connection: Of a login that row security does not bind.

    Raises:
        ConfigError: Row security binds this login, so it cannot know which firms there are.
        StoreError: The database failed.
    """
    with translated("list the firms"):
        if not fetch(connection, query("inventory.sees_all_firms"))[0]["sees_all"]:
            raise ConfigError(
                "no firm named: row security hides from this login which firms there are",
                hint="Give --firm, as often as needed, or connect as a superuser.",
            )
        rows = fetch(connection, query("inventory.firms")) + fetch(connection, query("seals.firms"))
        return sorted({row["firm_id"] for row in rows})


def export_heads(connection: Connection, *, firm_id: UUID) -> dict[str, Any]:
    """Return where the chains of a firm end, as a small document to be kept elsewhere.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_reader.
        firm_id: The firm.

    Raises:
        StoreError: The database failed.
    """
    with acting_as(connection, READER, doing="read the heads", firm_id=firm_id):
        (row,) = fetch(connection, query("seals.heads"), firm_id=firm_id)
    heads: dict[str, Any] = row["heads"]
    return heads


def verify(
    connection: Connection,
    *,
    firms: Sequence[UUID],
    sealed_from: datetime | None = None,
    sealed_to: datetime | None = None,
    heads: Mapping[UUID, Sequence[Mapping[str, Any]]] | None = None,
    shelf: Shelf | None = None,
) -> Iterator[Event]:
    """Compare what was sealed with what is here.

    Memory stays flat whatever the number of runs. Seals are verified in short transactions, a page
    each; what no seal leads to is asked for once a firm.

    Args:
        connection: In autocommit mode, of a login that is a member of muniment_reader.
        firms: Which firms, besides those of ``heads``.
        sealed_from: Only what was sealed from then on. Without an offset it is of the time zone
            of the session; so is ``sealed_to``.
        sealed_to: Only what was sealed before.
        heads: Documents of :func:`export_heads` from before, by firm: each of them is compared.
        shelf: Where to fetch and prove bodies. Without one, what the shelf holds is not looked at.

    Yields:
        A Progress first and after each page, a Difference for each thing that differs, and the
        Verification as the last event.

    Raises:
        StoreError: The database failed, or a document of heads is none of its firm (22023).
        ShelfError: The shelf failed, which is not the same as a body being wrong.
    """
    window = {"sealed_from": sealed_from or "-infinity", "sealed_to": sealed_to or "infinity"}
    heads = heads or {}
    # A firm of which nothing is left is still to be compared with its heads.
    return _Verifier(connection, shelf).all(list(dict.fromkeys([*firms, *heads])), window, heads)


def verify_run(
    connection: Connection, *, firm_id: UUID, run_id: UUID, shelf: Shelf | None = None
) -> Iterator[Event]:
    """Compare one run with its seal; as :func:`verify` otherwise.

    Raises:
        StoreError: The database failed, or the firm has no such run (P0002).
        ShelfError: The shelf failed.
    """
    return _Verifier(connection, shelf).run(firm_id, run_id)


class _Verifier:
    """One verification under way."""

    def __init__(self, connection: Connection, shelf: Shelf | None) -> None:
        self.connection = connection
        self.shelf = shelf
        self.counts = Verification()

    def all(
        self,
        firms: Sequence[UUID],
        window: Mapping[str, object],
        heads: Mapping[UUID, Sequence[Mapping[str, Any]]],
    ) -> Iterator[Event]:
        expected = sum(self._ask("expected", firm, **window)[0]["seals"] for firm in firms)
        yield Progress(0, expected)
        for firm_id in firms:
            chain_no, seal_no = 0, 0
            while page := self._ask(
                "page", firm_id, chain_no=chain_no, seal_no=seal_no, page=PAGE_SEALS, **window
            ):
                chain_no, seal_no = page[-1]["chain_no"], page[-1]["seal_no"]
                yield from self._looked_at(firm_id, page)
                yield Progress(self.counts.seals, max(expected, self.counts.seals))
            for row in self._ask("unsealed", firm_id, **window):
                yield self._differs(firm_id, row)
            for document in heads.get(firm_id, ()):
                yield from self._kept(firm_id, document)
        yield self.counts

    def run(self, firm_id: UUID, run_id: UUID) -> Iterator[Event]:
        yield Progress(0, 1)
        yield from self._looked_at(firm_id, self._ask("run", firm_id, run_id=run_id))
        yield self.counts

    def _ask(self, name: str, firm_id: UUID, **values: object) -> list[dict[str, Any]]:
        with acting_as(self.connection, READER, doing="verify the seals", firm_id=firm_id):
            self.connection.execute(query("seals.settled"))
            return fetch(self.connection, query(f"seals.{name}"), firm_id=firm_id, **values)

    def _looked_at(self, firm_id: UUID, page: list[dict[str, Any]]) -> Iterator[Event]:
        """Count the seals of a page, and tell what differs, on the shelf too."""
        for row in page:
            if row["verdict"] == "open":
                self.counts.open += 1
                continue
            self.counts.seals += 1
            self.counts.archived += row["verdict"] == "archived"
            if row["verdict"] == "differs":
                yield self._differs(firm_id, row)
        if self.shelf is not None:
            # The seal of a redaction names the run, too: its bodies are proven once, with its own.
            run_ids = [row["run_id"] for row in page if row["kind"] == "run"]
            bodies = self._ask("bodies", firm_id, run_ids=run_ids)
            for row, fault in self.shelf.each(partial(_proven, self.shelf), bodies):
                self.counts.bodies += fault is None
                if fault is not None:
                    yield self._differs(firm_id, row | {"reason": fault})

    def _kept(self, firm_id: UUID, document: Mapping[str, Any]) -> Iterator[Event]:
        for row in self._ask("kept_heads", firm_id, heads=json.dumps(document)):
            self.counts.heads += 1
            if row["verdict"] == "differs":
                yield self._differs(firm_id, row)

    def _differs(self, firm_id: UUID, row: Mapping[str, Any]) -> Difference:
        self.counts.differences += 1
        names = ("table_name", "row_id", "row_no", "run_id", "chain_no", "seal_no")
        return Difference(firm_id, row["reason"], **{name: row.get(name) for name in names})


def _proven(shelf: Shelf, row: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Read the object of a body to its end; what is wrong with it is an answer, not an error."""
    try:
        shelf.prove(StoredBody("s3", None, row["s3_key"], row["sha256"], row["byte_count"]))
    except ObjectMissing:
        return row, f"the shelf does not have {row['s3_key']}"
    except ObjectDiffers as error:
        return row, f"the shelf has another {row['s3_key']}: {error.found}, not {error.expected}"
    except BodyRefused as error:
        return row, error.message
    return row, None

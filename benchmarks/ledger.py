"""`python -m benchmarks.ledger`: recording what agents say and do, beside bare inserts and peers.

It starts a server of its own, of the kind that `muniment up` starts. Each store is given the same
conversations (`benchmarks.exchanges`), exchange by exchange, and each exchange has to be committed
before the next one is written. Writers are threads with a connection each; a conversation has one
writer. Every store takes its turn in every round, every second round backwards, each time in a new
database with nothing in it but the store's empty tables. Afterwards all is read back as the store
reads it, and has to be what was written.

What every figure is compared with are bare inserts: three in a transaction, into two tables with a
primary key each. A store that takes long writes only a part of the conversations, whole ones: what
an exchange costs does not depend on how many other conversations there are.

Besides, one conversation is made long, and what an exchange costs at its end is compared with what
one costs at the beginning of another, in turns.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from operator import eq
from pathlib import Path
from statistics import median
from threading import Barrier, BrokenBarrierError, Thread
from time import perf_counter, process_time

import click
import psycopg
from psycopg import sql

from benchmarks.exchanges import PAYLOAD_BYTES, Session, session
from benchmarks.options import ROUNDS_TO_QUOTE, how_often, where_to
from benchmarks.peers import (
    AdkSessions,
    AgentsSession,
    AgentsSessionAsRunner,
    GraphCheckpoints,
    GraphCheckpointsAtExit,
    GraphStore,
    GraphStoreBatch,
)
from benchmarks.report import END, Ratios, bullets, facts_of, table, with_results
from benchmarks.rounds import open_server, place_below
from benchmarks.stores import (
    Bare,
    BarePipeline,
    Client,
    GranularCalls,
    ImportRuns,
    RecordTurn,
    RecordTurnInPython,
    RecordTurnOfFirms,
    Store,
)
from muniment.embedded import Server
from muniment.embedded.state import eventually
from muniment.errors import MunimentError

__all__ = ["BEGIN", "END", "STORES", "Growth", "Line", "NotDone", "Shop", "Turn", "measure"]

BEGIN = "<!-- Written by `make bench-ledger` from here ... -->"

STORES: dict[str, type[Store]] = {
    store.key: store
    for store in (
        Bare,
        BarePipeline,
        RecordTurn,
        RecordTurnInPython,
        RecordTurnOfFirms,
        GranularCalls,
        ImportRuns,
        AgentsSession,
        AgentsSessionAsRunner,
        GraphStoreBatch,
        GraphStore,
        GraphCheckpointsAtExit,
        GraphCheckpoints,
        AdkSessions,
    )
}

# Fewer say too little to be quoted.
SESSIONS_TO_QUOTE = 64
LENGTH_TO_QUOTE = 10_000
TO_QUOTE = (
    f"everything, and {ROUNDS_TO_QUOTE} rounds or more of {SESSIONS_TO_QUOTE} conversations or"
    f" more, one of {LENGTH_TO_QUOTE:,} exchanges, with fsync"
)

# How many exchanges a conversation has, but for the long one.
EXCHANGES = 40

# What each writer writes before the clock starts: psycopg has prepared its statements by then, the
# server has settled for their plans, and Python has imported what it will.
WARM_UP_EXCHANGES = 12

# How many exchanges at the end of the long conversation, and as many at the beginning of others,
# are compared.
WINDOW = 500


class NotDone(Exception):
    """A store failed, or does not have what it was given."""


@dataclass(frozen=True)
class Turn:
    """One store's turn in one round.

    Attributes:
        store: Its key.
        writers: How many wrote at the same time.
        round_no: Of which round, from 0.
        exchanges: How many exchanges they wrote while the clock ran.
        seconds: How long that took, from a common start to the end of the last writer.
        client_seconds: How much of a processor this process used for it.
        wal_bytes: How much the server wrote into its log meanwhile.
        disk: How many bytes of tables and indexes there are afterwards, after VACUUM and without
            what the empty tables take, for each byte of all that was written.
        commits: How many transactions were committed for an exchange, with those of connecting.
    """

    store: str
    writers: int
    round_no: int
    exchanges: int
    seconds: float
    client_seconds: float
    wal_bytes: int
    disk: float
    commits: float

    @property
    def rate(self) -> float:
        """Exchanges in a second."""
        return self.exchanges / self.seconds


@dataclass(frozen=True)
class Growth:
    """How a conversation that got long compares with its beginning.

    Attributes:
        store: Its key.
        length: How many exchanges there were in the end.
        first: The median of what an exchange takes at the beginning of another, in seconds.
        last: The median at the end.
        ratio: How many times as long an exchange takes at the end; the median of all pairs.
    """

    store: str
    length: int
    first: float
    last: float
    ratio: float


def missing(store: type[Store]) -> str | None:
    """Return which of a store's packages are not installed, if any."""
    absent = []
    for package in store.packages:
        try:
            version(package)
        except PackageNotFoundError:
            absent.append(package)
    return f"{', '.join(absent)} not installed (the extra bench-ledger)" if absent else None


class Shop:
    """Databases of a store, each a copy of one with its empty tables."""

    def __init__(self, server: Server, store: Store) -> None:
        """Make what is copied."""
        self._server, self.store = server, store
        # Stores that prepare alike share what they copy.
        self._template = type(store).prepare.__qualname__
        known = f"SELECT count(*) FROM pg_database WHERE datname = '{self._template}'"  # noqa: S608
        dsn = server.dsn(database=self._template)
        if not self._ask(known):
            self._create(self._template, "template0")
            store.prepare(dsn)
        # Without VACUUM: the planner would know that tables are empty, and plan for that.
        self._empty_bytes = _table_bytes(dsn)

    def turn(self, writers: int, round_no: int, sessions: Sequence[Session]) -> Turn:
        """Let so many writers write conversations into a new database.

        Raises:
            NotDone: They did not.
        """
        dsn = self._copy()
        shares = [sessions[writer::writers] for writer in range(writers)]
        warm_ups = [session(-1 - writer, WARM_UP_EXCHANGES) for writer in range(writers)]
        seconds, client_seconds, wal_bytes = self._write(dsn, warm_ups, shares)
        commits = self._commits()
        for writer, share in enumerate(shares):
            self._check(dsn, writer, (warm_ups[writer], *share))
        exchanges = sum(len(one.exchanges) for one in sessions)
        written = exchanges + writers * WARM_UP_EXCHANGES
        return Turn(
            self.store.key,
            writers,
            round_no,
            exchanges,
            seconds,
            client_seconds,
            wal_bytes,
            (_table_bytes(dsn, vacuum=True) - self._empty_bytes) / (written * PAYLOAD_BYTES),
            commits / written,
        )

    def grow(self, length: int) -> Growth:
        """Make one conversation long, and compare its end with the beginnings of others."""
        dsn = self._copy()
        window = min(WINDOW, length // 2)
        long, short = session(0, length), session(1, window)
        # What else a connection has done must not differ: whoever begins has written as much.
        others = [
            session(2 + number, min(EXCHANGES, length - window - begun))
            for number, begun in enumerate(range(0, length - window, EXCHANGES))
        ]
        first: list[float] = []
        last: list[float] = []
        with self.store.connect(dsn, 0) as old, self.store.connect(dsn, 0) as new:
            _write(old, Session(long.session_id, long.exchanges[:-window]))
            for other in others:
                _write(new, other)
            new.open(short.session_id)
            for number, (late, early) in enumerate(
                zip(long.exchanges[-window:], short.exchanges, strict=True)
            ):
                # Each goes first as often as the other.
                for client, exchange, times in (
                    ((old, late, last), (new, early, first))
                    if number % 2 == 0
                    else ((new, early, first), (old, late, last))
                ):
                    begun = perf_counter()
                    client.write(exchange)
                    times.append(perf_counter() - begun)
        self._check(dsn, 0, (long, short, *others))
        ratio = median(late / early for late, early in zip(last, first, strict=True))
        return Growth(self.store.key, length, median(first), median(last), ratio)

    def _write(
        self, dsn: str, warm_ups: Sequence[Session], shares: Sequence[Sequence[Session]]
    ) -> tuple[float, float, int]:
        """Return how long the writers took, with how much of a processor, and the log."""
        together = Barrier(len(shares) + 1)
        errors: list[Exception] = []

        def run(writer: int) -> None:
            try:
                with self.store.connect(dsn, writer) as client:
                    _write(client, warm_ups[writer])
                    client.flush()
                    together.wait()
                    together.wait()
                    for one in shares[writer]:
                        _write(client, one)
                    client.flush()
                    together.wait()
            except BrokenBarrierError:
                pass  # Another one has said why.
            except Exception as error:  # Whatever it is: the others would wait for ever.
                errors.append(error)
                together.abort()

        threads = [Thread(target=run, args=[writer]) for writer in range(len(shares))]
        for thread in threads:
            thread.start()
        seconds = client_seconds = 0.0
        wal_bytes = 0
        with suppress(BrokenBarrierError):
            together.wait()
            log = self._log_bytes()
            begun, used = perf_counter(), process_time()
            together.wait()
            together.wait()
            seconds, client_seconds = perf_counter() - begun, process_time() - used
            wal_bytes = self._log_bytes() - log
        for thread in threads:
            thread.join()
        if errors:
            raise NotDone(f"{self.store.key}: {errors[0]!r}") from errors[0]
        return seconds, client_seconds, wal_bytes

    def _check(self, dsn: str, writer: int, sessions: Sequence[Session]) -> None:
        with self.store.connect(dsn, writer) as client:
            for one in sessions:
                try:
                    found = client.read(one.session_id)
                except ValueError as error:
                    raise NotDone(f"{self.store.key}: {one.session_id}: {error}") from error
                if found != list(one.exchanges):
                    same = sum(map(eq, found, one.exchanges))
                    raise NotDone(
                        f"{self.store.key}: {len(one.exchanges)} exchanges were written,"
                        f" {len(found)} found, {same} as they were written"
                    )

    def _copy(self) -> str:
        """Make the next database, and let the server write out what the last one left."""
        self._create("bench", self._template)
        self._ask("CHECKPOINT")
        return self._server.dsn(database="bench")

    def _create(self, name: str, template: str) -> None:
        for statement in (
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            ),
        ):
            self._ask(statement)

    def _commits(self) -> int:
        """Return how many transactions there were; sessions say so at their end."""
        gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'bench'"
        if not eventually(lambda: self._ask(gone) == 0 or None):
            raise NotDone(f"{self.store.key}: its connections stay open")
        return self._ask("SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'")

    def _log_bytes(self) -> int:
        return self._ask("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")

    def _ask(self, query: str | sql.Composed) -> int:
        """Ask outside of the databases that are measured."""
        dsn = self._server.dsn(database="postgres")
        with psycopg.connect(dsn, autocommit=True) as connection:
            cursor = connection.execute(query)
            row = cursor.fetchone() if cursor.description else None
        return int(row[0]) if row else 0


def _write(client: Client, one: Session) -> None:
    client.open(one.session_id)
    for exchange in one.exchanges:
        client.write(exchange)


def _table_bytes(dsn: str, *, vacuum: bool = False) -> int:
    """Return how large all tables and indexes are."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        if vacuum:
            connection.execute("VACUUM")
        row = connection.execute("""
            SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
            FROM pg_catalog.pg_class AS c
            INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        """).fetchone()
    return row[0] if row else 0


def measure(
    shops: Sequence[Shop],
    *,
    rounds: int,
    warm_up: int,
    sessions: int,
    exchanges: int,
    writers: int,
) -> Iterator[Turn]:
    """Let every store have its turn in every round.

    Args:
        shops: What to measure.
        rounds: How often to measure.
        warm_up: How many rounds to run before, whose times are not counted.
        sessions: How many conversations there are.
        exchanges: How many exchanges each has.
        writers: How many there are at a time, after one alone.

    Raises:
        NotDone: A store did not do its work.
    """
    for round_no in range(-warm_up, rounds):
        for shop in shops if round_no % 2 == 0 else shops[::-1]:
            store = shop.store
            for count in (1, writers) if store.is_measured_alone else (writers,):
                # Every writer has at least one, and all have as many.
                each = max(sessions // store.part // count, 1)
                turn = shop.turn(
                    count, round_no, [session(number, exchanges) for number in range(each * count)]
                )
                if round_no >= 0:
                    yield turn


@dataclass(frozen=True)
class Line:
    """What came out for a store with so many writers; tuples have an entry a round.

    Attributes:
        store: Its key.
        writers: How many.
        rates: Exchanges in a second.
        bare_rates: Those of bare inserts with as many writers.
        client_ms: Milliseconds of a processor that an exchange took of the client; the median.
        disk: Bytes on disk for each byte written; the median.
        wal: Bytes of the log for each byte written; the median.
        commits: Transactions for an exchange; the median.
    """

    store: str
    writers: int
    rates: tuple[float, ...]
    bare_rates: tuple[float, ...]
    client_ms: float
    disk: float
    wal: float
    commits: float

    @property
    def to_bare(self) -> Ratios:
        """How it compares with bare inserts."""
        return Ratios.of(self.bare_rates, self.rates)


def lines_of(turns: Sequence[Turn]) -> list[Line]:
    """Put together the turns of one store and number of writers."""
    grouped: dict[tuple[str, int], list[Turn]] = {}
    for turn in sorted(turns, key=lambda turn: turn.round_no):
        grouped.setdefault((turn.store, turn.writers), []).append(turn)
    return [
        Line(
            store,
            writers,
            tuple(turn.rate for turn in found),
            tuple(turn.rate for turn in grouped[Bare.key, writers]),
            median(1000 * turn.client_seconds / turn.exchanges for turn in found),
            median(turn.disk for turn in found),
            median(turn.wal_bytes / (turn.exchanges * PAYLOAD_BYTES) for turn in found),
            median(turn.commits for turn in found),
        )
        for (store, writers), found in grouped.items()
    ]


def chaining(lines: Sequence[Line]) -> float | None:
    """Return how many times as long writers of one firm take as those of a firm each.

    They would wait for each other if seals had to follow one another in a single chain.
    """
    found = {line.store: median(line.rates) for line in lines if line.writers > 1}
    if not {RecordTurn.key, RecordTurnOfFirms.key} <= set(found):
        return None
    return found[RecordTurnOfFirms.key] / found[RecordTurn.key]


def markdown(facts: dict[str, str], lines: Sequence[Line], growths: Sequence[Growth]) -> str:
    """Return facts and tables for a page, or for a terminal."""
    blocks = [bullets(facts)]
    for writers in sorted({line.writers for line in lines}):
        found = sorted(
            (line for line in lines if line.writers == writers),
            key=lambda line: line.to_bare.times_bare,
        )
        title = "One writer" if writers == 1 else f"{writers} writers"
        blocks.append(table(title, [_cells(line) for line in found], words="store"))
    chained = chaining(lines)
    if chained is not None:
        blocks.append(
            "Seals do not make the writers of one firm wait for each other if they take no longer"
            f" than writers of a firm each: {chained:.2f} times as long."
        )
    if growths:
        blocks.append(
            table(
                "A conversation that gets long",
                [
                    {
                        "store": STORES[growth.store].title,
                        "exchanges": f"{growth.length:,}",
                        "at the beginning, ms": f"{growth.first * 1000:.2f}",
                        "at the end, ms": f"{growth.last * 1000:.2f}",
                        "times as long": f"{growth.ratio:.2f}",
                    }
                    for growth in growths
                ],
                words="store",
            )
        )
    return "\n\n".join(blocks)


def _cells(line: Line) -> dict[str, str]:
    return {
        "store": STORES[line.store].title,
        "exchanges/s": f"{median(line.rates):,.0f}",
        **line.to_bare.cells(),
        "client, ms of CPU": f"{line.client_ms:.2f}",
        "disk, times payload": f"{line.disk:.2f}",
        "log, times payload": f"{line.wal:.2f}",
        "commits": f"{line.commits:.1f}",
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@how_often
@click.option(
    "--sessions",
    type=click.IntRange(min=1),
    default=SESSIONS_TO_QUOTE,
    show_default=True,
    help="How many conversations a turn has; slow stores are given a part of them.",
)
@click.option(
    "--exchanges",
    type=click.IntRange(min=1),
    default=EXCHANGES,
    show_default=True,
    help="How many exchanges a conversation has.",
)
@click.option(
    "--length",
    type=click.IntRange(min=2),
    default=LENGTH_TO_QUOTE,
    show_default=True,
    help="How many exchanges the long conversation has.",
)
@click.option(
    "--writers",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="How many write at the same time, after one alone.",
)
@click.option(
    "--store",
    "keys",
    type=click.Choice(list(STORES)),
    multiple=True,
    help="What to measure beside bare inserts; by default everything that is installed.",
)
@where_to(TO_QUOTE)
def main(
    rounds: int,
    warm_up: int,
    sessions: int,
    exchanges: int,
    length: int,
    writers: int,
    keys: tuple[str, ...],
    directory: Path,
    no_fsync: bool,
    as_json: bool,
    page: Path | None,
) -> None:
    """Measure the ledger beside bare inserts and its peers on this machine."""
    wanted = {Bare.key: Bare} | {key: STORES[key] for key in keys or STORES}
    absent = {key: why for key, store in wanted.items() if (why := missing(store))}
    if keys and absent:
        raise click.UsageError("; ".join(f"{key}: {why}" for key, why in absent.items()))
    if page is not None:
        few = rounds < ROUNDS_TO_QUOTE or sessions < SESSIONS_TO_QUOTE or length < LENGTH_TO_QUOTE
        if few or keys or absent or no_fsync or (exchanges, writers) != (EXCHANGES, 8):
            raise click.UsageError(f"--write takes {TO_QUOTE}.")
        # That it has a place for them is better known before the minutes than after.
        with_results(page, "", mark=BEGIN)
    load = os.getloadavg()[0]
    # The server must not outlive this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    here = [store for key, store in wanted.items() if key not in absent]
    try:
        with place_below(directory) as place, open_server(place, fsync=not no_fsync) as server:
            packages = dict.fromkeys(package for store in here for package in store.packages)
            facts = facts_of(server, place, packages)
            facts |= {f"without {STORES[key].title}": why for key, why in absent.items()}
            facts["load before"] = f"{load:.2f}"
            facts["rounds"] = f"{rounds} of {sessions} conversations of {exchanges} exchanges"
            shops = [Shop(server, store()) for store in here]
            turns = []
            for turn in measure(
                shops,
                rounds=rounds,
                warm_up=warm_up,
                sessions=sessions,
                exchanges=exchanges,
                writers=writers,
            ):
                turns.append(turn)
                click.echo(
                    f"{turn.store}, {turn.writers} writers, round {turn.round_no + 1}:"
                    f" {turn.rate:,.0f}/s",
                    err=True,
                )
            growths = []
            for shop in shops:
                if shop.store.grows:
                    growths.append(growth := shop.grow(length))
                    click.echo(
                        f"{growth.store}, {length:,} exchanges: {growth.ratio:.2f}", err=True
                    )
    except (NotDone, MunimentError) as error:
        raise click.ClickException(str(error)) from error
    lines = lines_of(turns)
    if as_json:
        click.echo(json.dumps(_json(facts, lines, growths, absent), indent=2))
    else:
        click.echo(markdown(facts, lines, growths))
    if page is not None:
        results = markdown(facts, lines, growths)
        page.write_text(with_results(page, results, mark=BEGIN), encoding="utf-8")


def _json(
    facts: dict[str, str],
    lines: Sequence[Line],
    growths: Sequence[Growth],
    absent: dict[str, str],
) -> dict[str, object]:
    return {
        "facts": facts,
        "absent": absent,
        "results": [{**asdict(line), **asdict(line.to_bare)} for line in lines],
        "growth": [asdict(growth) for growth in growths],
        "one_firm_to_many": chaining(lines),
    }


if __name__ == "__main__":
    main()

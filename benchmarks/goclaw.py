"""`python -m benchmarks.goclaw`: functions of goclaw beside the bare statements that they contain.

It starts a server of its own, of the kind that `muniment up` starts. Each subject does the same
work in two ways:

bare      the statements that somebody would write without rules: by a superuser, on a table without
          row security, triggers and CHECKs
muniment  the functions, as a role that row security binds

Workers are threads with a connection each; every statement is a transaction, and is prepared. Both
sides take their turn in every round, every second round backwards. Before each turn the work is
laid out anew and the server writes out what is left of the turn before; after it the subject looks
whether all was done, and each piece once.

A new subject is a subclass of :class:`Subject`, and an entry in ``SUBJECTS``.
"""

from __future__ import annotations

import json
import os
import platform
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import median
from threading import Barrier, BrokenBarrierError, Thread
from time import perf_counter
from typing import ClassVar, Literal, get_args
from uuid import UUID

import click
import psycopg
from psycopg import sql

from benchmarks.report import END, machine, put_between_marks
from benchmarks.rounds import DURABILITY, fsync_seconds, open_server, place_below
from benchmarks.workloads import ask
from muniment._db import connect
from muniment.embedded import Server
from muniment.errors import MunimentError
from muniment.migrate.engine import (
    Committer,
    Projects,
    Settings,
    Target,
    deploy,
    find_sql_directory,
)

__all__ = ["BEGIN", "END", "SUBJECTS", "NotDone", "Side", "Subject", "Turn", "measure"]

BEGIN = "<!-- Written by `make bench-goclaw` from here ... -->"

# Fewer say too little to be quoted.
ROUNDS_TO_QUOTE = 7
PIECES_TO_QUOTE = 1000
TO_QUOTE = f"{ROUNDS_TO_QUOTE} rounds or more of {PIECES_TO_QUOTE} pieces or more, with fsync"

# What each worker does before the clock starts: it prepares its statements, functions are compiled,
# and the server, which plans the first five executions one by one, has settled for a plan.
WARM_UP_PIECES = 6

MOST_WORKERS = 64

Side = Literal["bare", "muniment"]
SIDES: tuple[Side, ...] = get_args(Side)


class NotDone(Exception):
    """A side did not do all of its work, or did some of it twice."""


class Subject(ABC):
    """Something that is done in pieces, bare and by muniment.

    Attributes:
        key: What it is called in JSON.
        title: What it is called in tables.
        unit: What a piece is.
        workers: With how many workers at a time it is measured.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    workers: ClassVar[tuple[int, ...]] = (1, 8, 32)

    def prepare(self, database: psycopg.Connection) -> None:  # noqa: B027
        """Make what stays for all turns; the schema goclaw is there."""

    @abstractmethod
    def lay_out(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Make so many pieces of work, in a state that does not depend on the turn before."""

    @abstractmethod
    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        """Return what does one piece, and returns whether there was one to do.

        Args:
            worker: A superuser's connection; here is where it takes on the role that it needs.
            side: In which way to do it.
        """

    @abstractmethod
    def check(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Look at what a turn left behind.

        Raises:
            NotDone: It is not what the work leads to.
        """


@dataclass(frozen=True)
class Figures:
    """What a request was expected to take of something, and what it took, which is less."""

    expected: int
    taken: int

    def cap(self, requests: int) -> int:
        """Return how much so many requests need, if each worker holds one at a time."""
        return requests * self.taken + MOST_WORKERS * (self.expected - self.taken)


class WebhookQueue(Subject):
    """Claim a call that is due, and say that it was delivered."""

    key = "webhooks"
    title = "The queue of webhook calls: claim one, finish it"
    unit = "calls"

    tenants = 10
    tables: ClassVar[dict[Side, sql.Identifier]] = {
        "bare": sql.Identifier("public", "bare_calls"),
        "muniment": sql.Identifier("goclaw", "webhook_calls"),
    }

    _BARE_CLAIM = """
        UPDATE public.bare_calls
        SET status = 'running', attempts = attempts + 1, started_at = now()
        WHERE (tenant_id, id) IN (
            SELECT tenant_id, id
            FROM public.bare_calls
            WHERE status = 'queued' AND next_attempt_at <= now()
            ORDER BY next_attempt_at
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING tenant_id, id, request_payload"""
    _BARE_FINISH = """
        UPDATE public.bare_calls SET status = 'done', completed_at = now()
        WHERE tenant_id = %s AND id = %s"""
    _CLAIM = """
        SELECT tenant_id, id, request_payload, lease_token
        FROM goclaw.claim_webhook_calls('bench')"""
    _FINISH = "SELECT goclaw.finish_webhook_call(%s, %s, %s)"

    def prepare(self, database: psycopg.Connection) -> None:
        """Make tenants with a webhook each, and a table with the columns and indexes of ours."""
        for number in range(1, self.tenants + 1):
            tenant = UUID(int=number)
            database.execute(
                "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'T', %s)",
                [tenant, tenant.hex],
            )
            database.execute(
                "INSERT INTO goclaw.webhooks (tenant_id, id, name, kind, secret_hash)"
                " VALUES (%s, %s, 'w', 'llm', %s)",
                [tenant, tenant, tenant.hex * 2],
            )
        database.execute(
            "CREATE TABLE public.bare_calls"
            " (LIKE goclaw.webhook_calls INCLUDING DEFAULTS INCLUDING INDEXES)"
        )

    def lay_out(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Queue the calls, of all tenants in turn."""
        table = self.tables[side]
        database.execute(sql.SQL("TRUNCATE {}").format(table))
        database.execute(
            sql.SQL(
                "INSERT INTO {} (tenant_id, webhook_id, mode, request_payload, next_attempt_at)"
                " SELECT w.tenant_id, w.id, 'async', jsonb_build_object('text', 'hello'),"
                "     now() - interval '1 hour' + n * interval '1 ms'"
                " FROM generate_series(1, %s) AS n"
                " INNER JOIN goclaw.webhooks AS w"
                "     ON w.id = lpad(to_hex(1 + n %% %s), 32, '0')::uuid"
            ).format(table),
            [pieces, self.tenants],
        )
        database.execute(sql.SQL("VACUUM ANALYZE {}").format(table))

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        """Return what claims a call and finishes it."""
        if side == "muniment":
            worker.execute("SET ROLE muniment_service")
            claim, finish = self._CLAIM, self._FINISH
        else:
            claim, finish = self._BARE_CLAIM, self._BARE_FINISH

        def one() -> bool:
            call = worker.execute(claim, prepare=True).fetchone()
            if call is None:
                return False
            tenant, key, _, *token = call
            worker.execute(finish, [tenant, key, *token], prepare=True)
            return True

        return one

    def check(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Look whether every call was delivered, at its first attempt."""
        found = database.execute(
            sql.SQL(
                "SELECT count(*) FILTER (WHERE status = 'done' AND attempts = 1), count(*) FROM {}"
            ).format(self.tables[side])
        ).fetchone()
        if found != (pieces, pieces):
            raise NotDone(f"{self.key}, {side}: {found} done of {pieces}")


class SharedCap(Subject):
    """Reserve what a request may take, and settle what it took, all under one policy.

    The cap has room for all that is settled, and for what as many workers as there can be hold
    beyond that: whatever is not given back makes it refuse before the end.
    """

    key = "usage-shared"
    title = "Caps on usage: reserve and settle, all workers under one policy"
    unit = "requests"

    tenants = 1
    tokens, cost = Figures(expected=100, taken=60), Figures(expected=3000, taken=1700)

    _BARE_RESERVE = """
        UPDATE public.bare_counters
        SET reserved_tokens = reserved_tokens + %(tokens)s,
            reserved_cost_micros = reserved_cost_micros + %(cost)s
        WHERE tenant_id = %(tenant)s AND policy_id = %(tenant)s AND window_end > now()
            AND used_tokens + reserved_tokens + %(tokens)s <= max_tokens
            AND used_cost_micros + reserved_cost_micros + %(cost)s <= max_cost_micros"""
    _BARE_SETTLE = """
        UPDATE public.bare_counters
        SET used_tokens = used_tokens + %(took_tokens)s,
            reserved_tokens = reserved_tokens - %(tokens)s,
            used_cost_micros = used_cost_micros + %(took_cost)s,
            reserved_cost_micros = reserved_cost_micros - %(cost)s
        WHERE tenant_id = %(tenant)s AND policy_id = %(tenant)s AND window_end > now()"""
    _RESERVE = """
        SELECT FROM goclaw.reserve_usage(
            %(request)s, %(tenant)s, NULL, NULL, 'm', %(tokens)s, %(cost)s
        )
        WHERE decision = 'allow'"""
    _SETTLE = """
        SELECT FROM goclaw.settle_usage(%(request)s, %(took_tokens)s, %(took_cost)s)
        WHERE decision = 'settle'"""
    _COUNTED = """
        SELECT
            sum(used_tokens)::bigint, sum(used_cost_micros)::bigint,
            sum(reserved_tokens + reserved_cost_micros)::bigint,
            count(*) FILTER (
                WHERE used_tokens + reserved_tokens > max_tokens
                    OR used_cost_micros + reserved_cost_micros > max_cost_micros
            )
        FROM """
    _COUNTERS: ClassVar[dict[Side, str]] = {
        "bare": "public.bare_counters",
        "muniment": "goclaw.usage_cap_counters AS c"
        " INNER JOIN goclaw.usage_cap_policies AS p"
        "     ON p.tenant_id = c.tenant_id AND p.id = c.policy_id",
    }
    _RECORDED = """
        SELECT
            (SELECT count(*) FROM goclaw.usage_cap_reservations WHERE status = 'settled'),
            (SELECT count(*) FROM goclaw.usage_cap_events WHERE decision = 'allow'),
            (SELECT count(*) FROM goclaw.usage_cap_events WHERE decision = 'settle'),
            (SELECT count(*) FROM goclaw.usage_cap_events)"""

    def prepare(self, database: psycopg.Connection) -> None:
        """Make tenants, and a table of counters that knows its caps."""
        database.execute(
            "INSERT INTO goclaw.tenants (id, name, slug)"
            " SELECT t, 'T', t::text FROM unnest(%s::uuid[]) AS t ON CONFLICT DO NOTHING",
            [self._tenants],
        )
        database.execute(
            "CREATE TABLE IF NOT EXISTS public.bare_counters ("
            " LIKE goclaw.usage_cap_counters INCLUDING DEFAULTS INCLUDING INDEXES,"
            " max_tokens bigint NOT NULL, max_cost_micros bigint NOT NULL)"
        )

    def lay_out(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Give each tenant a policy under which nothing was used yet."""
        self._requests = iter(range(pieces))
        self._seats = cycle(self._tenants)
        caps = [self.tokens.cap(pieces), self.cost.cap(pieces)]
        with database.transaction():
            # Events may not be truncated otherwise, and each turn is to find its tables empty.
            database.execute("SET LOCAL session_replication_role = replica")
            database.execute(
                "TRUNCATE public.bare_counters, goclaw.usage_cap_policies,"
                " goclaw.usage_cap_counters, goclaw.usage_cap_reservations, goclaw.usage_cap_events"
            )
            if side == "muniment":
                database.execute(
                    "INSERT INTO goclaw.usage_cap_policies"
                    " (tenant_id, id, window_key, max_tokens, max_cost_micros)"
                    " SELECT t, t, 'month', %s, %s FROM unnest(%s::uuid[]) AS t",
                    [*caps, self._tenants],
                )
            else:
                database.execute(
                    "INSERT INTO public.bare_counters"
                    " (tenant_id, policy_id, window_start, window_end, max_tokens, max_cost_micros)"
                    " SELECT t, t, now(), now() + interval '1 month', %s, %s"
                    " FROM unnest(%s::uuid[]) AS t",
                    [*caps, self._tenants],
                )
        database.execute("VACUUM ANALYZE public.bare_counters, goclaw.usage_cap_policies")

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        """Return what reserves and settles for one request."""
        tenant = next(self._seats)
        if side == "muniment":
            _act_for(worker, tenant)
            reserve, settle = self._RESERVE, self._SETTLE
        else:
            reserve, settle = self._BARE_RESERVE, self._BARE_SETTLE
        figures = {
            "tenant": tenant,
            "tokens": self.tokens.expected,
            "cost": self.cost.expected,
            "took_tokens": self.tokens.taken,
            "took_cost": self.cost.taken,
        }

        def one() -> bool:
            number = next(self._requests, None)
            if number is None:
                return False
            request = {**figures, "request": f"request {number}"}
            return all(
                worker.execute(step, request, prepare=True).rowcount == 1
                for step in (reserve, settle)
            )

        return one

    def check(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Look whether what was settled was counted, nothing is held, and no cap was passed."""
        counted = database.execute(self._COUNTED + self._COUNTERS[side]).fetchone()
        if counted != (pieces * self.tokens.taken, pieces * self.cost.taken, 0, 0):
            raise NotDone(
                f"{self.key}, {side}: tokens, cost, still reserved, caps passed: {counted}"
                f" after {pieces} requests"
            )
        recorded = database.execute(self._RECORDED).fetchone()
        if side == "muniment" and recorded != (pieces, pieces, pieces, 2 * pieces):
            raise NotDone(f"{self.key}, {side}: recorded {recorded} of {pieces}")

    @property
    def _tenants(self) -> list[UUID]:
        return [UUID(int=1000 + number) for number in range(self.tenants)]


class OwnCaps(SharedCap):
    """The same, each worker under the policy of a tenant of its own."""

    key = "usage-apart"
    title = "Caps on usage: reserve and settle, each worker in a tenant of its own"

    tenants = MOST_WORKERS


SUBJECTS: dict[str, type[Subject]] = {
    subject.key: subject for subject in (WebhookQueue, SharedCap, OwnCaps)
}


def _act_for(worker: psycopg.Connection, tenant: UUID) -> None:
    """Act as muniment_app for a tenant until the connection ends."""
    worker.execute("SET ROLE muniment_app")
    worker.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant)])


@dataclass(frozen=True)
class Turn:
    """One side's turn in one round."""

    subject: str
    workers: int
    round_no: int
    side: Side
    seconds: float


def measure(
    server: Server,
    subjects: Sequence[Subject],
    *,
    rounds: int,
    warm_up: int,
    pieces: int,
    workers: Sequence[int] = (),
) -> Iterator[Turn]:
    """Let both sides of each subject have their turn in every round.

    Args:
        server: Where; gets a database of its own.
        subjects: What to measure.
        rounds: How often to measure.
        warm_up: How many rounds to run before, whose times are not counted.
        pieces: How many pieces of work each turn has.
        workers: With how many workers at a time, if not as each subject says.

    Raises:
        NotDone: A side did not do its work.
    """
    dsn = server.dsn(database="postgres")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        connection.execute("CREATE DATABASE bench TEMPLATE template0")
    dsn = server.dsn(database="bench")
    settings = Settings(Committer("Bench", "bench@example.org"), tool="muniment benchmarks")
    with connect(dsn) as connection:
        for _event in deploy(
            connection, Projects(find_sql_directory()), [Target("goclaw")], settings=settings
        ):
            pass
    with psycopg.connect(dsn, autocommit=True) as database:
        for subject in subjects:
            subject.prepare(database)
            for round_no in range(-warm_up, rounds):
                for count in workers or subject.workers:
                    for side in SIDES if round_no % 2 == 0 else SIDES[::-1]:
                        laid_out = pieces + WARM_UP_PIECES * count
                        subject.lay_out(database, side, laid_out)
                        database.execute("CHECKPOINT")
                        seconds = _turn(dsn, subject, side, count)
                        subject.check(database, side, laid_out)
                        if round_no >= 0:
                            yield Turn(subject.key, count, round_no, side, seconds)


def _turn(dsn: str, subject: Subject, side: Side, count: int) -> float:
    """Return how long so many workers took, from a common start to the end of the last one."""
    together = Barrier(count + 1)
    errors: list[psycopg.Error] = []

    def run(work: Callable[[], bool]) -> None:
        try:
            for _ in range(WARM_UP_PIECES):
                work()
            together.wait()
            while work():
                pass
        except psycopg.Error as error:
            errors.append(error)
            together.abort()
        except BrokenBarrierError:
            pass  # Another one has said why.

    with ExitStack() as stack:
        threads = []
        for _ in range(count):
            worker = stack.enter_context(closing(psycopg.connect(dsn, autocommit=True)))
            threads.append(Thread(target=run, args=[subject.work(worker, side)]))
        for thread in threads:
            thread.start()
        with suppress(BrokenBarrierError):
            together.wait()
        begun = perf_counter()
        for thread in threads:
            thread.join()
        seconds = perf_counter() - begun
    if errors:
        raise NotDone(f"{subject.key}, {side}: {errors[0]}") from errors[0]
    return seconds


@dataclass(frozen=True)
class Line:
    """What came out of a subject with so many workers.

    Attributes:
        subject: Its key.
        workers: How many.
        rates: Pieces in a second, once a round, of each side.
    """

    subject: str
    workers: int
    rates: dict[Side, tuple[float, ...]]

    @property
    def ratio(self) -> float:
        """How many times as long muniment takes, by the medians."""
        return median(self.rates["bare"]) / median(self.rates["muniment"])

    @property
    def paired(self) -> float:
        """The median of the same within each round."""
        return median(
            bare / ours
            for bare, ours in zip(self.rates["bare"], self.rates["muniment"], strict=True)
        )

    @property
    def best(self) -> float:
        """The same by the best of each."""
        return max(self.rates["bare"]) / max(self.rates["muniment"])


def lines_of(turns: Sequence[Turn], pieces: int) -> list[Line]:
    """Put together the turns of one subject and number of workers."""
    rates: dict[tuple[str, int], dict[Side, list[float]]] = {}
    for turn in turns:
        sides = rates.setdefault((turn.subject, turn.workers), {side: [] for side in SIDES})
        sides[turn.side].append(pieces / turn.seconds)
    return [
        Line(subject, workers, {side: tuple(found) for side, found in sides.items()})
        for (subject, workers), sides in rates.items()
    ]


def markdown(facts: dict[str, str], lines: Sequence[Line]) -> str:
    """Return facts and tables for a page, or for a terminal."""
    blocks = ["\n".join(f"- {name}: {value}" for name, value in facts.items())]
    for key in dict.fromkeys(line.subject for line in lines):
        subject = SUBJECTS[key]
        rows = [
            f"### {subject.title}\n",
            f"| workers | bare, {subject.unit}/s | muniment, {subject.unit}/s "
            "| times bare | median of the rounds | by the best |",
            "| --: | --: | --: | --: | --: | --: |",
        ]
        rows += [
            f"| {line.workers} | {median(line.rates['bare']):,.0f} "
            f"| {median(line.rates['muniment']):,.0f} "
            f"| {line.ratio:.2f} | {line.paired:.2f} | {line.best:.2f} |"
            for line in lines
            if line.subject == key
        ]
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS_TO_QUOTE, show_default=True)
@click.option(
    "--warm-up",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Rounds before, whose times are not counted.",
)
@click.option(
    "--pieces",
    type=click.IntRange(min=1),
    default=PIECES_TO_QUOTE,
    show_default=True,
    help="How many pieces of work a turn has.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    multiple=True,
    help="How many workers at a time, once or more; by default as each subject says.",
)
@click.option(
    "--subject",
    "keys",
    type=click.Choice(list(SUBJECTS)),
    multiple=True,
    help="What to measure; by default everything.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    # By custom a real disk, where /tmp may be memory; nothing waits for memory.
    default="/var/tmp",  # noqa: S108
    show_default=True,
    help="The disk to measure on: the server's files go below this directory for the time.",
)
@click.option("--no-fsync", is_flag=True, help="Wait for no disk: to try it out, not to measure.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--write",
    "page",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"Write the results into this page; takes everything, and {TO_QUOTE}.",
)
def main(
    rounds: int,
    warm_up: int,
    pieces: int,
    workers: tuple[int, ...],
    keys: tuple[str, ...],
    directory: Path,
    no_fsync: bool,
    as_json: bool,
    page: Path | None,
) -> None:
    """Measure functions of goclaw beside bare statements on this machine, in interleaved rounds."""
    if page is not None:
        few = rounds < ROUNDS_TO_QUOTE or pieces < PIECES_TO_QUOTE
        if few or workers or keys or no_fsync:
            raise click.UsageError(f"--write takes everything, and {TO_QUOTE}.")
        # That it has a place for them is better known before the minutes than after.
        _with_results(page, "")
    load = os.getloadavg()[0]
    # The server must not outlive this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with place_below(directory) as place, open_server(place, fsync=not no_fsync) as server:
            dsn = server.dsn(database="postgres")
            facts = {
                "date": datetime.now(UTC).date().isoformat(),
                "rounds": f"{rounds} of {pieces:,} pieces",
                "machine": machine(),
                "Python": platform.python_version(),
                "psycopg": psycopg.__version__,
                "PostgreSQL": ask(dsn, "SHOW server_version"),
                "server": ", ".join(f"{name} {ask(dsn, f'SHOW {name}')}" for name in DURABILITY),
                "disk": f"{fsync_seconds(place) * 1000:.2f} ms for a write of 8 kB and its fsync",
                "load before": f"{load:.2f}",
            }
            turns = []
            subjects = [SUBJECTS[key]() for key in keys or SUBJECTS]
            for turn in measure(
                server, subjects, rounds=rounds, warm_up=warm_up, pieces=pieces, workers=workers
            ):
                turns.append(turn)
                click.echo(
                    f"{turn.subject}, {turn.workers} workers, round {turn.round_no + 1}, "
                    f"{turn.side}: {pieces / turn.seconds:,.0f}/s",
                    err=True,
                )
    except (NotDone, MunimentError) as error:
        raise click.ClickException(str(error)) from error
    lines = lines_of(turns, pieces)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "facts": facts,
                    "results": [
                        {
                            "subject": line.subject,
                            "workers": line.workers,
                            "rates": line.rates,
                            "times_bare": round(line.ratio, 3),
                            "paired": round(line.paired, 3),
                            "best": round(line.best, 3),
                        }
                        for line in lines
                    ],
                },
                indent=2,
            )
        )
    else:
        click.echo(markdown(facts, lines))
    if page is not None:
        page.write_text(_with_results(page, markdown(facts, lines)), encoding="utf-8")


def _with_results(page: Path, results: str) -> str:
    try:
        return put_between_marks(page.read_text(encoding="utf-8"), results, mark=BEGIN)
    except ValueError as error:
        raise click.ClickException(f"{page}: {error}") from error


if __name__ == "__main__":
    main()

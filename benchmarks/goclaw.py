"""`python -m benchmarks.goclaw`: functions of goclaw beside the bare statements that they contain.

It starts a server of its own, of the kind that `muniment up` starts. Each subject does the same
work in two ways:

bare      the statements that somebody would write without rules: by a superuser, on a table without
          row security, triggers and CHECKs, or on the same table where it is only read
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
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import fmean, median
from threading import Barrier, BrokenBarrierError, Thread
from time import perf_counter
from typing import ClassVar, Literal, get_args
from uuid import UUID

import click
import psycopg
from psycopg import sql

from benchmarks.options import ROUNDS_TO_QUOTE, how_often, where_to
from benchmarks.report import END, Ratios, bullets, facts_of, table, with_results
from benchmarks.rounds import open_server, place_below
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
PIECES_TO_QUOTE = 1000
CHUNKS_TO_QUOTE = 100_000
TO_QUOTE = (
    f"everything, and {ROUNDS_TO_QUOTE} rounds or more of {PIECES_TO_QUOTE} pieces or more,"
    f" {CHUNKS_TO_QUOTE} chunks or more, with fsync"
)

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
        variants: What is measured one after another, on what :meth:`prepare` made.
        most_pieces: How many pieces are enough for a turn.
        in_milliseconds: Whether tables tell how long a piece takes, not how many go in a second.
        variant: The one that is measured now.
        chunks: How many rows there are in what is searched.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    workers: ClassVar[tuple[int, ...]] = (1, 8, 32)
    variants: ClassVar[tuple[str, ...]] = ("",)
    most_pieces: ClassVar[int | None] = None
    in_milliseconds: ClassVar[bool] = False

    def __init__(self, chunks: int = CHUNKS_TO_QUOTE) -> None:
        """Make nothing yet."""
        self.variant = self.variants[0]
        self.chunks = chunks

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

    def recall(self, side: Side) -> float | None:
        """Return how much of the right answer the last turn gave, where that is a question."""
        return None


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


class Search(Subject):
    """Find the ten chunks that fit best, for an agent with nearly all of them, and one with few.

    What is searched is made by the server, of few parts, so that 100,000 rows take seconds, if not
    their index: a text is five of 1,000 sentences, a vector a topic, a part of that and three
    deviations, each smaller than the one before. So neighbours have neighbours, as they have in
    what models make. The rows of the small agent, one in a hundred, lie among those of the large.
    """

    key = "search"
    title = "Search in the memory of an agent: the ten best chunks"
    unit = "search"
    workers = (1,)
    variants = (
        "words, large agent",
        "vector, large agent",
        "both, large agent",
        "words, small agent",
        "vector, small agent",
        "both, small agent",
    )
    # As many as there are different queries.
    most_pieces = 30
    in_milliseconds = True

    tenant = UUID(int=2000)
    agents: ClassVar[dict[str, UUID]] = {
        "large agent": UUID(int=2001),
        "small agent": UUID(int=2002),
    }
    limit = 10
    # So many of each list are fused, as by goclaw.search_memory().
    candidates = 40
    # Searches by vector that find less than this are not worth their time.
    least_recall = 0.5

    _PARTS = """
        CREATE TABLE public.parts AS
        SELECT kind, number, vector
        FROM (
            VALUES ('topic', 1.0), ('part', 0.6), ('first', 0.4), ('second', 0.25), ('third', 0.15)
        ) AS made (kind, length)
        CROSS JOIN LATERAL generate_series(0, 63) AS number
        CROSS JOIN LATERAL (
            SELECT array_agg(
                made.length * (random() + random() + random() - 1.5) + 0 * (number + d)
            )::platform.vector(1536) AS vector
            FROM generate_series(1, 1536) AS d
        ) AS one"""
    _SENTENCES = """
        CREATE TABLE public.sentences AS
        SELECT number, string_agg(word, ' ') || '.' AS text, min(word) || ' ' || max(word) AS words
        FROM generate_series(0, 999) AS number
        CROSS JOIN LATERAL (
            SELECT 'word' || (3000 * power(random(), 2) + 0 * number)::integer AS word
            FROM generate_series(1, 22)
        ) AS said
        GROUP BY number"""
    # Of chunks and of queries; what is drawn by lot is drawn once for each.
    _DRAWN = """
        WITH drawn AS MATERIALIZED (
            SELECT
                n,
                (
                    SELECT array_agg(floor(64 * random()) + 0 * (n + i))
                    FROM generate_series(1, 5) AS i
                ) AS v,
                (
                    SELECT array_agg(floor(1000 * random()) + 0 * (n + i))
                    FROM generate_series(1, 5) AS i
                ) AS s
            FROM generate_series(1, %(last)s::integer) AS n
        ),
        made AS (
            SELECT
                n,
                concat_ws(' ', s1.text, s2.text, s3.text, s4.text, s5.text) AS text,
                s1.words,
                v1.vector OPERATOR(platform.+) v2.vector OPERATOR(platform.+) v3.vector
                    OPERATOR(platform.+) v4.vector OPERATOR(platform.+) v5.vector AS vector
            FROM drawn
            INNER JOIN public.sentences AS s1 ON s1.number = s[1]
            INNER JOIN public.sentences AS s2 ON s2.number = s[2]
            INNER JOIN public.sentences AS s3 ON s3.number = s[3]
            INNER JOIN public.sentences AS s4 ON s4.number = s[4]
            INNER JOIN public.sentences AS s5 ON s5.number = s[5]
            INNER JOIN public.parts AS v1 ON (v1.kind, v1.number) = ('topic', v[1])
            INNER JOIN public.parts AS v2 ON (v2.kind, v2.number) = ('part', v[2])
            INNER JOIN public.parts AS v3 ON (v3.kind, v3.number) = ('first', v[3])
            INNER JOIN public.parts AS v4 ON (v4.kind, v4.number) = ('second', v[4])
            INNER JOIN public.parts AS v5 ON (v5.kind, v5.number) = ('third', v[5])
        )"""
    # Documents have 100 chunks, and every 101st chunk is in one of the small agent.
    _DOCUMENTS = """
        INSERT INTO goclaw.memory_documents (tenant_id, agent_id, path)
        SELECT %(tenant)s, %(large)s::uuid, 'large/' || n
        FROM generate_series(0, %(last)s::integer / 101) AS n
        UNION ALL
        SELECT %(tenant)s, %(small)s, 'small/' || n
        FROM generate_series(0, %(last)s::integer / 10100) AS n"""
    # A chunk takes from its document whose it is.
    _CHUNKS = """
        INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, path, text, embedding)
        SELECT d.tenant_id, d.agent_id, d.id, d.path, made.text, made.vector
        FROM made
        INNER JOIN goclaw.memory_documents AS d
            ON d.tenant_id = %(tenant)s
            AND d.path = CASE
                WHEN n %% 101 = 0 THEN 'small/' || n / 10100
                ELSE 'large/' || n / 101
            END"""
    _QUERIES = "SELECT words, vector::text FROM made ORDER BY n"

    _BARE: ClassVar[dict[str, str]] = {
        "words": """
        SELECT id, document_id, path, start_line, end_line, text
        FROM goclaw.memory_chunks
        WHERE tsv @@ websearch_to_tsquery('simple', %(words)s)
        ORDER BY ts_rank_cd(tsv, websearch_to_tsquery('simple', %(words)s)) DESC, id
        LIMIT %(limit)s""",
        "vector": """
        SELECT id, document_id, path, start_line, end_line, text
        FROM goclaw.memory_chunks
        ORDER BY embedding OPERATOR(platform.<=>) %(vector)s::platform.vector
        LIMIT %(limit)s""",
    }
    _SEARCH = """
        SELECT chunk_id, document_id, path, start_line, end_line, content
        FROM goclaw.search_memory(
            %(agent)s, %(words)s, %(vector)s::platform.vector, p_limit => %(limit)s
        )"""
    # Without an index every distance is computed, once for all.
    _EXACT = """
        WITH found AS MATERIALIZED (
            SELECT
                id,
                agent_id,
                embedding OPERATOR(platform.<=>) %(vector)s::platform.vector AS distance,
                CASE WHEN tsv @@ websearch_to_tsquery('simple', %(words)s)
                    THEN ts_rank_cd(tsv, websearch_to_tsquery('simple', %(words)s))
                END AS rank
            FROM goclaw.memory_chunks
        )
        SELECT
            ARRAY(
                SELECT id FROM found
                WHERE rank IS NOT NULL AND (scope.agent IS NULL OR agent_id = scope.agent)
                ORDER BY rank DESC, id LIMIT %(candidates)s
            ),
            ARRAY(
                SELECT id FROM found WHERE (scope.agent IS NULL OR agent_id = scope.agent)
                ORDER BY distance, id LIMIT %(candidates)s
            )
        FROM (VALUES (1, %(large)s::uuid), (2, %(small)s), (3, NULL)) AS scope (place, agent)
        ORDER BY place"""

    def prepare(self, database: psycopg.Connection) -> None:
        """Make agents, their memory, its indexes, queries, and the right answers to them."""
        large, small = self.agents.values()
        rows = self.chunks + self.chunks // 100
        whose = {"tenant": self.tenant, "large": large, "small": small, "last": rows}
        database.execute(
            "INSERT INTO goclaw.tenants (id, name, slug) VALUES (%s, 'T', 'search')", [self.tenant]
        )
        for agent in self.agents.values():
            database.execute(
                "INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)"
                " VALUES (%s, %s, %s, 'u', 'm')",
                [self.tenant, agent, agent.hex],
            )
        definitions = [
            self._take_away(database, index)
            for index in ("goclaw.memory_chunks_tsv_ix", "goclaw.memory_chunks_embedding_ix")
        ]
        with _told(f"{self.key}: {rows:,} chunks"):
            database.execute("SELECT setseed(0.5)")
            database.execute(self._PARTS)
            database.execute(self._SENTENCES)
            database.execute("ANALYZE public.parts, public.sentences")
            database.execute(self._DOCUMENTS, whose)
            database.execute("ANALYZE goclaw.memory_documents")
            database.execute(self._DRAWN + self._CHUNKS, whose)
            database.execute("VACUUM ANALYZE goclaw.memory_chunks")
        with _told(f"{self.key}: their indexes"):
            # In memory, and by as many processes as the server finds right.
            database.execute("SET maintenance_work_mem = '2GB'")
            for definition in definitions:
                database.execute(definition)
            database.execute("RESET maintenance_work_mem")
        with _told(f"{self.key}: the right answers"):
            self._queries = [
                {"words": words, "vector": vector}
                for words, vector in database.execute(
                    self._DRAWN + self._QUERIES, {"last": self.most_pieces}
                )
            ]
            scopes = [*self.agents, "everybody"]
            self._exact = [
                dict(
                    zip(
                        scopes,
                        database.execute(
                            self._EXACT, {**whose, **query, "candidates": self.candidates}
                        ),
                        strict=True,
                    )
                )
                for query in self._queries
            ]

    @staticmethod
    def _take_away(database: psycopg.Connection, index: str) -> str:
        """Drop an index that is quicker made afterwards, and return how to make it."""
        [(definition,)] = database.execute("SELECT pg_get_indexdef(%s::regclass)", [index])
        database.execute(f"DROP INDEX {index}")
        return str(definition)

    def lay_out(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Begin with the first query again; the memory stays as it is."""
        self._pieces = iter(range(pieces))
        self._answers: list[tuple[int, list[UUID]]] = []

    def work(self, worker: psycopg.Connection, side: Side) -> Callable[[], bool]:
        """Return what searches once."""
        wanted, _, scope = self.variant.partition(", ")
        asked = [what for what in ("words", "vector") if wanted in (what, "both")]

        def bare(query: dict[str, str]) -> list[UUID]:
            limit = self.candidates if wanted == "both" else self.limit
            lists = []
            for what in asked:
                found = worker.execute(self._BARE[what], {**query, "limit": limit}, prepare=True)
                lists.append([row[0] for row in found])
            return self._fuse(lists)

        def muniment(query: dict[str, str]) -> list[UUID]:
            parameters = {
                "words": None,
                "vector": None,
                **{what: query[what] for what in asked},
                "agent": self.agents[scope],
                "limit": self.limit,
            }
            return [row[0] for row in worker.execute(self._SEARCH, parameters, prepare=True)]

        if side == "muniment":
            _act_for(worker, self.tenant)
            search = muniment
        else:
            # By HNSW and GIN also where there is so little that the planner would read it all.
            worker.execute("SET enable_seqscan = off")
            search = bare

        def one() -> bool:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            number = piece % len(self._queries)
            self._answers.append((number, search(self._queries[number])))
            return True

        return one

    def check(self, database: psycopg.Connection, side: Side, pieces: int) -> None:
        """Look whether each search had its answer: of words the right one, of vectors near it."""
        if len(self._answers) != pieces:
            raise NotDone(f"{self.key}, {side}: {len(self._answers)} answers of {pieces}")
        recall = self.recall(side)
        if recall < (1 if self.variant.startswith("words") else self.least_recall):
            raise NotDone(f"{self.key}, {self.variant}, {side}: finds {recall:.1%}")

    def recall(self, side: Side) -> float:
        """Return how many of the right chunks were found, of all that there are."""
        found = expected = 0
        for number, answer in self._answers:
            right = self._right(number, side)
            expected += len(right)
            found += len(set(right) & set(answer))
        return found / expected

    def _right(self, number: int, side: Side) -> list[UUID]:
        wanted, _, scope = self.variant.partition(", ")
        words, vector = self._exact[number][scope if side == "muniment" else "everybody"]
        return self._fuse({"words": [words], "vector": [vector], "both": [words, vector]}[wanted])

    def _fuse(self, lists: Sequence[Sequence[UUID]]) -> list[UUID]:
        """Return the best by reciprocal rank, as goclaw.search_memory() ranks."""
        scores: dict[UUID, float] = {}
        for ranked in lists:
            for rank, chunk in enumerate(ranked, start=1):
                scores[chunk] = scores.get(chunk, 0.0) + 1 / (60 + rank)
        return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[: self.limit]


SUBJECTS: dict[str, type[Subject]] = {
    subject.key: subject for subject in (WebhookQueue, SharedCap, OwnCaps, Search)
}


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say what is being done, which takes a while, and how long it took."""
    click.echo(f"{what} ...", err=True)
    begun = perf_counter()
    yield
    click.echo(f"{what}: {perf_counter() - begun:.0f} s", err=True)


def _act_for(worker: psycopg.Connection, tenant: UUID) -> None:
    """Act as muniment_app for a tenant until the connection ends."""
    worker.execute("SET ROLE muniment_app")
    worker.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant)])


@dataclass(frozen=True)
class Turn:
    """One side's turn in one round."""

    subject: str
    variant: str
    workers: int
    round_no: int
    side: Side
    pieces: int
    seconds: float
    recall: float | None

    @property
    def rate(self) -> float:
        """Pieces in a second."""
        return self.pieces / self.seconds


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
            measured = min(pieces, subject.most_pieces or pieces)
            for round_no, variant, count, side in _order(subject, range(-warm_up, rounds), workers):
                subject.variant = variant
                laid_out = measured + WARM_UP_PIECES * count
                subject.lay_out(database, side, laid_out)
                database.execute("CHECKPOINT")
                seconds = _turn(dsn, subject, side, count)
                subject.check(database, side, laid_out)
                if round_no >= 0:
                    yield Turn(
                        subject.key,
                        variant,
                        count,
                        round_no,
                        side,
                        measured,
                        seconds,
                        subject.recall(side),
                    )


def _order(
    subject: Subject, rounds: Iterable[int], workers: Sequence[int]
) -> Iterator[tuple[int, str, int, Side]]:
    """Yield whose turn it is."""
    for round_no in rounds:
        for variant in subject.variants:
            for count in workers or subject.workers:
                for side in SIDES if round_no % 2 == 0 else SIDES[::-1]:
                    yield round_no, variant, count, side


def _turn(dsn: str, subject: Subject, side: Side, count: int) -> float:
    """Return how long so many workers took, from a common start to the end of the last one."""
    begun = 0.0

    def begin() -> None:
        nonlocal begun
        begun = perf_counter()

    # By the last one to come, before any goes on: a thread that only waits may be woken late.
    together = Barrier(count, action=begin)
    errors: list[Exception] = []

    def run(work: Callable[[], bool]) -> None:
        try:
            for _ in range(WARM_UP_PIECES):
                work()
            together.wait()
            while work():
                pass
        except BrokenBarrierError:
            pass  # Another one has said why.
        except Exception as error:  # Whatever it is: the others would wait for this one for ever.
            errors.append(error)
            together.abort()

    with ExitStack() as stack:
        threads = []
        for _ in range(count):
            worker = stack.enter_context(closing(psycopg.connect(dsn, autocommit=True)))
            threads.append(Thread(target=run, args=[subject.work(worker, side)]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = perf_counter() - begun
    if errors:
        raise NotDone(f"{subject.key}, {side}: {errors[0]}") from errors[0]
    return seconds


@dataclass(frozen=True)
class Line:
    """What came out of a variant of a subject with so many workers.

    Attributes:
        subject: Its key.
        variant: Which.
        workers: How many.
        rates: Pieces in a second, once a round, of each side.
        recalls: How much of the right answer each side gave, on average, where that is a question.
    """

    subject: str
    variant: str
    workers: int
    rates: dict[Side, tuple[float, ...]]
    recalls: dict[Side, float]

    @property
    def to_bare(self) -> Ratios:
        """How muniment compares with the bare statements."""
        return Ratios.of(self.rates["bare"], self.rates["muniment"])


def lines_of(turns: Sequence[Turn]) -> list[Line]:
    """Put together the turns of one variant and number of workers."""
    grouped: dict[tuple[str, str, int], dict[Side, list[Turn]]] = {}
    for turn in turns:
        key = (turn.subject, turn.variant, turn.workers)
        grouped.setdefault(key, {side: [] for side in SIDES})[turn.side].append(turn)
    return [
        Line(
            *key,
            {side: tuple(turn.rate for turn in found) for side, found in sides.items()},
            {
                side: fmean(recalls)
                for side, found in sides.items()
                if (recalls := [turn.recall for turn in found if turn.recall is not None])
            },
        )
        for key, sides in grouped.items()
    ]


def markdown(facts: dict[str, str], lines: Sequence[Line]) -> str:
    """Return facts and tables for a page, or for a terminal."""
    blocks = [bullets(facts)]
    for key in dict.fromkeys(line.subject for line in lines):
        subject = SUBJECTS[key]
        rows = [_cells(subject, line) for line in lines if line.subject == key]
        blocks.append(table(subject.title, rows, words=subject.unit))
    return "\n\n".join(blocks)


def _cells(subject: type[Subject], line: Line) -> dict[str, str]:
    cells = {subject.unit: line.variant} if line.variant else {}
    if len(subject.workers) > 1 or line.workers > 1:
        cells["workers"] = str(line.workers)
    for side in SIDES:
        rate = median(line.rates[side])
        if subject.in_milliseconds:
            cells[f"{side}, ms"] = f"{1000 / rate:,.2f}"
        else:
            cells[f"{side}, {subject.unit}/s"] = f"{rate:,.0f}"
    cells |= line.to_bare.cells()
    for side, recall in line.recalls.items():
        cells[f"{side} finds"] = f"{recall * 100:.1f} %"
    return cells


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@how_often
@click.option(
    "--pieces",
    type=click.IntRange(min=1),
    default=PIECES_TO_QUOTE,
    show_default=True,
    help="How many pieces of work a turn has; a subject may have enough with fewer.",
)
@click.option(
    "--chunks",
    type=click.IntRange(min=1000),
    default=CHUNKS_TO_QUOTE,
    show_default=True,
    help="How many chunks of memory are searched.",
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
@where_to(TO_QUOTE)
def main(
    rounds: int,
    warm_up: int,
    pieces: int,
    chunks: int,
    workers: tuple[int, ...],
    keys: tuple[str, ...],
    directory: Path,
    no_fsync: bool,
    as_json: bool,
    page: Path | None,
) -> None:
    """Measure functions of goclaw beside bare statements on this machine, in interleaved rounds."""
    if page is not None:
        few = rounds < ROUNDS_TO_QUOTE or pieces < PIECES_TO_QUOTE or chunks < CHUNKS_TO_QUOTE
        if few or workers or keys or no_fsync:
            raise click.UsageError(f"--write takes {TO_QUOTE}.")
        # That it has a place for them is better known before the minutes than after.
        with_results(page, "", mark=BEGIN)
    load = os.getloadavg()[0]
    # The server must not outlive this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with place_below(directory) as place, open_server(place, fsync=not no_fsync) as server:
            facts = facts_of(server, place)
            facts["rounds"] = f"{rounds} of {pieces:,} pieces"
            facts["load before"] = f"{load:.2f}"
            turns = []
            subjects = [SUBJECTS[key](chunks) for key in keys or SUBJECTS]
            for turn in measure(
                server, subjects, rounds=rounds, warm_up=warm_up, pieces=pieces, workers=workers
            ):
                turns.append(turn)
                what = f"{turn.subject} {turn.variant}".rstrip()
                click.echo(
                    f"{what}, {turn.workers} workers, round {turn.round_no + 1}, "
                    f"{turn.side}: {turn.rate:,.0f}/s",
                    err=True,
                )
    except (NotDone, MunimentError) as error:
        raise click.ClickException(str(error)) from error
    lines = lines_of(turns)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "facts": facts,
                    "results": [
                        {
                            "subject": line.subject,
                            "variant": line.variant,
                            "workers": line.workers,
                            "rates": line.rates,
                            **asdict(line.to_bare),
                            "recalls": line.recalls,
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
        page.write_text(with_results(page, markdown(facts, lines), mark=BEGIN), encoding="utf-8")


if __name__ == "__main__":
    main()

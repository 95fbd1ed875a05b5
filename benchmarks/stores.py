"""Where `benchmarks.ledger` puts exchanges: bare tables, and muniment's ledger.

The stores of others are in `benchmarks.peers`. A new store is a subclass of :class:`Store`, and an
entry in ``STORES`` of `benchmarks.ledger`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import ClassVar
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Json, Jsonb

from benchmarks.exchanges import TOOL, Exchange
from muniment import Ledger
from muniment._db import connect
from muniment.migrate.engine import (
    Committer,
    Projects,
    Settings,
    Target,
    deploy,
    find_sql_directory,
)

__all__ = [
    "Bare",
    "BarePipeline",
    "Client",
    "GranularCalls",
    "ImportRuns",
    "RecordTurn",
    "RecordTurnInPython",
    "RecordTurnOfFirms",
    "Store",
]


class Client(ABC):
    """What one writer has: a connection of its own, and the conversation it is in."""

    @abstractmethod
    def open(self, session_id: UUID) -> None:
        """Begin a conversation, into which all goes that is written from now on."""

    @abstractmethod
    def write(self, exchange: Exchange) -> None:
        """Write an exchange, so that it is there whatever happens to this process."""

    def flush(self) -> None:  # noqa: B027
        """Write what was kept back, where exchanges are not written one by one."""

    @abstractmethod
    def read(self, session_id: UUID) -> list[Exchange]:
        """Return a whole conversation."""


class Store(ABC):
    """A way to keep exchanges in PostgreSQL.

    Attributes:
        key: What it is called in JSON and on the command line.
        title: What it is called in tables.
        is_measured_alone: Whether it is measured with one writer, too, and not with many only.
        part: Of how many conversations it is given one, where all would take too long.
        packages: What has to be installed, by the names of PyPI.
        grows: Whether one conversation is measured until it is long.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    is_measured_alone: ClassVar[bool] = True
    part: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()
    grows: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, dsn: str) -> None:
        """Make in an empty database what has to be there once."""

    @abstractmethod
    def connect(self, dsn: str, writer_no: int) -> AbstractContextManager[Client]:
        """Return what a writer, of those that write at the same time, writes by."""


class BareClient(Client):
    """Three inserts in a transaction."""

    _MESSAGE = """
        INSERT INTO public.message (session_id, message_no, role, content)
        VALUES (%s, %s, %s, %s)"""
    _CALL = """
        INSERT INTO public.call (session_id, call_no, tool_name, args, result)
        VALUES (%s, %s, %s, %s, %s)"""
    _SESSION = """
        SELECT question.content, call.args, call.result, answer.content
        FROM public.call
        INNER JOIN public.message AS question
            ON question.session_id = call.session_id
            AND question.message_no = 2 * call.call_no - 1 AND question.role = 'user'
        INNER JOIN public.message AS answer
            ON answer.session_id = call.session_id
            AND answer.message_no = 2 * call.call_no AND answer.role = 'assistant'
        WHERE call.session_id = %s AND call.tool_name = %s
        ORDER BY call.call_no"""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def open(self, session_id: UUID) -> None:
        """Begin to count."""
        self._session_id, self._number = session_id, 0

    def write(self, exchange: Exchange) -> None:
        """Send one insert after the other."""
        with self._connection.transaction():
            self._insert(exchange)

    def read(self, session_id: UUID) -> list[Exchange]:
        """Put the rows together."""
        return [
            Exchange(*row) for row in self._connection.execute(self._SESSION, [session_id, TOOL])
        ]

    def _insert(self, exchange: Exchange) -> None:
        self._number += 1
        session_id, number, last = self._session_id, self._number, 2 * self._number
        execute = self._connection.execute
        execute(self._MESSAGE, [session_id, last - 1, "user", exchange.question], prepare=True)
        execute(
            self._CALL,
            [session_id, number, TOOL, exchange.arguments, exchange.result],
            prepare=True,
        )
        execute(self._MESSAGE, [session_id, last, "assistant", exchange.answer], prepare=True)


class BarePipelineClient(BareClient):
    """The same without waiting for an answer between."""

    def write(self, exchange: Exchange) -> None:
        """Send everything at once, BEGIN and COMMIT too."""
        with self._connection.pipeline(), self._connection.transaction():
            self._insert(exchange)


class Bare(Store):
    """Two tables with a primary key each and nothing else, and a transaction an exchange."""

    key = "bare"
    title = "bare inserts"
    grows = True

    client: ClassVar[type[BareClient]] = BareClient

    def prepare(self, dsn: str) -> None:
        """Make the tables."""
        with psycopg.connect(dsn) as database:
            database.execute("""
                CREATE TABLE public.message (
                    session_id uuid,
                    message_no integer,
                    role text NOT NULL,
                    content text NOT NULL,
                    created_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (session_id, message_no)
                )""")
            database.execute("""
                CREATE TABLE public.call (
                    session_id uuid,
                    call_no integer,
                    tool_name text NOT NULL,
                    args text NOT NULL,
                    result text NOT NULL,
                    created_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (session_id, call_no)
                )""")

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Connect."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            yield self.client(connection)


class BarePipeline(Bare):
    """The same in a pipeline."""

    key = "bare-pipeline"
    title = "bare inserts in a pipeline"
    grows = False

    client = BarePipelineClient


class LedgerClient(Client):
    """What all ways into the ledger share: whose it is, how a session opens and is read."""

    _OPEN = "SELECT FROM agents.open_session(%s, %s)"
    _RECORD = """
        SELECT run_id, started_at, last_turn_no, seal_sha256, is_new
        FROM agents.record_turn(%s, %s, %s, %s, %s)"""
    _SESSION = """
        SELECT question.content_inline, call.args_inline, call.result_inline, answer.content_inline
        FROM agents.tool_call AS call
        INNER JOIN agents.chat_turn AS question
            ON question.firm_id = call.firm_id
            AND question.run_id = call.run_id AND question.role = 'user'
        INNER JOIN agents.chat_turn AS answer
            ON answer.firm_id = call.firm_id
            AND answer.run_id = call.run_id AND answer.role = 'assistant'
        WHERE call.firm_id = %s AND question.session_id = %s AND call.tool_name = %s
            AND call.status = 'succeeded' AND answer.turn_no = question.turn_no + 1
        ORDER BY question.turn_no"""

    def __init__(self, connection: psycopg.Connection, firm_id: UUID) -> None:
        self._connection, self._firm_id = connection, firm_id

    def open(self, session_id: UUID) -> None:
        """Open the session."""
        self._session_id = session_id
        self._connection.execute(self._OPEN, [self._firm_id, session_id], prepare=True)

    def write(self, exchange: Exchange) -> None:
        """Record it by one call, which is one transaction."""
        self._connection.execute(
            self._RECORD,
            [
                self._firm_id,
                self._session_id,
                Jsonb({"agent_name": "bench"}),
                Jsonb(
                    [
                        {"role": "user", "content": exchange.question},
                        {"role": "assistant", "content": exchange.answer},
                    ]
                ),
                Jsonb([{"tool_name": TOOL, "args": exchange.arguments, "result": exchange.result}]),
            ],
            prepare=True,
        )

    def read(self, session_id: UUID) -> list[Exchange]:
        """Put the rows together."""
        with self._connection.transaction():
            self._connection.execute("SELECT platform.enter_tenant(%s)", [self._firm_id])
            found = self._connection.execute(self._SESSION, [self._firm_id, session_id, TOOL])
            return [Exchange(*row) for row in found]


class GranularClient(LedgerClient):
    """What an agent writes while it works, sent at the end of the exchange."""

    _START = """
        SELECT FROM agents.start_run(
            %(firm)s, 'bench', p_run_id => %(run)s, p_started_at => %(now)s,
            p_session_id => %(session)s, p_worker_id => 'bench'
        )"""
    _SAY = """
        SELECT FROM agents.append_turn(
            %(firm)s, %(session)s, %(role)s, %(text)s, %(run)s, 'bench', 1
        )"""
    _REQUEST = """
        SELECT FROM agents.request_tool_call(
            %(firm)s, %(run)s, 'bench', 1, %(tool)s, %(text)s,
            p_tool_call_id => %(call)s, p_requested_at => %(now)s
        )"""
    _BEGIN = "SELECT FROM agents.begin_tool_call(%(firm)s, %(run)s, 'bench', 1, %(call)s, %(now)s)"
    _FINISH = """
        SELECT FROM agents.finish_tool_call(
            %(firm)s, %(run)s, 'bench', 1, %(call)s, %(now)s, 'succeeded', %(text)s
        )"""
    _END = "SELECT FROM agents.finish_run(%(firm)s, %(run)s, 'bench', 1, 'succeeded')"

    def write(self, exchange: Exchange) -> None:
        """Send all calls at once; ids and times are made here, so that none waits for another."""
        known = {
            "firm": self._firm_id,
            "session": self._session_id,
            "run": uuid4(),
            "call": uuid4(),
            "now": datetime.now(UTC),
            "tool": TOOL,
        }
        with self._connection.pipeline(), self._connection.transaction():
            for statement, more in (
                (self._START, {}),
                (self._SAY, {"role": "user", "text": exchange.question}),
                (self._REQUEST, {"text": exchange.arguments}),
                (self._BEGIN, {}),
                (self._FINISH, {"text": exchange.result}),
                (self._SAY, {"role": "assistant", "text": exchange.answer}),
                (self._END, {}),
            ):
                self._connection.execute(statement, known | more, prepare=True)


class ImportClient(LedgerClient):
    """Many exchanges at once, each a run about the conversation, with a session of its own."""

    # More are no faster by much, and what fails is done again as a whole.
    _AT_ONCE = 1000

    _IMPORT = "SELECT count(*) FROM agents.import_runs(%s, %s, %s, %s)"
    _CONVERSATION = """
        SELECT question.content_inline, call.args_inline, call.result_inline, answer.content_inline
        FROM agents.agent_run AS run
        INNER JOIN agents.tool_call AS call
            ON call.firm_id = run.firm_id AND call.run_id = run.run_id AND call.tool_name = %s
        INNER JOIN agents.chat_turn AS question
            ON question.firm_id = run.firm_id
            AND question.run_id = run.run_id AND question.role = 'user'
        INNER JOIN agents.chat_turn AS answer
            ON answer.firm_id = run.firm_id
            AND answer.run_id = run.run_id AND answer.role = 'assistant'
        WHERE run.firm_id = %s
            AND (run.subject_type, run.subject_id) = ('conversation', %s)
            AND run.status = 'succeeded'
        ORDER BY run.started_at"""

    def __init__(self, connection: psycopg.Connection, firm_id: UUID) -> None:
        super().__init__(connection, firm_id)
        self._rows: tuple[list[object], list[object], list[object]] = ([], [], [])

    def open(self, session_id: UUID) -> None:
        """Name it: a session is imported with each run."""
        self._session_id, self._began, self._number = session_id, datetime.now(UTC), 0

    def write(self, exchange: Exchange) -> None:
        """Keep it until there are a thousand."""
        run_id, session_id = str(uuid4()), str(uuid4())
        at = (self._began + timedelta(milliseconds=self._number)).isoformat()
        self._number += 1
        runs, turns, calls = self._rows
        runs.append(
            {
                "run_id": run_id,
                "session_id": session_id,
                "agent_name": "bench",
                "subject_type": "conversation",
                "subject_id": str(self._session_id),
                "status": "succeeded",
                "turn_count": 2,
                "started_at": at,
                "last_turn_at": at,
                "ended_at": at,
                "metadata": {},
            }
        )
        below = {"run_id": run_id, "run_started_at": at}
        for number, role, text in (
            (1, "user", exchange.question),
            (2, "assistant", exchange.answer),
        ):
            turns.append(
                {
                    **below,
                    "turn_id": str(uuid4()),
                    "session_id": session_id,
                    "turn_no": number,
                    "created_at": at,
                    "role": role,
                    "content_format": "text",
                    "metadata": {},
                    **_body("content", text),
                }
            )
        calls.append(
            {
                **below,
                "tool_call_id": str(uuid4()),
                "call_no": 1,
                "tool_name": TOOL,
                "status": "succeeded",
                "requested_at": at,
                "ended_at": at,
                **_body("args", exchange.arguments),
                **_body("result", exchange.result),
            }
        )
        if len(runs) == self._AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Import what was kept."""
        self._connection.execute(
            self._IMPORT, [self._firm_id, *(Json(rows) for rows in self._rows)], prepare=True
        )
        for rows in self._rows:
            rows.clear()

    def read(self, session_id: UUID) -> list[Exchange]:
        """Put the rows together."""
        with self._connection.transaction():
            self._connection.execute("SELECT platform.enter_tenant(%s)", [self._firm_id])
            found = self._connection.execute(
                self._CONVERSATION, [TOOL, self._firm_id, str(session_id)]
            )
            return [Exchange(*row) for row in found]


def _body(name: str, text: str) -> dict[str, object]:
    """Return the columns of a body, whose hash and length are those of the writer's side."""
    data = text.encode()
    return {
        f"{name}_storage": "inline",
        f"{name}_inline": text,
        f"{name}_sha256": f"\\x{sha256(data).hexdigest()}",
        f"{name}_bytes": len(data),
    }


class PythonClient(Client):
    """The library, as its tutorial uses it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def open(self, session_id: UUID) -> None:
        """Open the session."""
        self._session_id = session_id
        self._ledger.open_session(session_id=session_id)

    def write(self, exchange: Exchange) -> None:
        """Record it."""
        self._ledger.record_turn(
            self._session_id,
            {"agent_name": "bench"},
            [
                {"role": "user", "content": exchange.question},
                {"role": "assistant", "content": exchange.answer},
            ],
            [{"tool_name": TOOL, "args": exchange.arguments, "result": exchange.result}],
        )

    def read(self, session_id: UUID) -> list[Exchange]:
        """Get the turns, a page after the other, and the call of each run."""
        found: list[Exchange] = []
        while turns := self._ledger.session_turns(session_id, after=2 * len(found)):
            for question, answer in zip(turns[::2], turns[1::2], strict=True):
                if answer.run_id is None or answer.run_id != question.run_id:
                    raise ValueError(f"turn {answer.turn_no} answers none of its run")
                (call,) = self._ledger.tool_calls(answer.run_id)
                texts = (question.content, call.args, call.result, answer.content)
                found.append(Exchange(*(text or "" for text in texts)))
        return found


class RecordTurn(Store):
    """The ledger, by its function for an exchange that is over, as a role that row security binds.

    All writers are of one firm.
    """

    key = "record-turn-sql"
    title = "muniment, `agents.record_turn` by psycopg"
    grows = True

    firms: ClassVar[int] = 1
    client: ClassVar[type[LedgerClient]] = LedgerClient

    def prepare(self, dsn: str) -> None:
        """Deploy the ledger, with months from the last one on."""
        settings = Settings(Committer("Bench", "bench@example.org"), tool="muniment benchmarks")
        with connect(dsn) as connection:
            for _event in deploy(
                connection, Projects(find_sql_directory()), [Target("agents")], settings=settings
            ):
                pass
            connection.execute(
                "SELECT FROM agents.ensure_partitions((now() - interval '1 month')::date, 4)"
            )

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Connect as an application does."""
        as_app = make_conninfo(dsn, options="-c role=muniment_app")
        with psycopg.connect(as_app, autocommit=True) as connection:
            yield self.client(connection, UUID(int=1 + writer_no % self.firms))


class RecordTurnInPython(RecordTurn):
    """The same by the library, which checks what it is given, and returns typed results."""

    key = "record-turn"
    title = "muniment, `Ledger.record_turn`"
    grows = False

    @contextmanager
    def connect(self, dsn: str, writer_no: int) -> Iterator[Client]:
        """Open a ledger with a connection of its own."""
        as_app = make_conninfo(dsn, options="-c role=muniment_app")
        firm_id = UUID(int=1 + writer_no % self.firms)
        with Ledger(as_app, firm_id=firm_id, pool_size=1) as ledger:
            yield PythonClient(ledger)


class RecordTurnOfFirms(RecordTurn):
    """The same, each writer of a firm of its own: what seals of one firm make its writers wait."""

    key = "record-turn-firms"
    title = "muniment, `agents.record_turn` by psycopg, each writer of another firm"
    is_measured_alone = False
    grows = False

    firms = 8


class GranularCalls(RecordTurn):
    """The ledger, by the functions that an agent calls as it goes, in one transaction."""

    key = "granular-sql"
    title = "muniment, the seven calls of an exchange in a pipeline"
    grows = False

    client = GranularClient


class ImportRuns(RecordTurn):
    """The ledger, by its function for what comes from elsewhere, a thousand exchanges at once."""

    key = "import-runs-sql"
    title = "muniment, `agents.import_runs` by psycopg, 1,000 exchanges at once"
    grows = False

    client = ImportClient

    def prepare(self, dsn: str) -> None:
        """Register the tool as one that is known from elsewhere."""
        super().prepare(dsn)
        with psycopg.connect(dsn) as database:
            database.execute(
                "INSERT INTO agents.tool_registry"
                " (tool_name, tool_version, description, input_schema, side_effect, replay,"
                "     approval)"
                " SELECT tool_name, 'imported', '', '{}', 'unknown', 'never', 'never'"
                " FROM agents.tool_registry WHERE tool_name = %s AND is_active",
                [TOOL],
            )

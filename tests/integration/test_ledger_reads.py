"""What is read or written of one run touches its month, however many months there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.fix_postgres import LEDGER, Cluster

from muniment.queries import query

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
SESSION = UUID("00000000-0000-4000-8000-0000000000a1")
FEW, MANY = 6, 60

# What `muniment show` asks, and functions whose inside EXPLAIN does not show: they are held to what
# they read.
QUERIES = {
    "ledger.run": "agent_run",
    "ledger.turns": "chat_turn",
    "ledger.tool_calls": "tool_call",
}
FUNCTIONS = {
    "verify_seal": "SELECT * FROM agents.verify_seal(%(firm_id)s, %(run_id)s)",
    "sealed_rows": "SELECT * FROM agents.sealed_rows(%(firm_id)s, %(run_id)s, %(started_at)s)",
    "run_tree": "SELECT * FROM agents.run_tree(%(firm_id)s, %(run_id)s)",
    "is_replay_safe": "SELECT agents.is_replay_safe(%(firm_id)s, %(run_id)s)",
}
EXCHANGE = {
    "session_id": SESSION,
    "run": Jsonb({"agent_name": "a"}),
    "turns": Jsonb([{"role": "user", "content": "ask"}]),
    "calls": Jsonb([{"tool_name": "get_matter", "args": "{}", "result": "{}"}]),
}
# Each view as it is asked for a day or an instant, and what it then reads of the tables of months.
VIEWS = {
    "daily_usage": ("day = %(day)s", {"agent_run"}),
    "unpriced_run": ("started_at >= %(day)s AND started_at < %(day)s + 1", {"agent_run"}),
    "tool_failure": ("day = %(day)s", {"tool_call"}),
    "tool_latency": ("day = %(day)s", {"tool_call"}),
    "genai_span": (
        "recorded_at >= %(day)s AND recorded_at < %(day)s + 1",
        {"agent_run", "tool_call"},
    ),
    "session_timeline": (
        "session_id = %(session_id)s AND happened_at >= %(day)s AND happened_at < %(day)s + 1",
        {"chat_turn", "tool_call"},
    ),
}
# Where a call may be of any month, its run is of one.
VIEWS_OF_CALLS = {"pending_approval": "waiting_approval", "unknown_effect": "unknown"}
WRITES = {
    "record_turn": (
        "SELECT agents.record_turn(%(firm_id)s, %(session_id)s, %(run)s, %(turns)s, %(calls)s)"
    ),
    "an open run": """
        SELECT finished.seal
        FROM agents.start_run(
            %(firm_id)s, 'a', p_worker_id => 'w', p_session_id => %(session_id)s
        ) AS r
        CROSS JOIN LATERAL agents.append_turns(
            %(firm_id)s, %(session_id)s, %(turns)s, r.run_id, 'w', r.attempt_no
        ) AS t
        CROSS JOIN LATERAL agents.request_tool_call(
            %(firm_id)s, r.run_id, 'w', r.attempt_no, 'get_matter', '{}'
        ) AS c
        CROSS JOIN LATERAL agents.begin_tool_call(
            %(firm_id)s, r.run_id, 'w', r.attempt_no, c.tool_call_id, c.requested_at
        ) AS b
        CROSS JOIN LATERAL agents.finish_tool_call(
            %(firm_id)s, r.run_id, 'w', r.attempt_no, c.tool_call_id, c.requested_at,
            CASE b.action WHEN 'run' THEN 'succeeded' END, '{}'
        ) AS f (status)
        CROSS JOIN LATERAL agents.finish_run(
            %(firm_id)s, r.run_id, 'w', r.attempt_no,
            CASE WHEN t.turn_no > 0 THEN f.status END
        ) AS finished (seal)
    """,
}


@dataclass(frozen=True)
class Plan:
    """What a query did: the partitions that it read, with their rows, and its buffers."""

    rows: dict[str, int]
    buffers: int
    nodes: tuple[dict[str, Any], ...]

    def months(self, *tables: str) -> set[str]:
        """Return the months of which something was read, of these tables, with their names."""
        return {name for name in self.rows if name.rpartition("_p")[0] in tables}


class Ledger:
    """A ledger with so many months, the present one the last, and a run in one of them."""

    def __init__(self, dsn: str, months: int, *, months_ago: int = 0) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET timezone = 'UTC'")
            connection.execute(
                "SELECT FROM agents.ensure_partitions("
                " (date_trunc('month', now()) - make_interval(months => %s - 1))::date, %s)",
                [months, months],
            )
            (self.month, started_at) = connection.execute(
                "SELECT to_char(at, 'YYYYMM'), at"
                " FROM (SELECT date_trunc('month', now()) - make_interval(months => %s)"
                "     + interval '1 minute' AS at) AS run",
                [months_ago],
            ).fetchone() or (None, None)
        self.connection = psycopg.connect(
            dsn, autocommit=True, options=f"-c role=muniment_app -c app.tenant_id={FIRM}"
        )
        self.connection.execute("SELECT FROM agents.open_session(%s, %s)", [FIRM, SESSION])
        # Others are there, too: one run a partition would leave nothing to prune within it.
        for number in range(20):
            at = {} if number else {"started_at": started_at.isoformat()}
            turns = [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "say"}]
            turns = [{**turn, "created_at": at["started_at"]} if at else turn for turn in turns]
            calls = [{"tool_name": "get_matter", "args": "{}", "result": "{}"}] * 3
            recorded = self.connection.execute(
                "SELECT run_id, started_at FROM agents.record_turn(%s, %s, %s, %s, %s)",
                [FIRM, SESSION, Jsonb({"agent_name": "a", **at}), Jsonb(turns), Jsonb(calls)],
            ).fetchone()
            if number == 0:
                assert recorded
                self.day = recorded[1].date()
                self.run = {"firm_id": FIRM, "run_id": recorded[0], "started_at": recorded[1]}

    def explain(self, statement: bytes) -> Plan:
        """Explain a statement as a session does it that has done it before."""
        parameters = {**self.run, "day": self.day, "characters": 80, **EXCHANGE}
        for _ in range(7):
            self.connection.execute(statement, parameters, prepare=True)
        explain = b"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + statement
        for _ in range(2):
            row = self.connection.execute(explain, parameters).fetchone()
        assert row
        root = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
        nodes = tuple(node for node in _nodes(root) if node["Actual Loops"] > 0)
        return Plan(
            {
                node["Relation Name"]: int(node["Actual Rows"])
                for node in nodes
                if "Relation Name" in node
            },
            root["Shared Hit Blocks"] + root["Shared Read Blocks"],
            nodes,
        )

    def explain_as_reader(self, statement: str, *, status: str | None = None) -> Plan:
        """Explain a statement of a reader, if told so while the calls of the run have a status."""
        with self.connection.transaction(force_rollback=True):
            if status is not None:
                self.connection.execute("SET LOCAL ROLE NONE")
                self.connection.execute("SET LOCAL session_replication_role = replica")
                self.connection.execute(
                    "UPDATE agents.tool_call SET status = %s, started_at = NULL, ended_at = NULL,"
                    " result_storage = NULL, result_inline = NULL, result_sha256 = NULL,"
                    " result_bytes = NULL, approval_status = %s WHERE run_id = %s",
                    [
                        status,
                        "not_required" if status == "unknown" else "pending",
                        self.run["run_id"],
                    ],
                )
                # As the planner has it when there are many such calls.
                self.connection.execute("SET LOCAL enable_nestloop = off")
            self.connection.execute("SET LOCAL ROLE muniment_reader")
            return self.explain(statement.encode())


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


@pytest.fixture(scope="module")
def ledgers(server: Cluster) -> Iterator[dict[int, Ledger]]:
    """Give ledgers with few and with many months, and a run in the present one."""
    with (
        server.database(template=server.template(*LEDGER)) as few,
        server.database(template=server.template(*LEDGER)) as many,
    ):
        made = {FEW: Ledger(few, FEW), MANY: Ledger(many, MANY)}
        yield made
        for ledger in made.values():
            ledger.connection.close()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_for_a_run_reads_one_partition(ledgers: dict[int, Ledger], name: str) -> None:
    plans = {months: ledger.explain(query(name)) for months, ledger in ledgers.items()}

    for months, plan in plans.items():
        assert list(plan.rows) == [f"{QUERIES[name]}_p{ledgers[months].month}"]
    assert plans[FEW].buffers == plans[MANY].buffers > 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_for_a_run_reads_as_much_of_few_months_as_of_many(
    ledgers: dict[int, Ledger], name: str
) -> None:
    statement = FUNCTIONS[name].encode()
    few, many = (ledger.explain(statement).buffers for ledger in ledgers.values())

    assert few == many > 0


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_that_is_asked_for_a_day_reads_its_month(
    ledgers: dict[int, Ledger], name: str
) -> None:
    condition, tables = VIEWS[name]
    ledger = ledgers[MANY]

    plan = ledger.explain_as_reader(
        f"SELECT * FROM agents.{name} WHERE firm_id = %(firm_id)s AND {condition}"  # noqa: S608
    )

    assert plan.months(*tables) == {f"{table}_p{ledger.month}" for table in tables}


@pytest.mark.parametrize("name", VIEWS_OF_CALLS)
def test_a_view_of_calls_finds_each_run_in_its_month(old: Ledger, name: str) -> None:
    plan = old.explain_as_reader(
        f"SELECT * FROM agents.{name} WHERE firm_id = %(firm_id)s",  # noqa: S608
        status=VIEWS_OF_CALLS[name],
    )

    assert plan.nodes[0]["Actual Rows"] == 3
    assert plan.months("agent_run") == {f"agent_run_p{old.month}"}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_costs_as_much_with_few_months_as_with_many(
    ledgers: dict[int, Ledger], name: str
) -> None:
    statement = WRITES[name].encode()
    # The least of many, as a full page costs more than another row on it.
    few, many = (
        min(ledger.explain(statement).buffers for _ in range(10)) for ledger in ledgers.values()
    )

    assert few == many > 0


@pytest.fixture(scope="module")
def old(server: Cluster) -> Iterator[Ledger]:
    """Give a ledger with a run in the first of its months."""
    with server.database(template=server.template(*LEDGER)) as dsn:
        ledger = Ledger(dsn, FEW, months_ago=FEW - 1)
        yield ledger
        ledger.connection.close()


def test_an_old_run_is_read_from_its_own_partition(old: Ledger) -> None:
    assert list(old.explain(query("ledger.run")).rows) == [f"agent_run_p{old.month}"]


@pytest.mark.parametrize("name", ["ledger.turns", "ledger.tool_calls"])
def test_months_after_an_old_run_are_asked_by_their_indexes_alone(old: Ledger, name: str) -> None:
    plan = old.explain(query(name))

    own = f"{QUERIES[name]}_p{old.month}"
    assert len(plan.rows) == FEW
    assert {partition for partition, rows in plan.rows.items() if rows} == {own}
    kinds = {node["Node Type"] for node in plan.nodes if "Relation Name" in node}
    assert kinds <= {"Index Scan", "Bitmap Heap Scan"}

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
                self.run = {"firm_id": FIRM, "run_id": recorded[0], "started_at": recorded[1]}

    def explain(self, statement: bytes) -> Plan:
        """Explain a statement as a session does it that has done it before."""
        parameters = {**self.run, "characters": 80, **EXCHANGE}
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

"""A run with rows of all kinds, written by the ledger's own functions, and sealed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from muniment.shelf.body import NewBody, StoredBody, place

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
OTHER_FIRM = UUID("00000000-0000-4000-8000-00000000000b")
LARGE = "all that was said " * 4_000

APP, READER, SERVICE = "muniment_app", "muniment_reader", "muniment_service"


@dataclass(frozen=True)
class SealedRun:
    """The ids of a run with a subagent below it, and of a run beside them."""

    session_id: UUID
    run_id: UUID
    child_run_id: UUID
    other_run_id: UUID


class Ledger:
    """A connection that acts as a role of the ledger, each statement a transaction."""

    def __init__(self, dsn: str, role: str, firm: UUID = FIRM) -> None:
        self.firm = firm
        self.connection = psycopg.connect(
            dsn,
            autocommit=True,
            options=f"-c role={role} -c app.tenant_id={firm}",
            row_factory=namedtuple_row,
        )

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def rows(self, query: str, *values: object) -> list[Any]:
        return self.connection.execute(query.encode(), values).fetchall()

    def call(self, function: str, *values: object, **named: object) -> Any:
        """Call a function of the ledger for the firm, and return its first row."""
        arguments = ["%s"] * (len(values) + 1) + [f"p_{name} => %s" for name in named]
        query = f"SELECT * FROM agents.{function}({', '.join(arguments)})"  # noqa: S608
        return self.rows(query, self.firm, *values, *named.values())[0]


def open_months(dsn: str) -> None:
    """Make the partitions of this month, and of the one before it."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "SELECT agents.ensure_partitions(date_trunc('month', now() - interval '1 month')::date)"
        )


def record(app: Ledger, session_id: UUID, *texts: str, **run: object) -> Any:
    """Record an exchange that was finished at once."""
    turns = [{"role": "user", "content": text} for text in texts]
    return app.call(
        "record_turn",
        session_id,
        json.dumps({"agent_name": "clerk", **run}, default=str),
        json.dumps(turns),
    )


def columns_of(body: StoredBody, name: str) -> dict[str, Any]:
    """Return the columns of a body on the shelf, as the functions take them."""
    return {
        f"{name}_s3_key": body.s3_key,
        f"{name}_sha256": f"\\x{body.sha256.hex()}",
        f"{name}_bytes": body.byte_count,
        f"{name}_preview": body.preview,
    }


def make_sealed_run(dsn: str) -> SealedRun:
    """Make a run with turns, calls, approvals, attempts and a subagent, and seal all of it.

    Bodies are inline, on the shelf (without the objects) and redacted.
    """
    open_months(dsn)
    with Ledger(dsn, APP) as app:
        session_id = app.call(
            "open_session",
            idempotency_key="matter-117",
            subject_type="matter",
            subject_id="2026-117",
            actor_type="user",
            actor_id="u-1",
            channel="web",
            title="Smith v. Jones",
        ).session_id
        run = app.call(
            "start_run",
            "MatterChatAgent",
            idempotency_key="run-1",
            session_id=session_id,
            worker_id="w1",
            agent_version="1",
            prompt_name="matter",
            prompt_version="3",
            subject_type="matter",
            subject_id="2026-117",
            actor_type="user",
            actor_id="u-1",
            provider_name="anthropic",
            request_model="a-model",
            trace_id="0" * 31 + "1",
            span_id="0" * 15 + "1",
            metadata='{"tags": ["urgent"]}',
        )
        held = (run.run_id, "w1", 1)
        app.call("heartbeat", *held)
        child = record(app, session_id, "look it up", parent_run_id=run.run_id)
        other = record(app, session_id, "another question", "once more")

        large = place(NewBody(LARGE, "content", FIRM, run.run_id, run.started_at))[0]
        said = {
            "author_id": "u-1",
            "response_id": "r-1",
            "response_model": "a-model-7",
            "finish_reason": "stop",
            "latency_ms": 10,
            "input_tokens": 30,
            "output_tokens": 20,
            "cache_read_tokens": 10,
            "cache_write_tokens": 5,
            "reasoning_tokens": 5,
            "cost_usd": "0.000000007",
            "metadata": {"tone": "plain"},
        }
        turns = [
            {"role": "user", "content": "What is due?"},
            {"role": "assistant", **said, **columns_of(large, "content")},
            {"role": "user", "content": "My number is 123-45-6789."},
            {"role": "assistant", "content": ""},
            {"role": "assistant"},
        ]
        app.rows(
            "SELECT agents.append_turns(%s, %s, %s, %s, %s, %s)",
            FIRM, session_id, json.dumps(turns), *held,
        )  # fmt: skip
        _make_calls(app, run, child.run_id)
        app.call(
            "finish_run",
            *held,
            "failed",
            finish_reason="stop",
            error_type="boom",
            error_message="it was too much",
            is_error_retryable=False,
            price_ref="2026-11",
            response_model="a-model-7",
            first_token_ms=3,
        )
        # Before any run, and so of none.
        app.call("append_turn", session_id, "user", "Forget that I am Jane Doe.")
        loose = app.rows("SELECT * FROM agents.chat_turn WHERE run_id IS NULL")[0]
        secret = app.rows(
            "SELECT * FROM agents.chat_turn WHERE run_id = %s AND turn_no > %s ORDER BY turn_no",
            run.run_id, other.last_turn_no,
        )[2]  # fmt: skip
        calls = app.rows("SELECT * FROM agents.tool_call WHERE run_id = %s", run.run_id)
    with Ledger(dsn, SERVICE) as service:
        for turn in (secret, loose):
            service.call("redact_turn", turn.turn_id, turn.created_at, "dpo", "art. 17")
        for call in calls:
            for body in ("args", "result"):
                if call.external_ref == f"redact {body}":
                    service.call(
                        "redact_tool_call",
                        call.tool_call_id, call.requested_at, body, "dpo", "art. 17",
                    )  # fmt: skip
    return SealedRun(session_id, run.run_id, child.run_id, other.run_id)


def _make_calls(app: Ledger, run: Any, child_run_id: UUID) -> None:
    held = (run.run_id, "w1", 1)

    def asked(tool: str, args: str | None = None, **named: object) -> Any:
        if args is not None:
            named["args"] = args
        return app.call("request_tool_call", *held, tool, **named)

    def made(call: Any, status: str = "succeeded", **named: object) -> None:
        app.call("begin_tool_call", *held, call.tool_call_id, call.requested_at, call.args_sha256)
        app.call("finish_tool_call", *held, call.tool_call_id, call.requested_at, status, **named)

    def decided(call: Any, decision: str) -> None:
        app.call(
            "decide_approval",
            call.tool_call_id, call.requested_at, decision, "partner", call.args_sha256, "agreed",
        )  # fmt: skip

    inline = asked(
        "get_matter",
        '{"matter_id": "2026-117"}',
        provider_call_id="c-1",
        span_id="0" * 15 + "2",
        turn_id=run.run_id,
    )
    made(inline, result="{}", cost_usd="0.000000001", external_ref="redact args")
    # On the shelf, both ways, and tried twice.
    large_args, large_result = (
        columns_of(place(NewBody(LARGE, kind, FIRM, run.run_id, run.started_at))[0], kind)
        for kind in ("args", "result")
    )
    first = asked("save_draft", idempotency_key="draft", **large_args)
    made(
        first,
        "failed",
        error_type="refused",
        error_message="not now",
        is_error_retryable=True,
    )
    second = asked("save_draft", idempotency_key="draft", **large_args)
    made(second, external_ref="redact result", **large_result)
    approved = asked("send_email", '{"to": ["client"]}')
    decided(approved, "approved")
    made(approved, result="sent", external_ref="m-1", child_run_id=child_run_id)
    decided(asked("send_email", '{"to": ["press"]}'), "denied")

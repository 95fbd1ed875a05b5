"""What cannot be recorded is refused before anything is sent, by the name of its field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from muniment.errors import Conflicted, ConnectFailed, LedgerInputError, PartitionMissing
from muniment.ledger import calls, steps
from muniment.ledger.calls import Call, Scope, uuid7
from muniment.ledger.steps import Execute, Fetch, Pause, Store
from muniment.ledger.values import Run, Usage
from muniment.shelf import INLINE_BYTES, place

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
SESSION = UUID("00000000-0000-4000-8000-0000000000a1")
SCOPE = Scope(FIRM, has_shelf=True)
NOW = datetime.now(UTC)
RUN = Run(uuid7(), NOW, "running", 1, "w")

NOT_ALLOWED: list[tuple[str, str, Any]] = [
    # where, key, value
    ("turn", "role", "robot"),
    ("turn", "role", 3),
    ("turn", "content", 3),
    ("turn", "content_format", "html"),
    ("turn", "status", "redacted"),
    ("turn", "author_id", "a\0b"),
    ("turn", "author_id", "a\ud800b"),
    ("turn", "latency_ms", -1),
    ("turn", "latency_ms", True),
    ("turn", "latency_ms", 2**31),
    ("turn", "cost_usd", 0.1),
    ("turn", "cost_usd", Decimal(-1)),
    ("turn", "cost_usd", Decimal("NaN")),
    ("turn", "cost_usd", Decimal(10**9)),
    ("turn", "turn_id", "not a uuid"),
    ("turn", "created_at", datetime(2026, 6, 1)),
    ("turn", "created_at", NOW + timedelta(days=1)),
    ("turn", "usage", {"input_tokens": 3}),
    ("turn", "metadata", []),
    ("turn", "metadata", {"a": object()}),
    ("turn", "metadata", {"a": float("nan")}),
    ("turn", "metadata", {"a": ["b\0"]}),
    ("turn", "metadata", {"a": "\udc00"}),
    ("turn", "metadata", {"a": "x" * 8_192}),
    ("turn", "run_id", RUN.run_id),
    ("call", "tool_name", "a\0b"),
    ("call", "status", "running"),
    ("call", "idempotency_key", ""),
    ("call", "idempotency_key", "k" * 256),
    ("call", "requested_at", datetime(2026, 6, 1)),
    ("call", "error_message", "é" * 1_025),
    ("call", "is_error_retryable", 1),
    ("call", "span_id", "ABCDEF0123456789"),
    ("call", "decided_by", "somebody"),
    ("run", "agent_name", ""),
    ("run", "agent_name", "n" * 201),
    ("run", "idempotency_key", "k" * 256),
    ("run", "status", "running"),
    ("run", "operation", "dance"),
    ("run", "actor_type", "robot"),
    ("run", "trace_id", "0" * 31),
    ("run", "started_at", NOW + timedelta(days=1)),
    ("run", "worker_id", "w"),
    ("run", "frobnicate", 1),
]


def record(**changes: Any) -> Call[Any]:
    """Make a call that records an exchange in which one value is another."""
    run: Any = {"agent_name": "MatterChatAgent", **changes.get("run", {})}
    turn: Any = {"role": "user", "content": "Hello", **changes.get("turn", {})}
    call: Any = {"tool_name": "get_matter", **changes.get("call", {})}
    return calls.record_turn(SCOPE, SESSION, run, [turn], [call])


PLACES = {"turn": "turns[0].", "call": "tool_calls[0].", "run": "run."}


@pytest.mark.parametrize(
    ("where", "key", "value"),
    NOT_ALLOWED,
    ids=[f"{where}.{key} {number}" for number, (where, key, _) in enumerate(NOT_ALLOWED)],
)
def test_what_cannot_be_recorded_is_refused_by_its_name(where: str, key: str, value: Any) -> None:
    with pytest.raises(LedgerInputError) as refused:
        record(**{where: {key: value}})

    assert refused.value.field == f"{PLACES[where]}{key}"
    assert refused.value.reason
    assert refused.value.sqlstate is None
    assert str(refused.value).startswith(f"{PLACES[where]}{key}: ")


def test_a_value_that_is_none_is_one_that_was_left_out() -> None:
    nothing = dict.fromkeys(["author_id", "usage", "cost_usd", "created_at"])

    call = record(turn={**nothing, "content": None})

    assert json.loads(call.values["turns"]) == [{"role": "user"}]


@pytest.mark.parametrize(
    ("counts", "field"),
    [
        ({"input_tokens": -1}, "usage.input_tokens"),
        ({"input_tokens": True}, "usage.input_tokens"),
        ({"output_tokens": 1.5}, "usage.output_tokens"),
        ({"cache_read_tokens": 1}, "usage.input_tokens"),
        (
            {"input_tokens": 9, "cache_read_tokens": 5, "cache_write_tokens": 5},
            "usage.input_tokens",
        ),
        ({"output_tokens": 9, "reasoning_tokens": 10}, "usage.output_tokens"),
        ({"input_tokens": 2**63}, "usage.input_tokens"),
    ],
)
def test_the_parts_of_a_usage_are_no_more_than_the_whole(
    counts: dict[str, Any], field: str
) -> None:
    with pytest.raises(LedgerInputError) as refused:
        Usage(**counts)

    assert refused.value.field == field


def test_what_is_needed_is_asked_for() -> None:
    for turns, field in (([], "turns"), ([{"content": "a"}], "turns[0].role")):
        with pytest.raises(LedgerInputError) as refused:
            calls.append_turns(SCOPE, SESSION, turns)  # type: ignore[arg-type]
        assert refused.value.field == field
    with pytest.raises(LedgerInputError, match=r"^run\.agent_name: is needed"):
        calls.record_turn(SCOPE, SESSION, {}, [{"role": "user"}])  # type: ignore[typeddict-item]


# Bodies ---------------------------------------------------------------------------


def test_what_does_not_fit_goes_to_the_shelf_before_the_row() -> None:
    large = "x" * (INLINE_BYTES + 1)

    call = record(turn={"content": large}, call={"args": "a\0b", "result": "fine"})

    assert [(body.kind, body.content) for body in call.bodies] == [
        ("content", large),
        ("args", "a\0b"),
    ]
    (turn,) = json.loads(call.values["turns"])
    (tool_call,) = json.loads(call.values["tool_calls"])
    run = json.loads(call.values["run"])
    stored, _ = place(call.bodies[0])
    assert turn["content_s3_key"] == stored.s3_key
    assert turn["content_sha256"] == f"\\x{stored.sha256.hex()}"
    assert turn["content_bytes"] == len(large)
    assert turn["content_preview"] == "x" * 500
    assert "content" not in turn
    assert tool_call["result"] == "fine"
    assert "args" not in tool_call
    assert run["run_id"] in turn["content_s3_key"]


@pytest.mark.parametrize(
    ("scope", "run"), [(Scope(FIRM), RUN), (SCOPE, None)], ids=["no shelf", "no run"]
)
def test_what_does_not_fit_needs_a_shelf_and_a_run(scope: Scope, run: Run | None) -> None:
    with pytest.raises(LedgerInputError) as refused:
        calls.append_turn(scope, SESSION, "user", "a\0b", run=run)

    assert refused.value.field == "turns[0].content"


# Ids and times ---------------------------------------------------------------------


def test_ids_are_of_version_7_and_in_order() -> None:
    made = [uuid7() for _ in range(1_000)]

    assert {(one.version, one.variant) for one in made} == {(7, made[0].variant)}
    assert made[0].variant == "specified in RFC 4122"
    assert len(set(made)) == len(made)
    # To the microsecond or so: two of the same fraction may stand either way.
    assert [one.int >> 64 for one in made] == sorted(one.int >> 64 for one in made)
    milliseconds = made[0].int >> 80
    assert abs(datetime.fromtimestamp(milliseconds / 1000, UTC) - NOW) < timedelta(hours=1)


def test_a_run_is_no_later_than_what_it_did() -> None:
    at = NOW - timedelta(hours=1)

    call = record(call={"requested_at": at})

    assert datetime.fromisoformat(json.loads(call.values["run"])["started_at"]) == at
    assert at in call.times


def test_a_pipeline_makes_what_the_next_call_needs() -> None:
    scope = Scope(FIRM, is_deferred=True)

    run = calls.start_run(scope, "A", worker_id="w").expected
    assert run is not None
    asked = calls.request_tool_call(scope, run, "get_matter").expected
    assert asked is not None

    assert (run.status, run.attempt_no, run.worker_id) == ("running", 1, "w")
    assert asked.requested_at >= run.started_at
    # A key may be known already, with another id: then nothing is certain beforehand.
    assert calls.open_session(scope, idempotency_key="k").expected is None
    assert calls.start_run(scope, "A", idempotency_key="k").expected is None
    assert calls.request_tool_call(scope, run, "t", idempotency_key="k").expected is None
    # Without a pipeline the clock is that of the database.
    assert calls.start_run(SCOPE, "A").values["started_at"] is None


def test_what_may_be_sent_twice() -> None:
    asked = calls.request_tool_call(Scope(FIRM, is_deferred=True), RUN, "t").expected
    assert asked is not None
    twice: dict[str, Call[Any]] = {
        "open_session": calls.open_session(SCOPE),
        "start_run": calls.start_run(SCOPE, "A"),
        "record_turn": record(),
        "heartbeat": calls.heartbeat(SCOPE, RUN),
        "finish_run": calls.finish_run(SCOPE, RUN),
        "finish_tool_call": calls.finish_tool_call(SCOPE, RUN, asked),
        "request_tool_call": calls.request_tool_call(SCOPE, RUN, "t"),
    }
    once: dict[str, Call[Any]] = {
        "append_turn": calls.append_turn(SCOPE, SESSION, "user", "a"),
        "claim_run": calls.claim_run(SCOPE, RUN.run_id, "w"),
        "begin_tool_call": calls.begin_tool_call(SCOPE, RUN, asked),
    }

    assert [name for name, call in twice.items() if not call.is_repeatable] == []
    assert [name for name, call in once.items() if call.is_repeatable] == []


# Trying again ----------------------------------------------------------------------


class Answers:
    """What a ledger does when it is asked for effects: errors first, then an answer."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.effects: list[Any] = []

    def take(self, *asked: Call[Any]) -> Any:
        taking = steps.perform_all(asked)
        effect = next(taking)
        try:
            while True:
                self.effects.append(effect)
                is_sent = isinstance(effect, Execute) and effect.calls == asked
                if is_sent and self.errors:
                    effect = taking.throw(self.errors.pop(0))
                else:
                    effect = taking.send(["answer"] if is_sent else None)
        except StopIteration as end:
            return end.value

    @property
    def kinds(self) -> list[type]:
        return [type(effect) for effect in self.effects]


ROLLED_BACK = Conflicted("doing: deadlock", sqlstate="40P01")
CUT_OFF = ConnectFailed("doing: cut off")


@pytest.mark.parametrize("error", [ROLLED_BACK, CUT_OFF], ids=["rolled back", "cut off"])
def test_what_may_be_tried_again_is_tried_again_so_many_times(error: Exception) -> None:
    call = record()
    answers = Answers(*[error] * 3)
    assert answers.take(call) == ["answer"]
    assert answers.kinds == [Execute, Pause] * 3 + [Execute]
    pauses = [effect.seconds for effect in answers.effects if isinstance(effect, Pause)]
    for pause, least in zip(pauses, steps.PAUSES, strict=True):
        assert least <= pause <= 2 * least

    with pytest.raises(type(error)):
        Answers(*[error] * 4).take(call)


def test_what_may_have_been_committed_is_not_sent_twice() -> None:
    once = calls.append_turn(SCOPE, SESSION, "user", "a")

    answers = Answers(ROLLED_BACK, CUT_OFF)
    with pytest.raises(ConnectFailed):
        answers.take(once)
    assert answers.kinds == [Execute, Pause, Execute]
    with pytest.raises(ConnectFailed):
        Answers(CUT_OFF).take(record(), once)


def test_a_month_is_made_once_and_only_the_month_that_is_missing() -> None:
    at = datetime(2026, 6, 30, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    call = calls.append_turn(SCOPE, SESSION, "user", "a", created_at=at)
    answers = Answers(PartitionMissing("doing: no partition", sqlstate="23514"))

    answers.take(call)

    assert answers.kinds == [Execute, Execute, Execute]
    making = answers.effects[1].calls
    months = [one.values["month"] for one in making[1:]]
    assert months == sorted({datetime(2026, 7, 1).date(), datetime.now(UTC).date().replace(day=1)})
    missing = PartitionMissing("doing: no partition", sqlstate="23514")
    with pytest.raises(PartitionMissing):
        Answers(missing, missing).take(call)


def test_bodies_are_stored_once_however_often_the_row_is_tried() -> None:
    answers = Answers(ROLLED_BACK)

    answers.take(record(turn={"content": "a\0b"}))

    assert answers.kinds == [Store, Execute, Pause, Execute]
    assert Fetch not in answers.kinds

"""What a record becomes in the ledger: which ids, times, status, counts, and what is noted."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from muniment.errors import TranscriptError
from muniment.transcript.record import read_record
from muniment.transcript.rows import Origin, RunRows, Subject, rows_of

FIRM_A = UUID("00000000-0000-4000-8000-00000000000a")
FIRM_B = UUID("00000000-0000-4000-8000-00000000000b")
NOON = datetime(2026, 6, 9, 12, tzinfo=UTC)
ORIGIN = Origin("chats.jsonl", started_at=NOON)

USER = {"role": "user", "content": "hello"}
ASSISTANT = {"role": "assistant", "content": "good day"}


def asks(*call_ids: str) -> dict[str, Any]:
    calls = [{"id": each, "function": {"name": "look_up", "arguments": "{}"}} for each in call_ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answers(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "found"}


def at(message: dict[str, Any], minute: int, month: int = 6) -> dict[str, Any]:
    return {**message, "timestamp": NOON.replace(minute=minute, month=month).isoformat()}


def rows(
    *messages: dict[str, Any],
    firm_id: UUID = FIRM_A,
    occurrence: int = 1,
    origin: Origin = ORIGIN,
    has_shelf: bool = False,
    **members: Any,
) -> RunRows:
    record = read_record(4, {"messages": list(messages), **members})
    return rows_of(
        record, firm_id=firm_id, occurrence=occurrence, origin=origin, has_shelf=has_shelf
    )


def note(run: RunRows) -> dict[str, Any]:
    """Return what was noted about the import of a run."""
    found = run.run["metadata"]["import"]
    assert isinstance(found, dict)
    return found


def minutes(run: RunRows) -> list[int]:
    return [datetime.fromisoformat(turn["created_at"]).minute for turn in run.turns]


def ids(run: RunRows) -> list[str]:
    own = [run.run["run_id"], run.run["session_id"]]
    turns = [turn["turn_id"] for turn in run.turns]
    return own + turns + [call["tool_call_id"] for call in run.tool_calls]


# Identity --------------------------------------------------------------------------------------


def test_the_same_record_of_the_same_firm_has_the_same_ids_for_ever() -> None:
    run = rows(USER, asks("a"), answers("a"))
    assert ids(run) == ids(rows(USER, asks("a"), answers("a"), origin=Origin("b", started_at=NOON)))
    assert len(set(ids(run))) == 6
    assert run.key == f"import:{run.key.split(':')[1]}:1"
    assert run.run["idempotency_key"] == run.key


def test_another_firm_record_or_occurrence_has_other_ids() -> None:
    runs = [rows(USER), rows(USER, firm_id=FIRM_B), rows(ASSISTANT), rows(USER, occurrence=2)]
    found = [each for run in runs for each in ids(run)]
    assert len(found) == len(set(found))


def test_turns_and_calls_are_numbered_from_1_and_point_at_their_run() -> None:
    run = rows(USER, asks("a", "b"), answers("b"), asks("c"))
    assert [turn["turn_no"] for turn in run.turns] == [1, 2, 3, 4]
    assert [call["call_no"] for call in run.tool_calls] == [1, 2, 3]
    assert {row["run_id"] for row in (*run.turns, *run.tool_calls)} == {run.run_id}
    assert {row["run_started_at"] for row in (*run.turns, *run.tool_calls)} == {NOON.isoformat()}
    asked_in = [call["turn_id"] for call in run.tool_calls]
    assert asked_in == [run.turns[index]["turn_id"] for index in (1, 1, 3)]
    assert run.run["turn_count"] == 4
    assert run.tool_names == {"look_up"}


# Status ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "status", "open_calls"),
    [
        ([USER, ASSISTANT], "succeeded", 0),
        ([asks("a"), answers("a"), ASSISTANT], "succeeded", 0),
        ([ASSISTANT, USER], "abandoned", 0),
        ([asks("a"), answers("a")], "abandoned", 0),
        ([USER, asks("a")], "abandoned", 1),
        ([asks("a"), ASSISTANT], "abandoned", 1),
    ],
)
def test_a_run_succeeded_when_the_assistant_had_the_last_word_and_no_call_is_open(
    messages: list[dict[str, Any]], status: str, open_calls: int
) -> None:
    run = rows(*messages)
    assert run.run["status"] == status
    assert note(run)["last_role"] == messages[-1]["role"]
    assert note(run)["open_calls"] == open_calls


def test_a_call_succeeded_when_it_was_answered_and_is_unknown_otherwise() -> None:
    answered, unanswered = rows(asks("a", "b"), answers("a")).tool_calls
    assert (answered["status"], answered["ended_at"]) == ("succeeded", NOON.isoformat())
    assert (unanswered["status"], unanswered["ended_at"]) == ("unknown", None)
    assert answered["result_inline"] == "found"
    assert "result_inline" not in unanswered


# Times -----------------------------------------------------------------------------------------


def test_a_turn_without_a_time_takes_that_of_the_last_turn_that_has_one() -> None:
    run = rows(USER, at(USER, 10), ASSISTANT, at(USER, 5), USER, at(USER, 20))
    assert minutes(run) == [5, 10, 10, 5, 5, 20]
    assert run.run["started_at"] == NOON.replace(minute=5).isoformat()
    assert run.run["ended_at"] == NOON.replace(minute=20).isoformat()
    assert run.run["last_turn_at"] == NOON.replace(minute=20).isoformat()
    assert note(run)["times"] == "record"


def test_a_record_without_times_takes_that_of_the_caller_and_says_so() -> None:
    run = rows(USER, ASSISTANT)
    assert (run.run["started_at"], run.run["ended_at"]) == (NOON.isoformat(),) * 2
    assert minutes(run) == [0, 0]
    assert note(run)["times"] == "started-at"


def test_a_record_with_times_does_not_take_that_of_the_caller() -> None:
    assert rows(at(USER, 10)).run["started_at"] == NOON.replace(minute=10).isoformat()


def test_a_record_without_times_is_refused_when_the_caller_has_none() -> None:
    with pytest.raises(TranscriptError, match="record 4: it tells no time") as caught:
        rows(USER, origin=Origin("chats.jsonl"))
    assert caught.value.hint is not None
    assert "--started-at" in caught.value.hint


def test_an_answer_that_claims_to_be_earlier_than_its_call_is_noted() -> None:
    run = rows(at(asks("a"), 10), at(answers("a"), 5), at(asks("b"), 10), at(answers("b"), 11))
    early, late = run.tool_calls
    assert early["ended_at"] == early["requested_at"] == NOON.replace(minute=10).isoformat()
    assert late["ended_at"] == NOON.replace(minute=11).isoformat()
    assert minutes(run)[1] == 5
    assert note(run)["answered_before_asked"] == [1]


def test_months_are_those_of_the_run_and_of_its_turns_in_utc() -> None:
    run = rows(at(USER, 0, month=6), at(USER, 0, month=8))
    assert run.months == {"202606", "202608"}
    new_year = {**USER, "timestamp": "2026-01-01T00:30:00+01:00"}
    assert rows(new_year).months == {"202512"}


# Counts ----------------------------------------------------------------------------------------


def told(prompt: int | None, completion: int | None) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {**ASSISTANT, "usage": usage}


def test_the_counts_of_a_run_are_the_sum_when_all_of_them_are_told() -> None:
    run = rows(USER, told(10, 1), USER, told(20, None)).run
    assert run["input_tokens"] == 30
    assert not {"output_tokens", "reasoning_tokens"} & run.keys()


def test_the_counts_of_a_run_are_those_of_its_record_when_it_tells_them() -> None:
    run = rows(USER, told(10, 1), usage={"prompt_tokens": 99}).run
    assert run["input_tokens"] == 99
    assert "output_tokens" not in run


def test_counts_that_were_not_told_are_unknown_and_not_0() -> None:
    run = rows(USER, ASSISTANT)
    for row in (run.run, *run.turns):
        assert not [column for column in row if column.endswith("_tokens")]


# What is kept and noted ------------------------------------------------------------------------


def test_a_body_has_its_hash_and_its_length_in_bytes() -> None:
    text = "Grüße 👋"
    turn = rows({**USER, "content": text}).turns[0]
    assert turn["content_storage"] == "inline"
    assert turn["content_inline"] == text
    assert turn["content_bytes"] == len(text.encode())
    assert turn["content_sha256"] == "\\x" + sha256(text.encode()).hexdigest()
    assert rows(USER, asks("a")).byte_count == len("hello") + len("{}")


def test_no_body_has_no_columns() -> None:
    turn = rows({"role": "user", "content": None}).turns[0]
    assert not [name for name in turn if name.startswith("content_") and name != "content_format"]


def test_what_the_caller_knows_fills_what_the_record_does_not_say() -> None:
    origin = Origin("f", "MatterChatAgent", Subject("matter", "7"), NOON, "here", "m-1")
    run = rows(USER, origin=origin).run
    assert (run["agent_name"], run["provider_name"], run["request_model"]) == (
        "MatterChatAgent",
        "here",
        "m-1",
    )
    assert (run["subject_type"], run["subject_id"]) == ("matter", "7")
    said = rows(USER, origin=origin, provider="there", model="m-2").run
    assert (said["provider_name"], said["request_model"]) == ("there", "m-2")
    unknown = rows(USER).run
    assert (unknown["agent_name"], unknown["request_model"]) == ("imported", None)
    assert "subject_type" not in unknown


def test_the_last_answer_gives_the_run_its_model_and_its_finish_reason() -> None:
    first = {**ASSISTANT, "model": "m-1", "finish_reason": "length"}
    run = rows(first, USER, {**ASSISTANT, "model": "m-2"}, USER).run
    assert (run["response_model"], run["finish_reason"]) == ("m-2", None)
    assert rows(USER).run["response_model"] is None


def test_where_a_run_comes_from_is_noted() -> None:
    assert note(rows(USER, ASSISTANT, reward=1.0)) == {
        "file": "chats.jsonl",
        "record": 4,
        "times": "started-at",
        "last_role": "assistant",
        "open_calls": 0,
        "left_out": ("reward",),
    }


def test_what_a_turn_lost_or_had_otherwise_is_noted() -> None:
    run = rows(
        {**USER, "role": "developer", "reasoning": "because"},
        USER,
        answers("nobody"),
        asks("a"),
        answers("a"),
    )
    assert [turn["metadata"] for turn in run.turns] == [
        {"import": {"role": "developer", "left_out": ("reasoning",)}},
        {},
        {"import": {"answers_no_call": True}},
        {},
        {},
    ]


def test_the_author_of_an_answer_is_its_tool() -> None:
    run = rows({**USER, "name": "ada"}, asks("a"), answers("a"), answers("nobody"))
    assert [turn["author_id"] for turn in run.turns] == ["ada", None, "look_up", None]


# Bodies ----------------------------------------------------------------------------------------


def test_a_body_may_have_exactly_as_many_bytes_as_the_register_takes() -> None:
    limit = "ä" * 16_384
    run = rows({"role": "user", "content": limit})
    assert (run.turns[0]["content_inline"], run.shelved) == (limit, ())

    with pytest.raises(TranscriptError) as caught:
        rows({"role": "user", "content": limit + "ä"})
    assert caught.value.reason == (
        "message 1: content is 32,770 bytes; more than 32,768 needs a shelf, and none is configured"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\0b", "holds a NUL character, which PostgreSQL cannot store; it needs a shelf"),
        ("\ud83d", "holds half of a surrogate pair, which PostgreSQL cannot store; it needs a"),
        ("x" * 32_769, "is 32,769 bytes; more than 32,768 needs a shelf"),
    ],
    ids=["nul", "surrogate", "large"],
)
def test_a_body_that_the_register_cannot_take_goes_to_the_shelf_if_there_is_one(
    text: str, reason: str
) -> None:
    call = {"id": "a", "function": {"name": "look_up", "arguments": text}}
    messages = (
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "found"},
    )
    with pytest.raises(TranscriptError, match="call 1: arguments") as caught:
        rows(*messages)
    assert reason in caught.value.reason

    run = rows(*messages, has_shelf=True)
    (body,) = run.shelved
    row = run.tool_calls[0]
    assert (body.content, body.kind, body.firm_id, str(body.run_id)) == (
        text,
        "args",
        FIRM_A,
        run.run_id,
    )
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    assert row["args_s3_key"] == f"agents/{FIRM_A}/202606/{run.run_id}/args/{digest}.json"
    assert (row["args_storage"], row["args_inline"]) == ("s3", None)
    assert row["args_sha256"] == f"\\x{digest}"
    assert "\0" not in row["args_preview"]
    assert "\ud83d" not in row["args_preview"]

"""What a transcript may look like, what is taken from it, and what is refused by which words."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.errors import TranscriptError
from muniment.transcript.reader import TranscriptFileError, open_transcript
from muniment.transcript.record import Message, Record, Usage, parse_time, read_record

HELLO = {"role": "user", "content": "hello"}
RECORD = {"messages": [HELLO]}


def call(call_id: str | None, name: str = "look_up", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asks(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def answers(call_id: str, content: Any = "found") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def record_of(*messages: Any, **members: Any) -> Record:
    return read_record(1, {"messages": list(messages), **members})


def message_of(**members: Any) -> Message:
    return record_of({**HELLO, **members}).messages[0]


def refusal(value: Any) -> str:
    with pytest.raises(TranscriptError) as caught:
        read_record(7, value)
    assert caught.value.record == 7
    return caught.value.reason


def refusal_of(*messages: Any, **members: Any) -> str:
    return refusal({"messages": list(messages), **members})


def written(directory: Path, text: str | bytes, name: str = "chats.json") -> Path:
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path) -> list[Record | TranscriptError]:
    return list(open_transcript(path))


def contents(path: Path) -> list[str | None]:
    """Return the first content of each record; all must be good."""
    found = []
    for record in read(path):
        assert isinstance(record, Record)
        found.append(record.messages[0].content)
    return found


# Files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["messages", "traj", "history", "trajectory"])
def test_a_record_may_hold_its_messages_under_several_names(tmp_path: Path, member: str) -> None:
    assert contents(written(tmp_path, json.dumps([{member: [HELLO]}]))) == ["hello"]


@pytest.mark.parametrize(
    "document",
    [
        [RECORD],
        RECORD,
        [[HELLO]],
        [HELLO],
    ],
    ids=["list of objects", "one object", "list of lists", "one list of messages"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_document_is_records_or_one_record(
    tmp_path: Path, document: Any, indent: int | None
) -> None:
    assert contents(written(tmp_path, json.dumps(document, indent=indent))) == ["hello"]


@pytest.mark.parametrize("name", ["chats.jsonl", "chats.ndjson", "chats.JSONL", "chats.txt"])
def test_json_lines_have_a_record_a_line(tmp_path: Path, name: str) -> None:
    lines = [json.dumps([{**HELLO, "content": text}]) for text in ("one", "two")]
    text = "\n" + "\r\n\n  \n".join(lines) + "\n"
    assert contents(written(tmp_path, text, name)) == ["one", "two"]


def test_a_byte_order_mark_is_not_content(tmp_path: Path) -> None:
    marked = b"\xef\xbb\xbf" + json.dumps([HELLO]).encode()
    assert contents(written(tmp_path, marked)) == ["hello"]
    assert contents(written(tmp_path, marked + b"\n" + marked[3:], "two.jsonl")) == ["hello"] * 2


@pytest.mark.parametrize("text", ["", " \n\n", "[]"])
@pytest.mark.parametrize("name", ["chats.json", "chats.txt"])
def test_nothing_in_the_file_is_no_records(tmp_path: Path, text: str, name: str) -> None:
    assert read(written(tmp_path, text, name)) == []


def test_lines_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps([HELLO]) + "\n", "chats.jsonl")
    transcript = open_transcript(path)
    with path.open("a") as file:
        file.write(json.dumps([HELLO]) + "\n")
    assert len(list(transcript)) == 2


def test_a_file_says_how_many_records_to_expect(tmp_path: Path) -> None:
    assert open_transcript(written(tmp_path, json.dumps([RECORD] * 3))).expected == 3
    lines = f"{json.dumps(RECORD)}\n\n{{\n"
    assert open_transcript(written(tmp_path, lines, "chats.jsonl")).expected == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS gives no file a name like this")
def test_a_file_has_a_name_that_can_be_stored(tmp_path: Path) -> None:
    assert open_transcript(written(tmp_path, "[]", "ch\udce4ts.json")).name == "ch?ts.json"


def test_broken_lines_do_not_stop_the_others(tmp_path: Path) -> None:
    lines = [b'{"messages": [', json.dumps(RECORD).encode(), b'["\xff"]', b'{"a": 1}', b"NaN"]
    first, second, third, fourth, fifth = read(
        written(tmp_path, b"\n\n".join(lines), "chats.jsonl")
    )
    assert isinstance(second, Record)
    assert second.number == 2
    assert [str(bad) for bad in (first, third, fourth, fifth)] == [
        "record 1: not JSON: Expecting value (line 1, column 15)",
        "record 3: not UTF-8: byte 0xff (line 5, column 3)",
        "record 4: no list of messages, neither the record itself nor its messages, traj, history "
        "or trajectory",
        "record 5: not JSON: NaN is no JSON value (line 9, column 1)",
    ]


def test_a_bad_record_of_a_document_does_not_stop_the_others(tmp_path: Path) -> None:
    first, second, third = read(written(tmp_path, json.dumps([3, RECORD, []])))
    assert isinstance(second, Record)
    assert str(first).startswith("record 1: no list of messages")
    assert str(third) == "record 3: no messages in it"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            '{"messages": [{"role": "user", "content": "lost", "content": "kept"}]}',
            'an object in it has the member "content" twice',
        ),
        (
            '{"messages": [], "messages": [{"role": "user", "content": "b"}]}',
            'an object in it has the member "messages" twice',
        ),
        (
            '{"messages": [{"role": "user", "content": "a"}], "x": {"n": 12345678901234567.89}}',
            "the number 12345678901234567.89 in it has more digits than can be kept",
        ),
        (
            '{"messages": [{"role": "user", "content": "a"}], "x": 1e400}',
            "the number 1e400 in it has more digits than can be kept",
        ),
    ],
)
@pytest.mark.parametrize(
    ("name", "form"),
    [("chats.jsonl", "{broken}\n{whole}\n"), ("chats.json", "[{broken}, {whole}]")],
)
def test_what_would_not_come_out_as_it_went_in_is_a_bad_record(
    tmp_path: Path, name: str, form: str, broken: str, reason: str
) -> None:
    text = form.replace("{broken}", broken).replace("{whole}", json.dumps(RECORD))
    first, second = read(written(tmp_path, text, name))
    assert isinstance(first, TranscriptError)
    assert first.reason.endswith(reason)
    assert isinstance(second, Record)


def test_numbers_that_a_float_keeps_go_in(tmp_path: Path) -> None:
    text = '{"messages": [{"role": "user", "content": "a"}], "x": [0.0035475000000000003, 1.50]}'
    (record,) = read(written(tmp_path, text))
    assert isinstance(record, Record)


def test_a_name_as_long_as_a_body_is_refused() -> None:
    assert "more than 1000 characters" in refusal_of({**HELLO, "name": "n" * 1001})


@pytest.mark.parametrize("depth", [100_000])
def test_endless_nesting_is_a_bad_record_and_no_crash(tmp_path: Path, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    path = written(tmp_path, f"{deep}\n{json.dumps(RECORD)}\n", "chats.jsonl")
    first, second = read(path)
    assert str(first).startswith("record 1: ")
    assert isinstance(second, Record)


@pytest.mark.parametrize(
    ("name", "text", "line", "column", "reason"),
    [
        ("a.json", "once upon a time", 1, 1, "not JSON: Expecting value"),
        ("a.json", '[\n  {"messages": ]\n', 2, 16, "not JSON: Expecting value"),
        ("a.json", b'["\xc3\xa4",\n "\xff"]', 2, 3, "not UTF-8: byte 0xff"),
        ("a.json", '{"data": []}', 1, 1, "no list of messages in it"),
        ("a.json", "[1, 2]", 1, 1, "no list of messages in it"),
        ("a.json", '"hello"', 1, 1, "no list of messages in it"),
        ("a.jsonl", "\nonce\nupon a time\n", 2, 1, "not JSON: Expecting value"),
    ],
)
def test_what_is_no_transcript_is_an_error_with_its_place(
    tmp_path: Path, name: str, text: str | bytes, line: int, column: int, reason: str
) -> None:
    path = written(tmp_path, text, name)
    with pytest.raises(TranscriptFileError) as caught:
        open_transcript(path)
    assert (caught.value.path, caught.value.line, caught.value.column) == (str(path), line, column)
    assert caught.value.message == f"{path}:{line}:{column}: {reason}"


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TranscriptFileError, match="cannot be read: No such file"):
        open_transcript(tmp_path / "absent.json")


# Roles and contents ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
    ],
)
def test_roles_have_one_spelling_and_keep_the_given_one(given: str, role: str) -> None:
    message = message_of(role=given)
    assert (message.role, message.given_role) == (role, given)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, (None, "text")),
        ("", ("", "text")),
        ("Grüße 👋", ("Grüße 👋", "text")),
        ([{"type": "text", "text": "one"}], ("one", "text")),
        ([], ("[]", "parts")),
        (
            [{"type": "text", "text": "ä"}, {"type": "text", "text": "b"}],
            ('[{"text":"ä","type":"text"},{"text":"b","type":"text"}]', "parts"),
        ),
        (
            [{"type": "text", "text": "one", "annotations": [1]}],
            ('[{"annotations":[1],"text":"one","type":"text"}]', "parts"),
        ),
        (
            [{"type": "image_url", "image_url": {"url": "https://x.example/1"}}],
            ('[{"image_url":{"url":"https://x.example/1"},"type":"image_url"}]', "parts"),
        ),
    ],
)
def test_content_is_a_text_or_parts_as_canonical_json(content: Any, expected: Any) -> None:
    message = message_of(content=content)
    assert (message.content, message.content_format) == expected


def test_content_may_be_absent() -> None:
    assert record_of({"role": "assistant"}).messages[0].content is None


def test_model_response_finish_and_name_are_taken() -> None:
    message = message_of(
        role="assistant", model="m-1", id="resp-1", finish_reason="stop", name="helper"
    )
    assert message.model == "m-1"
    assert message.response_id == "resp-1"
    assert message.finish_reason == "stop"
    assert message.name == "helper"
    record = record_of(HELLO, model="m-0", provider="p")
    assert (record.model, record.provider) == ("m-0", "p")


def test_what_is_lost_is_named() -> None:
    message = message_of(reasoning_content="I think", refusal=None, audio={}, extra=False)
    assert message.left_out == ("extra", "reasoning_content")
    assert record_of(HELLO, reward=0.5, info={"x": 1}).left_out == ("info", "reward")


# Tool calls ------------------------------------------------------------------------------------


def test_calls_are_numbered_through_the_record_and_meet_their_answers() -> None:
    record = record_of(
        asks(call("a", "first"), call("b", "second")),
        answers("b", "for b"),
        answers("a", [{"type": "text", "text": "for a"}]),
        asks(call("c", "third")),
    )
    found = [
        (each.call_no, each.message_no, each.tool_name, each.answer_no, each.result)
        for each in record.tool_calls
    ]
    assert found == [
        (1, 1, "first", 3, "for a"),
        (2, 1, "second", 2, "for b"),
        (3, 4, "third", None, None),
    ]


def test_an_id_that_repeats_belongs_to_the_first_call_without_an_answer() -> None:
    record = record_of(
        asks(call("same"), call("same")),
        answers("same", "one"),
        answers("same", "two"),
        asks(call("same")),
        answers("same", "three"),
        answers("same", "to nobody"),
    )
    assert [each.result for each in record.tool_calls] == ["one", "two", "three"]


def test_an_answer_before_its_call_answers_nothing() -> None:
    record = record_of(answers("a"), asks(call("a")))
    assert record.tool_calls[0].answer_no is None


def test_an_empty_answer_is_an_answer() -> None:
    record = record_of(asks(call("a")), answers("a", None))
    assert (record.tool_calls[0].answer_no, record.tool_calls[0].result) == (2, None)


def test_the_older_function_call_is_answered_by_name() -> None:
    record = record_of(
        {"role": "assistant", "function_call": {"name": "one", "arguments": "{}"}},
        {"role": "assistant", "function_call": {"name": "two", "arguments": "{}"}},
        {"role": "function", "name": "two", "content": "2"},
    )
    first, second = record.tool_calls
    assert (first.call_id, first.answer_no) == (None, None)
    assert (second.tool_name, second.result) == ("two", "2")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('{"b": 1,  "a": 2}', '{"b": 1,  "a": 2}'),
        ("not even JSON", "not even JSON"),
        ("", ""),
        ({"b": 1, "a": "ä"}, '{"a":"ä","b":1}'),
        ([], "[]"),
        (None, None),
    ],
)
def test_arguments_are_kept_byte_for_byte_when_they_are_a_string(given: Any, kept: Any) -> None:
    assert record_of(asks(call("a", arguments=given))).tool_calls[0].arguments == kept


@pytest.mark.parametrize("absent", [None, []])
def test_a_message_may_say_that_it_calls_nothing(absent: Any) -> None:
    assert message_of(tool_calls=absent, function_call=None).content == "hello"


# Usage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ({}, Usage()),
        ({"prompt_tokens": 10, "completion_tokens": 0}, Usage(10, 0)),
        ({"input_tokens": 10.0, "output_tokens": 5, "total_tokens": 15}, Usage(10, 5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 5, cache_read_tokens=4, reasoning_tokens=3),
        ),
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(10, 5, cache_read_tokens=4, reasoning_tokens=3),
        ),
        # Anthropic counts the cache beside the input, OpenTelemetry inside of it.
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 7,
            },
            Usage(117, 5, cache_read_tokens=100, cache_write_tokens=7),
        ),
        # LiteLLM has it inside already.
        (
            {"prompt_tokens": 110, "completion_tokens": 5, "cache_read_input_tokens": 100},
            Usage(110, 5, cache_read_tokens=100),
        ),
    ],
)
def test_counts_are_taken_under_one_rule_and_absent_ones_stay_unknown(
    usage: Any, expected: Usage
) -> None:
    assert message_of(usage=usage).usage == expected
    assert record_of(HELLO, usage=usage).usage == expected


# Times -----------------------------------------------------------------------------------------

NOON = datetime(2026, 6, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize("member", ["timestamp", "created_at", "created"])
@pytest.mark.parametrize(
    "value",
    [
        "2026-06-09T12:00:00Z",
        "2026-06-09 14:00:00+02:00",
        NOON.timestamp(),
        int(NOON.timestamp()),
        int(NOON.timestamp()) * 1000,
        NOON.timestamp() * 1000,
    ],
)
def test_times_are_iso_or_unix_and_become_utc(member: str, value: Any) -> None:
    at = message_of(**{member: value}).at
    assert at == NOON
    assert at is not None
    assert at.utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize("member", ["started_at", "start_time", "timestamp", "created_at"])
def test_a_record_may_have_a_time_of_its_own(member: str) -> None:
    record = record_of(HELLO, **{member: "2026-06-09T12:00:00Z"})
    assert (record.started_at, record.ended_at) == (NOON, NOON)


def test_a_record_lasts_from_its_earliest_to_its_latest_time() -> None:
    times = ["2026-06-09T12:30:00Z", "2026-06-09T12:00:00Z", "2026-06-09T12:45:00Z", None]
    record = record_of(*({**HELLO, "timestamp": at} for at in times))
    assert record.started_at == NOON
    assert record.ended_at == NOON.replace(minute=45)
    assert record_of(HELLO).started_at is None


def test_a_time_without_an_offset_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="has no offset from UTC"):
        parse_time("2026-06-09T12:00:00")
    with pytest.raises(ValueError, match="is no ISO 8601 time"):
        parse_time("yesterday")


# Identity --------------------------------------------------------------------------------------


def test_the_digest_is_of_what_a_record_says() -> None:
    one = read_record(1, json.loads('{"messages": [{"role": "user", "content": "\\u00e4"}]}'))
    same = read_record(9, json.loads('{"messages":[{"content":"ä","role":"user"}]}'))
    other = read_record(1, {"messages": [{"role": "user", "content": "a"}]})
    assert one.digest == same.digest
    assert one.digest != other.digest


# Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("hi", "message 2: a string, not an object"),
        (
            {"role": "critic"},
            'message 2: role "critic" is none of system, developer, user, assistant, tool, '
            "function",
        ),
        ({"content": "x"}, "message 2: role null is none of"),
        ({**HELLO, "content": 5}, "message 2: content is a number, not a string"),
        ({**HELLO, "content": {"type": "text"}}, "message 2: content is an object, not"),
        ({**HELLO, "model": True}, "message 2: model is a boolean, not a string"),
        ({**HELLO, "name": "\0"}, "message 2: name holds a NUL character"),
        ({**HELLO, "\0": 1}, "message 2: the name of a member holds a NUL character"),
        ({**HELLO, "tool_calls": {}}, None),
        ({**HELLO, "tool_calls": "x"}, "message 2: tool_calls is a string, not a list"),
        ({**HELLO, "tool_calls": [1]}, "message 2: tool call 1: a number, not an object"),
        (
            {**HELLO, "tool_calls": [{"type": "custom"}]},
            'message 2: tool call 1: type "custom" is not function',
        ),
        (
            {**HELLO, "tool_calls": [{"id": "a"}]},
            "message 2: tool call 1: function is null, not an object",
        ),
        (
            asks(call("a"), call("b", name="look up")),
            'message 2: tool call 2: function: "look up" cannot be the name of a tool',
        ),
        (
            {**HELLO, "function_call": {"name": None}},
            "message 2: function_call: null cannot be the name of a tool",
        ),
        ({**HELLO, "usage": []}, "message 2: usage is a list, not an object"),
        ({**HELLO, "usage": {"prompt_tokens": -1}}, "message 2: usage: prompt_tokens -1 is no"),
        ({**HELLO, "usage": {"prompt_tokens": "9"}}, 'message 2: usage: prompt_tokens "9" is no'),
        ({**HELLO, "usage": {"prompt_tokens": True}}, "message 2: usage: prompt_tokens true is"),
        ({**HELLO, "usage": {"output_tokens": 2**63}}, "message 2: usage: output_tokens 92233"),
        (
            {**HELLO, "usage": {"prompt_tokens_details": 3}},
            "message 2: usage: prompt_tokens_details is a number, not an object",
        ),
        (
            {**HELLO, "usage": {"prompt_tokens": 1, "cache_read_input_tokens": 2}},
            "message 2: usage: 2 cached of 1 input tokens",
        ),
        (
            {**HELLO, "usage": {"completion_tokens_details": {"reasoning_tokens": 2}}},
            "message 2: usage: 2 reasoning of an untold number of output tokens",
        ),
        (
            {**HELLO, "timestamp": "2026-06-09T12:00:00"},
            'message 2: timestamp "2026-06-09T12:00:00" has no offset from UTC',
        ),
        ({**HELLO, "created": "soon"}, 'message 2: created "soon" is no ISO 8601 time'),
        ({**HELLO, "created": []}, "message 2: created is a list, not a time"),
        ({**HELLO, "created": False}, "message 2: created is a boolean, not a time"),
        ({**HELLO, "created": -5}, "message 2: created -5 is no Unix time"),
        ({**HELLO, "created": 1e300}, "message 2: created 1e+300 is no Unix time"),
        ({**HELLO, "created": 0}, "message 2: created 0 is in the year 1970, when nothing can"),
        ({**HELLO, "timestamp": 12.5}, "message 2: timestamp 12.5 is in the year 1970"),
        (
            {**HELLO, "created_at": "0001-01-01T00:00:00Z"},
            'message 2: created_at "0001-01-01T00:00:00Z" is in the year 1, when nothing can have',
        ),
        (
            {**HELLO, "created_at": "9999-12-31T23:59:59Z"},
            'message 2: created_at "9999-12-31T23:59:59Z" is in the year 9999',
        ),
        ({**HELLO, "content": [float("inf")]}, "a number in it is too large"),
    ],
)
def test_a_message_that_cannot_be_kept_refuses_its_record_by_name(
    message: Any, reason: str | None
) -> None:
    if reason is None:
        assert read_record(7, [HELLO, message])
    else:
        assert refusal_of(HELLO, message).startswith(reason)


def test_a_record_is_refused_for_its_own_members_too() -> None:
    assert refusal_of(HELLO, model=3) == "model is a number, not a string"
    assert refusal_of(HELLO, usage=3) == "usage is a number, not an object"
    assert refusal_of(HELLO, started_at="June").startswith('started_at "June" is no ISO')
    assert refusal([]) == "no messages in it"
    assert refusal(None).startswith("no list of messages")


@pytest.mark.parametrize("text", ["a\0b", "\ud83d", "x" * 100_000])
def test_a_body_may_be_any_text(text: str) -> None:
    assert message_of(content=text).content == text
    parts = message_of(content=[{"type": "text", "text": text}, {}]).content
    assert parts is not None
    assert json.loads(parts)[0]["text"] == text
    record = read_record(1, [asks(call("a", arguments=text))])
    assert record.tool_calls[0].arguments == text


def test_a_message_about_a_refusal_is_short_and_acts_on_no_terminal() -> None:
    reason = refusal_of({"role": "\x1b[31m" + "x" * 1000})
    assert "\x1b" not in reason
    assert len(reason) < 200

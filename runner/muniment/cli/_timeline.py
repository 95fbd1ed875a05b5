"""How a run is shown to a person: lines of text in which nothing can act on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from muniment.cli._visible import visible
from muniment.transcript.ledger_reader import (
    Body,
    RunDetail,
    RunTimeline,
    ToolCallDetail,
    TurnDetail,
)

__all__ = ["labelled", "shown", "timeline_lines"]

# As much of a text as fits into a few lines of a timeline.
EXCERPT = 200


def timeline_lines(timeline: RunTimeline, *, full: bool) -> Iterator[str]:
    """Yield the lines of a run: what is known of it, then each turn with the calls it asked for.

    Args:
        timeline: The run.
        full: Show whole texts, as far as the timeline has them.
    """
    yield from _run_lines(timeline.run)
    calls: dict[UUID | None, list[ToolCallDetail]] = {}
    for call in timeline.tool_calls:
        calls.setdefault(call.turn_id, []).append(call)
    for turn in timeline.turns:
        yield ""
        yield from _turn_lines(turn, full)
        for call in calls.pop(turn.turn_id, ()):
            yield from _call_lines(call, full)
    if calls:
        yield ""
        yield "calls of no turn that is here"
        for call in (call for left in calls.values() for call in left):
            yield from _call_lines(call, full)


def _run_lines(run: RunDetail) -> Iterator[str]:
    facts = {
        "run": run.run_id,
        "status": run.status,
        "agent": " ".join(filter(None, (run.agent_name, run.agent_version))),
        "subject": labelled(run.subject_type, run.subject_id),
        "asked by": labelled(run.actor_type, run.actor_id),
        "model": " ".join(filter(None, (run.provider_name, run.request_model))) or None,
        "started": run.started_at,
        "ended": run.ended_at,
        "tokens": _tokens(run),
        "cost": run.cost_usd,
    }
    origin = run.metadata.get("import")
    if isinstance(origin, dict):
        facts["imported"] = (
            f"{origin.get('file')}, record {origin.get('record')}, "
            f"times from the {'record' if origin.get('times') == 'record' else 'importer'}"
        )
    if run.error_type is not None:
        facts["error"] = ": ".join(filter(None, (run.error_type, run.error_message)))
    for name, value in facts.items():
        yield f"{name:<9} {visible(shown(value))}"


def _turn_lines(turn: TurnDetail, full: bool) -> Iterator[str]:
    said = [f"{turn.turn_no:>3}", shown(turn.created_at), turn.role]
    if turn.author_id is not None:
        said.append(visible(turn.author_id))
    if turn.status != "complete":
        said.append(turn.status)
    if turn.role == "assistant":
        said.append(f"tokens {_tokens(turn)}, cost {shown(turn.cost_usd)}")
    yield "  ".join(said)
    if turn.content is not None:
        yield from _body_lines("     ", turn.content, full)


def _call_lines(call: ToolCallDetail, full: bool) -> Iterator[str]:
    attempt = f" attempt {call.attempt_no}" if call.attempt_no > 1 else ""
    said = [f"call {call.call_no}{attempt}", call.tool_name, call.status]
    # An import without times of its own has one instant for everything: no duration is known.
    if call.ended_at is not None and call.ended_at != call.requested_at:
        said.append(f"{(call.ended_at - call.requested_at).total_seconds():.3f} s")
    if call.cost_usd is not None:
        said.append(shown(call.cost_usd))
    if call.error_type is not None:
        said.append(visible(": ".join(filter(None, (call.error_type, call.error_message)))))
    yield f"     {'  '.join(said)}"
    for name, body in (("args", call.args), ("result", call.result)):
        if body is not None:
            yield from _body_lines(f"       {name:<7}", body, full)


def _body_lines(prefix: str, body: Body, full: bool) -> Iterator[str]:
    """Yield a text behind a prefix: one line of how it begins, or all of its lines."""
    if full and body.is_whole:
        indent = " " * len(prefix)
        for number, line in enumerate((body.text or "").split("\n")):
            yield f"{indent if number else prefix}{visible(line)}"
        return
    text = " ".join((body.text or "").split())
    excerpt = text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()} ..."
    if body.s3_key is not None:
        excerpt = f"{excerpt} (on the shelf: {body.s3_key})".lstrip()
    if body.problem is not None:
        excerpt = f"{excerpt} (not fetched: {body.problem})"
    is_cut = len(text) > EXCERPT or not body.is_whole
    yield f"{prefix}{visible(excerpt)}{f' ({body.bytes:,} bytes)' if is_cut else ''}"


def _tokens(counted: RunDetail | TurnDetail) -> str:
    """Say the counts; one that was not told is a dash, never 0, and a part not told is left out."""
    into = _with_parts(
        counted.input_tokens,
        {"from cache": counted.cache_read_tokens, "to cache": counted.cache_write_tokens},
    )
    out_of = _with_parts(counted.output_tokens, {"reasoning": counted.reasoning_tokens})
    return f"in {into}, out {out_of}"


def _with_parts(whole: int | None, parts: Mapping[str, int | None]) -> str:
    told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count is not None)
    return f"{shown(whole)} ({told})" if told else shown(whole)


def labelled(kind: str | None, which: str | None) -> str:
    """Show a type and an id as they are given on the command line."""
    return "-" if kind is None else f"{kind}:{which}"


def shown(value: object) -> str:
    """Show a value to a person; None is a dash."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, Decimal):
        return f"${value.normalize():f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)

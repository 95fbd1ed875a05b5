"""Spans of agents, made into rows of the ledger.

:class:`LedgerSpanExporter` takes what any instrumentation reports by OpenTelemetry's semantic
conventions for generative AI (https://github.com/open-telemetry/semantic-conventions-genai).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, StatusCode, format_span_id, format_trace_id

from muniment.errors import ConnectFailed, LedgerInputError, MunimentError
from muniment.integrations._observed import (
    LOGGER,
    Recorder,
    Step,
    error_text,
    new_turns,
    text_of,
    usage_of,
)
from muniment.ledger import Ledger, TurnInput, Usage, uuid7

__all__ = ["LedgerSpanExporter"]

AGENTS = {"invoke_agent", "invoke_workflow"}
MODELS = {"chat", "generate_content", "text_completion"}
TOOLS = {"execute_tool"}


class LedgerSpanExporter(SpanExporter):
    """Records traces of agents: ``BatchSpanProcessor(LedgerSpanExporter(ledger))``.

    An ``invoke_agent`` or ``invoke_workflow`` span becomes one run: the spans of models below it
    (``chat``, ``generate_content``, ``text_completion``) become its turns, with their tokens, and
    ``execute_tool`` spans its tool calls; an agent's span below another's becomes a run below that.
    Messages, arguments and results are recorded where the instrumentation is told to report them.
    Other spans are not recorded. The conversation is ``gen_ai.conversation.id``: that of a session
    of the ledger, or any other text; without it each trace is one.

    A span ends, and may be exported, before the span that it is part of. So all is recorded
    together, when the outermost span of this process is exported. What has not come to that is
    recorded by :meth:`force_flush` and :meth:`shutdown`.

    Exporting the same spans again records nothing twice: an agent's span is known by its trace and
    span id. What cannot be recorded for its own sake is logged, and left out alone: the answer is
    SUCCESS, because another try would not help. When the ledger cannot be reached, the answer is
    FAILURE, and the spans are kept and tried again with the next export.

    Args:
        ledger: Where to. It must be open until :meth:`shutdown`.
        spans_at_most: So many spans are kept until they can be recorded; then the oldest traces are
            lost, and logged.
    """

    def __init__(self, ledger: Ledger, *, spans_at_most: int = 10_000) -> None:
        self._recorder = Recorder(ledger, "otel", strict=False)
        self._spans_at_most = spans_at_most
        # By trace and by span, and the outermost ones among them.
        self._steps: dict[str, dict[str, Step]] = {}
        self._outermost: list[tuple[str, str | None]] = []
        self._conversations: dict[str, str] = {}
        self._is_shut_down = False
        self._lock = Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep spans, and record what is over."""
        with self._lock:
            if self._is_shut_down:
                return SpanExportResult.FAILURE
            for span in spans:
                try:
                    self._keep(span)
                except (LedgerInputError, TypeError, ValueError) as error:
                    LOGGER.error("otel %s: left out: %s", span.name, error)
            is_done = self._record_all(self._outermost)
            self._forget()
        return SpanExportResult.SUCCESS if is_done else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Record all that was exported, and tell whether it is recorded.

        Args:
            timeout_millis: Not used: the ledger has its own limits of time.
        """
        with self._lock:
            is_done = self._record_all(self._outermost)
            return is_done and self._record_all([(trace, None) for trace in self._steps])

    def shutdown(self) -> None:
        """Record all that was exported, and take no more."""
        self.force_flush()
        self._is_shut_down = True

    def _keep(self, span: ReadableSpan) -> None:
        step = _step(span)
        trace = format_trace_id(_context(span).trace_id)
        self._steps.setdefault(trace, {})[step.key] = step
        if span.parent is None or span.parent.is_remote:
            self._outermost.append((trace, step.key))
        conversation = (span.attributes or {}).get("gen_ai.conversation.id")
        if conversation:
            self._conversations.setdefault(trace, str(conversation))

    def _record_all(self, what: Sequence[tuple[str, str | None]]) -> bool:
        """Record what is below each span, or all of a trace, and tell whether that is done."""
        is_done = True
        for trace, outermost in list(what):
            try:
                self._record(trace, outermost)
            except MunimentError as error:
                LOGGER.error("otel %s: not recorded yet: %s", trace, error.message)
                is_done = False
                if isinstance(error, ConnectFailed):
                    break
        return is_done

    def _record(self, trace: str, outermost: str | None) -> None:
        kept = self._steps.get(trace, {})
        steps = list(kept.values()) if outermost is None else _below(kept, outermost)
        self._recorder.record(self._conversations.get(trace, trace), steps)
        for step in steps:
            del kept[step.key]
        if not kept:
            self._steps.pop(trace, None)
            self._conversations.pop(trace, None)
        self._outermost = [one for one in self._outermost if one != (trace, outermost)]

    def _forget(self) -> None:
        """Make room."""
        while sum(map(len, self._steps.values())) > self._spans_at_most:
            trace = next(iter(self._steps))
            LOGGER.error("otel %s: lost: too many spans wait", trace)
            del self._steps[trace]
            self._conversations.pop(trace, None)
            self._outermost = [one for one in self._outermost if one[0] != trace]


def _below(kept: Mapping[str, Step], outermost: str) -> list[Step]:
    """Return a step, and all that happened within it."""
    children: dict[str | None, list[Step]] = {}
    for step in kept.values():
        children.setdefault(step.parent_key, []).append(step)
    found = [kept[outermost]] if outermost in kept else []
    for step in found:
        found += children.pop(step.key, [])
    return found


# Spans as steps ------------------------------------------------------------------


def _step(span: ReadableSpan) -> Step:
    """Return what a span says; of an unknown one only its place.

    Raises:
        LedgerInputError: It lacks what it must have.
    """
    context = _context(span)
    attributes: Mapping[str, Any] = span.attributes or {}
    trace = format_trace_id(context.trace_id)
    parent = span.parent
    step = Step(
        key=f"{trace}:{format_span_id(context.span_id)}",
        parent_key=f"{trace}:{format_span_id(parent.span_id)}" if parent is not None else None,
        started_at=_time(span.start_time),
        ended_at=_time(span.end_time),
    )
    operation = attributes.get("gen_ai.operation.name")
    if operation in AGENTS:
        _add_agent(step, span, attributes, str(operation))
    elif operation in MODELS:
        _add_model_call(step, span, attributes)
    elif operation in TOOLS:
        _add_tool_call(step, span, attributes)
    return step


def _add_agent(
    step: Step, span: ReadableSpan, attributes: Mapping[str, Any], operation: str
) -> None:
    context = _context(span)
    name = attributes.get("gen_ai.agent.name") or attributes.get("gen_ai.workflow.name")
    run: Any = {
        "agent_name": str(name or span.name.removeprefix(f"{operation} ") or operation)[:200],
        "agent_version": attributes.get("gen_ai.agent.version"),
        "prompt_name": attributes.get("gen_ai.prompt.name"),
        "operation": operation,
        "usage": _usage(attributes),
        "trace_id": format_trace_id(context.trace_id),
        "span_id": format_span_id(context.span_id),
        **_facts(attributes),
        **_failure(span, attributes),
    }
    step.run = {name: value for name, value in run.items() if value is not None}  # type: ignore[assignment]
    if step.run is not None and "gen_ai.output.messages" in attributes:
        step.turns = _turns(step, span, attributes)


def _add_model_call(step: Step, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
    step.turns = _turns(step, span, attributes)
    step.facts = _facts(attributes)
    step.turns[-1]["usage"] = _usage(attributes)


def _turns(step: Step, span: ReadableSpan, attributes: Mapping[str, Any]) -> list[TurnInput]:
    """Return what was asked and what was answered, and note which tool calls that asked for."""
    asked = _messages(attributes, "gen_ai.input.messages")
    answered = _messages(attributes, "gen_ai.output.messages")
    answer: TurnInput = {
        "turn_id": uuid7(),
        "role": "assistant",
        "response_id": attributes.get("gen_ai.response.id"),
        "latency_ms": int((step.ended_at - step.started_at).total_seconds() * 1000),
        "status": "error" if _failure(span, attributes) else "complete",
    }
    facts = _facts(attributes)
    answer["response_model"] = facts["response_model"]
    answer["finish_reason"] = facts["finish_reason"]
    if answered:
        answer["content"] = text_of(answered)
        answer["content_format"] = "parts"
    step.asked = [
        str(part.get("id"))
        for message in answered
        for part in message.get("parts", ())
        if isinstance(part, Mapping) and part.get("type") == "tool_call"
    ]
    return [*new_turns(asked), answer]


def _add_tool_call(step: Step, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
    if not attributes.get("gen_ai.tool.name"):
        raise LedgerInputError("gen_ai.tool.name", "is missing")
    args = attributes.get("gen_ai.tool.call.arguments")
    result = attributes.get("gen_ai.tool.call.result")
    call: Any = {
        "tool_name": str(attributes["gen_ai.tool.name"]),
        "provider_call_id": attributes.get("gen_ai.tool.call.id"),
        "args": None if args is None else text_of(_plain(args)),
        "result": None if result is None else text_of(_plain(result)),
        "span_id": format_span_id(_context(span).span_id),
        **_failure(span, attributes),
    }
    step.call = call


def _facts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a span says about its model, by the ledger's names."""
    reasons = attributes.get("gen_ai.response.finish_reasons") or ()
    return {
        "provider_name": attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system"),
        "request_model": attributes.get("gen_ai.request.model"),
        "response_model": attributes.get("gen_ai.response.model"),
        "finish_reason": reasons if isinstance(reasons, str) else (*reasons, None)[-2:][0],
    }


def _usage(attributes: Mapping[str, Any]) -> Usage | None:
    names = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read_tokens": "cache_read.input_tokens",
        "cache_write_tokens": "cache_creation.input_tokens",
        "reasoning_tokens": "reasoning.output_tokens",
    }
    return usage_of(
        {ours: attributes.get(f"gen_ai.usage.{theirs}") for ours, theirs in names.items()}
    )


def _failure(span: ReadableSpan, attributes: Mapping[str, Any]) -> dict[str, Any]:
    if span.status.status_code is not StatusCode.ERROR and "error.type" not in attributes:
        return {}
    return {
        "status": "failed",
        "error_type": str(attributes.get("error.type") or "error"),
        "error_message": error_text(span.status.description or ""),
    }


def _messages(attributes: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return messages, which are JSON in a text where attributes can be nothing else.

    A message of one part that is text is given as that text.
    """
    given = _plain(attributes.get(name))
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            LOGGER.error("otel: left out: %s is no JSON", name)
            return []
    messages = [message for message in given or () if isinstance(message, dict)]
    for message in messages:
        parts = message.get("parts")
        if name == "gen_ai.input.messages" and isinstance(parts, list) and len(parts) == 1:
            part = parts[0]
            if isinstance(part, dict) and part.get("type") == "text":
                message["content"] = part.get("content")
    return messages


def _plain(value: Any) -> Any:
    """Return an attribute as JSON has it: the SDK makes tuples and mapping proxies of it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(part) for part in value]
    return value


def _context(span: ReadableSpan) -> SpanContext:
    context: SpanContext | None = span.context
    if context is None:
        raise LedgerInputError("context", "is missing")
    return context


def _time(nanoseconds: int | None) -> datetime:
    if nanoseconds is None:
        raise LedgerInputError("time", "is missing")
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)

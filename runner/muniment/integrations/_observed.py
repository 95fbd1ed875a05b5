"""What somebody saw of an agent's work, made into runs of the ledger."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from muniment.errors import (
    AccessDenied,
    ConstraintViolated,
    IdempotencyConflict,
    LedgerInputError,
    MunimentError,
    PartitionMissing,
    RuleError,
    StoreError,
    ToolUnknown,
)
from muniment.ledger import Ledger, RunInput, ToolCallInput, TurnInput, Usage
from muniment.ledger.calls import Call
from muniment.ledger.checks import CALL, TURN, Check, checked, error_text
from muniment.ledger.steps import perform, perform_all
from muniment.queries import query
from muniment.shelf import fits_inline
from muniment.transcript.record import TOOL_NAME

__all__ = [
    "LOGGER",
    "Recorder",
    "Step",
    "error_text",
    "json_of",
    "new_turns",
    "text_of",
    "usage_of",
]

LOGGER = logging.getLogger("muniment.integrations")

# How many parts that could not be recorded a run names, and how long each may be.
NOTES_AT_MOST = 20
NOTE_LENGTH = 200

ACT_AS_SERVICE = "integrations.act_as_service"


@dataclass(slots=True)
class Step:
    """Something an agent did, with a beginning and an end.

    Attributes:
        key: What the framework calls it.
        parent_key: Within what it happened. None, or one that is not there: within nothing.
        started_at: When it began.
        ended_at: When it was over.
        run: If it is the work of an agent: what is known about that.
        turns: If it is a call of a model: what was asked and, last, what was answered. If it is the
            work of an agent: what is to be recorded if no call of a model was seen in it.
        facts: What a call of a model says about the run that made it.
        asked: If it is a call of a model: the ids of the tool calls that it asked for.
        call: If it is a call of a tool.
    """

    key: str
    parent_key: str | None
    started_at: datetime
    ended_at: datetime
    run: RunInput | None = None
    turns: list[TurnInput] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)
    asked: Sequence[str] = ()
    call: ToolCallInput | None = None


@dataclass(slots=True)
class ObservedRun:
    """The work of one agent: what happened within it, and not within another agent's.

    Attributes:
        step: The agent's.
        run: What is known about it: keys of a RunInput.
        parent: Within whose work it happened.
        turns: In the order of their model calls.
        tool_calls: In the order of their beginnings.
        asked_in: The turn in which a tool call was asked for, by the id that the model gave it.
    """

    step: Step
    run: dict[str, Any]
    parent: ObservedRun | None = None
    turns: list[TurnInput] = field(default_factory=list)
    tool_calls: list[ToolCallInput] = field(default_factory=list)
    asked_in: dict[str, UUID] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """How many agents this one worked for, directly or not."""
        return 0 if self.parent is None else self.parent.depth + 1


def observed_runs(steps: Iterable[Step]) -> list[ObservedRun]:
    """Return what agents did, each before those that worked for it.

    Steps outside of any agent's work are left out.
    """
    ordered = sorted(steps, key=lambda step: step.started_at)
    by_key = {step.key: step for step in ordered}
    runs = {step.key: ObservedRun(step, {}) for step in ordered if step.run is not None}

    def owner(step: Step) -> ObservedRun | None:
        above, seen = by_key.get(step.parent_key or ""), {step.key}
        while above is not None and above.key not in seen:
            if above.key in runs:
                return runs[above.key]
            seen.add(above.key)
            above = by_key.get(above.parent_key or "")
        return None

    for run in runs.values():
        run.parent = owner(run.step)
    by_depth = sorted(runs.values(), key=lambda run: run.depth)
    for run in by_depth:
        # No run is from before the one that it works for, whatever the clocks say.
        if run.parent is not None:
            run.step.started_at = max(run.step.started_at, run.parent.step.started_at)
    for step in ordered:
        found = owner(step)
        if found is None or step.run is not None:
            continue
        _add(step, found)
    for run in by_depth:
        if not run.turns:
            run.run |= _known(run.step.facts)
            run.turns = run.step.turns or [{"role": "assistant"}]
        # What the agent's step says itself is known better; but tokens are counted by the turns.
        run.run |= run.step.run or {}
        if any(turn.get("usage") for turn in run.turns):
            run.run.pop("usage", None)
    return by_depth


def _add(step: Step, run: ObservedRun) -> None:
    """Give a run what happened in it. No part of it is from before it, whatever the clocks say."""
    started_at = max(step.started_at, run.step.started_at)
    ended_at = max(step.ended_at, started_at)
    for place, turn in enumerate(step.turns, 1):
        is_answer = place == len(step.turns)
        run.turns.append({"created_at": ended_at if is_answer else started_at, **turn})
    # The last model call says how it ended.
    run.run |= _known(step.facts)
    run.asked_in |= dict.fromkeys(step.asked, run.turns[-1]["turn_id"]) if step.asked else {}
    if step.call is not None:
        run.tool_calls.append(
            {
                "requested_at": started_at,
                "started_at": started_at,
                "ended_at": ended_at,
                "turn_id": run.asked_in.get(step.call.get("provider_call_id") or ""),
                **step.call,
            }
        )


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact is not None}


class Recorder:
    """Writes what was observed.

    Args:
        ledger: Where to.
        source: What the idempotency keys begin with: the name of the framework.
        strict: Whether to raise what else is logged.
    """

    def __init__(self, ledger: Ledger, source: str, *, strict: bool) -> None:
        self._ledger = ledger
        self._source = source
        self._strict = strict

    def record(self, conversation: str | UUID, steps: Iterable[Step]) -> None:
        """Record the runs that steps make up, in one conversation.

        Args:
            conversation: The id of a session; or what the framework calls the conversation, which
                is the same session each time.
            steps: What an agent, and those that worked for it, did.

        Raises:
            StoreError: The database failed. What was recorded before that stays; the same steps can
                be recorded again.
            ShelfError: The shelf failed, likewise.
            MunimentError: Something cannot be recorded, and ``strict`` is set.
        """
        runs = observed_runs(steps)
        if not runs:
            return
        recorded: dict[str, UUID] = {}
        try:
            session_id = self._session_id(conversation)
        except MunimentError as error:
            self._leave_out(runs[0].step.key, error)
            return
        for run in runs:
            try:
                recorded[run.step.key] = self._record(session_id, run, recorded)
            except IdempotencyConflict as error:
                # Nobody else has its key: it is there, and less or more of it was seen this time.
                LOGGER.warning("%s %s: %s", self._source, run.step.key, error.message)
            except MunimentError as error:
                self._leave_out(run.step.key, error)

    def _leave_out(self, key: str, error: MunimentError) -> None:
        """Go on without what cannot be recorded, now or later; else raise."""
        if self._strict or not _is_about_rows(error):
            raise error
        LOGGER.error("%s %s: not recorded: %s", self._source, key, error.message)

    def _session_id(self, conversation: str | UUID) -> UUID:
        if isinstance(conversation, str):
            try:
                conversation = UUID(conversation)
            except ValueError:
                key = f"{self._source}:{conversation}"
                return self._ledger.open_session(idempotency_key=key).session_id
        # Opened by somebody who said more about it: then it is there.
        with suppress(IdempotencyConflict):
            self._ledger.open_session(session_id=conversation)
        return conversation

    def _record(self, session_id: UUID, observed: ObservedRun, recorded: dict[str, UUID]) -> UUID:
        notes: list[str] = []
        turns = self._kept(TURN, observed.turns, "turns", ("content",), notes)
        calls = self._kept(CALL, observed.tool_calls, "tool_calls", ("args", "result"), notes)
        calls = self._of_known_tools(calls, notes)
        turn_ids = {turn.get("turn_id") for turn in turns}
        for call in calls:
            if call.get("turn_id") not in turn_ids:
                call.pop("turn_id", None)
        step = observed.step
        run: Any = {
            "started_at": step.started_at,
            "ended_at": max(step.started_at, step.ended_at),
            **observed.run,
            "idempotency_key": f"{self._source}:{step.key}",
        }
        if observed.parent is not None:
            run["parent_run_id"] = recorded.get(observed.parent.step.key)
        if notes:
            for note in notes:
                LOGGER.error("%s %s: left out: %s", self._source, step.key, note)
            short = [note[:NOTE_LENGTH] for note in notes[:NOTES_AT_MOST]]
            run["metadata"] = {**(run.get("metadata") or {}), "not_recorded": short}
        return self._ledger.record_turn(
            session_id, run, turns or [{"role": "assistant"}], calls
        ).run_id

    def _kept(
        self,
        table: Mapping[str, Check],
        rows: Sequence[Any],
        what: str,
        bodies: Sequence[str],
        notes: list[str],
    ) -> list[Any]:
        """Return the rows that can be recorded, without bodies that have no place."""
        kept = []
        for place, row in enumerate(rows):
            for body in bodies:
                text = row.get(body)
                if isinstance(text, str) and not self._ledger._scope.has_shelf:
                    if fits_inline(text):
                        continue
                    wrong = LedgerInputError(
                        f"{what}[{place}].{body}", "needs a shelf, and this ledger has none"
                    )
                    self._note(wrong, notes)
                    row = {**row, body: None}
            try:
                checked(table, row, f"{what}[{place}].")
            except LedgerInputError as wrong:
                self._note(wrong, notes)
            else:
                kept.append(dict(row))
        return kept

    def _note(self, error: MunimentError, notes: list[str]) -> None:
        if self._strict:
            raise error
        notes.append(error.message)

    def _of_known_tools(self, calls: list[Any], notes: list[str]) -> list[Any]:
        """Return the calls of tools that the registry knows, or now does, with their versions."""
        names = {call["tool_name"] for call in calls}
        versions = self._versions(names) if names else {}
        unknown = sorted(name for name in names - set(versions) if TOOL_NAME.fullmatch(name))
        if unknown and self._register(unknown):
            versions |= dict.fromkeys(unknown, "imported")
        kept = []
        for call in calls:
            name = call["tool_name"]
            if name in versions:
                kept.append({**call, "tool_version": versions[name]})
            else:
                wrong = ToolUnknown(
                    f"tool_calls: tool {name!r} is not registered",
                    sqlstate="MU105",
                    hint="Register it, or GRANT muniment_service TO the login that records it.",
                )
                self._note(wrong, notes)
        return kept

    def _versions(self, names: set[str]) -> dict[str, str | None]:
        known: Call[dict[str, str | None]] = Call(
            "looking up tools",
            query("integrations.known_tools"),
            {"tool_names": sorted(names)},
            lambda rows: {name: None if is_active else "imported" for name, is_active in rows},
            is_repeatable=True,
        )
        return self._ledger._take(perform(known))

    def _register(self, names: list[str]) -> bool:
        """Register tools as seen and not known, if this login may."""
        try:
            self._ledger._take(
                perform_all(
                    [
                        Call("acting as muniment_service", query(ACT_AS_SERVICE), {}, len),
                        Call(
                            f"registering the tools {', '.join(names)}",
                            query("importer.register_tools"),
                            {"tool_names": names},
                            len,
                        ),
                    ]
                )
            )
        except AccessDenied:
            return False
        return True


def _is_about_rows(error: MunimentError) -> bool:
    """Tell whether the database is well, and has refused these rows."""
    if isinstance(error, PartitionMissing):
        return False
    if isinstance(error, StoreError) and (error.sqlstate or "").startswith("22"):
        # A value out of range, as the sum of counts may be.
        return True
    return isinstance(error, LedgerInputError | RuleError | ConstraintViolated)


# What frameworks give, as the ledger takes it ------------------------------------


def text_of(value: Any) -> str:
    """Return a text as it is, and anything else as JSON: of it, or of how Python shows it."""
    if isinstance(value, str):
        return value
    try:
        return json_of(value)
    except (TypeError, ValueError, RecursionError):
        # A key that is no text, or a circle.
        return json_of(str(value))


def json_of(value: Any) -> str:
    """Return a value as JSON that PostgreSQL can hold.

    Raises:
        TypeError: A key is no text.
        ValueError: It holds itself.
    """
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: as JSON writes it, PostgreSQL can hold it.
        return json.dumps(value, default=_plain)
    return text


def _plain(value: object) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


def usage_of(counts: Mapping[str, int | None]) -> Usage | None:
    """Return counts as the ledger takes them; None if there are none, or they contradict."""
    if all(count is None for count in counts.values()):
        return None
    try:
        return Usage(**counts)
    except LedgerInputError as error:
        LOGGER.error("left out: %s", error.message)
        return None


def new_turns(messages: Sequence[Any]) -> list[TurnInput]:
    """Return the messages of people and programs since the last answer or result, as turns.

    What came before them is in the turns of earlier runs, or of earlier calls of this one.

    Args:
        messages: Mappings with ``role`` and ``content`` or ``parts``, as models are given them.
    """
    turns: list[TurnInput] = []
    for message in reversed(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role == "developer":
            role = "system"
        if role not in {"user", "system"}:
            break
        content = message.get("content", message.get("parts"))
        is_text = isinstance(content, str)
        turns.insert(
            0,
            {
                "role": role,
                "content": None if content is None else text_of(content),
                "content_format": "text" if is_text else "parts",
            },
        )
    return turns

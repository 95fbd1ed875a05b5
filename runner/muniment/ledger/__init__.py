"""The ledger as programs use it: what agents do is written down while they do it.

:class:`Ledger` is for code that may block, :class:`AsyncLedger` for code under asyncio. Both have
the same methods; docs/tutorial/record-a-run.md shows them in use. Everything that they raise is in
:mod:`muniment.errors`.

For example::

    with Ledger(dsn, firm_id=firm) as ledger:
        session = ledger.open_session(subject_type="matter", subject_id="2026-117")
        with ledger.run("MatterChatAgent", session_id=session.session_id) as run:
            run.append_turn("user", question)
            with run.tool_call("get_matter", args) as call:
                call.finish(get_matter(args))
            run.append_turn("assistant", answer, usage=Usage(input_tokens=812, output_tokens=90))
"""

from __future__ import annotations

from muniment.ledger.aio import AsyncLedger, AsyncOpenCall, AsyncOpenRun, AsyncPipeline
from muniment.ledger.batch import Reply
from muniment.ledger.calls import uuid7
from muniment.ledger.sync import Ledger, OpenCall, OpenRun, Pipeline
from muniment.ledger.values import (
    AppendedTurn,
    BegunCall,
    RecordedTurn,
    RequestedCall,
    Run,
    RunInput,
    RunRecord,
    SealCheck,
    Session,
    ToolCall,
    ToolCallInput,
    Turn,
    TurnInput,
    Usage,
)

__all__ = [
    "AppendedTurn",
    "AsyncLedger",
    "AsyncOpenCall",
    "AsyncOpenRun",
    "AsyncPipeline",
    "BegunCall",
    "Ledger",
    "OpenCall",
    "OpenRun",
    "Pipeline",
    "RecordedTurn",
    "Reply",
    "RequestedCall",
    "Run",
    "RunInput",
    "RunRecord",
    "SealCheck",
    "Session",
    "ToolCall",
    "ToolCallInput",
    "Turn",
    "TurnInput",
    "Usage",
    "uuid7",
]

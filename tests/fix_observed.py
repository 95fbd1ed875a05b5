"""What the tests of the integrations share.

`seen_room`     the ledger, and a login that may also register tools: a :class:`SeenRoom`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from muniment import Ledger
from muniment.ledger import RunRecord, ToolCall, Turn
from tests.fix_ledger import RecordRoom, login


class SeenRoom:
    """A database with the ledger.

    Attributes:
        room: The same, and a login that acts as muniment_app and nothing else.
        ledger: Of a login that may also register what was seen.
    """

    def __init__(self, room: RecordRoom, address: str) -> None:
        self.room = room
        self.ledger: Ledger = room.ledger(database=address)

    def runs(self) -> list[RunRecord]:
        """Return the runs, as they began, after each was held to its seal."""
        found = self.room.rows("SELECT run_id FROM agents.agent_run ORDER BY started_at, depth")
        for (run_id,) in found:
            assert self.ledger.verify_seal(run_id).verdict == "holds"
        return [self.ledger.get_run(run_id) for (run_id,) in found]

    def turns(self, run: RunRecord) -> list[Turn]:
        """Return the turns of a run."""
        assert run.session_id is not None
        turns = self.ledger.session_turns(run.session_id)
        return [turn for turn in turns if turn.run_id == run.run_id]

    def calls(self, run_id: UUID) -> list[ToolCall]:
        """Return the tool calls of a run."""
        return self.ledger.tool_calls(run_id)

    def imported(self) -> list[tuple[Any, ...]]:
        """Return the tools that are known by having been seen."""
        return self.room.rows(
            "SELECT tool_name FROM agents.tool_registry"
            " WHERE tool_version = 'imported' AND NOT is_active ORDER BY tool_name"
        )


@pytest.fixture
def seen_room(record_room: RecordRoom) -> Iterator[SeenRoom]:
    with login(record_room.dsn, "muniment_app", "muniment_service") as address:
        room = SeenRoom(record_room, address)
        try:
            yield room
        finally:
            room.ledger.close()

"""The how-to for retiring a month does what it says, and what it warns of is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from muniment._db import connect
from muniment.migrate.engine import verify
from muniment.migrate.events import ChangeVerified
from muniment.migrate.projects import Projects, find_sql_directory

FIRM = "00000000-0000-4000-8000-00000000000a"
RUN = "00000000-0000-4000-8000-0000000000a1"
HOW_TO = Path(__file__).parents[2] / "docs/how-to/retire-a-month.md"


def procedure() -> str:
    found = re.search(r"```sql\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def superuser(ledger: str) -> Iterator[psycopg.Connection]:
    """A ledger with one run in May 2026."""
    with psycopg.connect(ledger, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SELECT platform.set_tenant(%s)", [FIRM])
            connection.execute(
                "INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)"
                " VALUES (%s, %s, '2026-05-10 12:00:00+00')",
                [FIRM, RUN],
            )
            connection.execute(
                "INSERT INTO agents.agent_run"
                " (firm_id, run_id, started_at, root_run_id, agent_name)"
                " VALUES (%s, %s, '2026-05-10 12:00:00+00', %s, 'x')",
                [FIRM, RUN, RUN],
            )
        yield connection


def months(connection: psycopg.Connection) -> set[str]:
    found = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits")
    return {row[0] for row in found if row[0].endswith("_p202605")}


def test_the_procedure_retires_the_month_and_keeps_its_keys(
    ledger: str, superuser: psycopg.Connection
) -> None:
    superuser.execute(procedure())

    assert months(superuser) == set()
    kept = superuser.execute(
        "SELECT run_id::text, archived_at IS NOT NULL, live_started_at FROM agents.agent_run_key"
    )
    assert kept.fetchall() == [(RUN, True, None)]
    forced = superuser.execute(
        "SELECT count(*) FROM pg_class WHERE relforcerowsecurity"
        " AND oid IN ('agents.agent_run_key'::regclass, 'agents.agent_run_p202605'::regclass)"
    )
    assert forced.fetchone() == (2,)
    superuser.execute("DROP TABLE agents.agent_run_p202605")
    with connect(ledger) as connection:
        events = list(verify(connection, Projects(find_sql_directory())))
    assert "agents:agent_run" in {
        event.change for event in events if isinstance(event, ChangeVerified)
    }


def test_a_key_that_is_missed_stops_it(superuser: psycopg.Connection) -> None:
    without_archiving = re.sub(r"UPDATE .*?;", "", procedure(), flags=re.DOTALL)

    with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        superuser.execute(without_archiving)
    superuser.rollback()

    assert "agent_run_key" in (caught.value.diag.constraint_name or "")
    assert len(months(superuser)) == 3


def test_without_the_procedure_an_owner_without_a_tenant_is_refused(
    superuser: psycopg.Connection,
) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET LOCAL ROLE muniment_owner")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            superuser.execute(
                "ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605"
            )


def test_an_owner_with_another_tenant_gets_past_the_key_which_is_why_there_is_a_procedure(
    superuser: psycopg.Connection,
) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET LOCAL ROLE muniment_owner")
        superuser.execute("SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b'")
        superuser.execute("ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605")
        assert "agents.agent_run_p202605" not in months(superuser)

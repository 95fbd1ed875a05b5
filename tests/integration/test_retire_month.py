"""The how-to for retiring a month does what it says, and what it warns of is so."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.a_sealed_run import APP, READER, Ledger, open_months, record

from muniment import seals
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
                "WITH key AS ("
                " INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)"
                " VALUES (%s, %s, '2026-05-10 12:00:00+00') RETURNING *"
                ") INSERT INTO agents.agent_run"
                " (firm_id, run_id, started_at, root_run_id, agent_name)"
                " SELECT firm_id, run_id, started_at, run_id, 'x' FROM key",
                [FIRM, RUN],
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


def test_a_run_that_is_open_leaves_with_the_others(superuser: psycopg.Connection) -> None:
    (found,) = re.findall(r"`(SELECT firm_id, run_id, .*?)`", HOW_TO.read_text(), re.DOTALL)
    (open_run,) = superuser.execute(found.encode()).fetchall()
    assert [str(value) for value in open_run] == [FIRM, RUN, "queued"]

    superuser.execute(procedure())

    with pytest.raises(psycopg.errors.NoDataFound):
        superuser.execute("SELECT agents.claim_run(%s, %s, 'w')", [FIRM, RUN])


def test_a_month_that_is_made_again_is_counted_again(superuser: psycopg.Connection) -> None:
    def roll_up() -> tuple[int, ...] | None:
        superuser.execute("SELECT agents.rollup_day(%s, '2026-05-10')", [FIRM])
        found = superuser.execute("SELECT sum(run_count)::integer FROM agents.usage_daily")
        return found.fetchone()

    add = (
        "WITH key AS ("
        " INSERT INTO agents.agent_run_key (firm_id, started_at)"
        " SELECT %s, '2026-05-10 12:00:00+00' FROM generate_series(1, %s) RETURNING *"
        ") INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)"
        " SELECT firm_id, run_id, started_at, run_id, 'x' FROM key"
    )
    superuser.execute(add, [FIRM, 2])
    assert roll_up() == (3,)
    superuser.execute(procedure())
    for table in ("agent_run", "chat_turn", "tool_call"):
        superuser.execute(f"DROP TABLE agents.{table}_p202605")
    with pytest.raises(psycopg.Error, match="does not hold the month"):
        roll_up()

    superuser.execute("SELECT agents.ensure_partitions('2026-05-01', 1)")
    superuser.execute(add, [FIRM, 1])

    assert roll_up() == (1,), "which is what the page warns of"


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


# Seals ----------------------------------------------------------------------------------


@pytest.fixture
def sealed(superuser: psycopg.Connection, ledger: str) -> Iterator[Ledger]:
    """Seal three runs of May, one of them with a turn in June, and give a reader."""
    superuser.execute("UPDATE agents.agent_run SET status = 'cancelled', ended_at = started_at")
    superuser.execute("SELECT agents.seal_run(firm_id, run_id, started_at) FROM agents.agent_run")
    with Ledger(ledger, APP) as app:
        session_id = app.call("open_session").session_id
        for day in (10, 31):
            # Turns are of the time at which a run ended.
            times = {"started_at": f"2026-05-{day}T23:59:59Z", "ended_at": "2026-06-01T00:00:01Z"}
            record(app, session_id, "hello", **times)
    with Ledger(ledger, READER) as reader:
        yield reader


def verdicts(reader: Ledger) -> list[tuple[str, str | None]]:
    return [
        (row.verdict, row.reason)
        for row in reader.rows("SELECT * FROM agents.verify_chain(%s)", reader.firm)
    ]


def test_the_seals_of_a_month_that_left_give_no_alarm(
    ledger: str, superuser: psycopg.Connection, sealed: Ledger
) -> None:
    assert verdicts(sealed) == [("holds", None)] * 3

    superuser.execute(procedure())

    assert verdicts(sealed) == [("archived", "the month of the run has left")] * 3
    # The month may be made again, for what is imported into it later.
    for table in ("agent_run", "chat_turn", "tool_call"):
        superuser.execute(f"DROP TABLE agents.{table}_p202605".encode())
    superuser.execute("SELECT agents.ensure_partitions('2026-05-01', 1)")
    with Ledger(ledger, APP) as app:
        session_id = app.call("open_session").session_id
        times = {"started_at": "2026-05-20T12:00:00Z", "ended_at": "2026-05-20T12:00:01Z"}
        record(app, session_id, "found in a drawer", **times)

    assert verdicts(sealed) == [("archived", "the month of the run has left")] * 3 + [
        ("holds", None)
    ]


def test_the_key_of_a_run_that_left_is_still_compared_with_its_seal(
    superuser: psycopg.Connection, sealed: Ledger
) -> None:
    superuser.execute(procedure())
    superuser.execute(
        "UPDATE agents.agent_run_key SET idempotency_key = 'k' WHERE run_id = %s", [RUN]
    )

    assert verdicts(sealed)[0] == ("differs", "the row is not as it was sealed")


def test_rows_of_a_later_month_are_still_compared_with_the_seal(
    superuser: psycopg.Connection, sealed: Ledger
) -> None:
    superuser.execute(procedure())
    superuser.execute("SET session_replication_role = replica")
    superuser.execute("UPDATE agents.chat_turn SET author_id = 'another'")

    assert sorted(verdicts(sealed)) == [
        ("archived", "the month of the run has left"),
        ("differs", "the row is not as it was sealed"),
        ("differs", "the row is not as it was sealed"),
    ]


def test_nothing_leaves_before_its_month_is_over(ledger: str) -> None:
    # The first run of a month: all others of it were written down later.
    open_months(ledger)
    with Ledger(ledger, APP) as app, Ledger(ledger, READER) as reader:
        session_id = app.call("open_session").session_id
        gone = record(app, session_id, "goes")
        record(app, session_id, "stays")
        with psycopg.connect(ledger) as superuser:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(
                "UPDATE agents.agent_run_key AS k SET archived_at = s.sealed_at"
                " FROM agents.run_seal AS s WHERE s.run_id = k.run_id AND k.run_id = %s",
                [gone.run_id],
            )
            superuser.execute("DELETE FROM agents.agent_run WHERE run_id = %s", [gone.run_id])
            superuser.execute("DELETE FROM agents.chat_turn WHERE run_id = %s", [gone.run_id])

        assert verdicts(reader) == [
            ("differs", "it says that the run left before its month was over"),
            ("holds", None),
        ]


def test_a_verification_waits_for_a_month_that_is_leaving(
    ledger: str, superuser: psycopg.Connection, sealed: Ledger
) -> None:
    events: list[seals.Event] = []
    with connect(ledger) as connection, psycopg.connect(ledger, autocommit=True) as watcher:
        verifier = threading.Thread(
            target=lambda: events.extend(seals.verify(connection, firms=[UUID(FIRM)]))
        )
        superuser.execute(procedure().partition("COMMIT;")[0])
        verifier.start()
        while watcher.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is None:
            assert verifier.is_alive()
        superuser.execute("COMMIT")
        verifier.join()

    assert events[-1] == seals.Verification(seals=3, archived=3)


@pytest.mark.parametrize(
    ("archived_at", "deletes", "reason"),
    [
        ("now", True, "it says that the run has left, and others of its month are here"),
        ("now", False, "it says that the run has left, and the run is here"),
        ("2026-05-10 00:00:00Z", True, "it says that the run left before it was sealed"),
    ],
)
def test_a_run_that_is_only_said_to_have_left_is_found(
    superuser: psycopg.Connection, sealed: Ledger, archived_at: str, deletes: bool, reason: str
) -> None:
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "UPDATE agents.agent_run_key SET archived_at = %s WHERE run_id = %s", [archived_at, RUN]
    )
    if deletes:
        superuser.execute("DELETE FROM agents.agent_run WHERE run_id = %s", [RUN])

    assert verdicts(sealed)[0] == ("differs", reason)

"""`muniment shelf check`, `sweep` and `policy`: what they find, remove and need."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.fault_proxy import Fault, FaultProxy
from tests.fix_standby import Standby
from tests.integration.test_import_shelf import LARGE, environment, muniment, record

from muniment._db import Connection, connect
from muniment.errors import ConfigError, ShelfDenied, ShelfUnreachable
from muniment.inventory import Finding, Inventory, SweepSummary, Swept, check, firms_of, sweep
from muniment.settings import Settings
from muniment.shelf import NewBody, Shelf
from muniment.shelf.policy import ROLES, iam_policy, lifecycle_rules
from muniment.transcript.importer import import_transcripts
from muniment.transcript.record import read_record
from muniment.transcript.rows import Origin

FIRM_A = UUID("00000000-0000-4000-8000-00000000000a")
FIRM_B = UUID("00000000-0000-4000-8000-00000000000b")
RUN = UUID("00000000-0000-4000-8000-0000000000a1")
JUNE = datetime(2026, 6, 9, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 9, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)


@pytest.fixture
def connection(ledger: str) -> Iterator[Connection]:
    with closing(connect(ledger)) as opened:
        yield opened


def bring_in(
    connection: Connection,
    shelf: Shelf,
    text: str = LARGE,
    firm: UUID = FIRM_A,
    at: datetime = JUNE,
) -> None:
    """Import a record with four large bodies."""
    origin = Origin("one.json", started_at=at)
    found = read_record(1, record(text))
    list(import_transcripts(connection, [found], firm_id=firm, origin=origin, shelf=shelf))


@pytest.fixture
def filled(connection: Connection, shelf: Shelf) -> Connection:
    """Give a ledger and a shelf with two firms, one of which has two months."""
    bring_in(connection, shelf)
    bring_in(connection, shelf, f"july {LARGE}", at=JULY)
    bring_in(connection, shelf, firm=FIRM_B)
    return connection


def keys(shelf: Shelf) -> list[str]:
    return [found.key for found in shelf.bucket.listing("")]


def put(shelf: Shelf, key: str, data: bytes) -> None:
    shelf.bucket._client.put_object(Bucket=shelf.bucket.name, Key=key, Body=data)


def orphan(shelf: Shelf, text: str = "nobody's ", firm: UUID = FIRM_A, at: datetime = JUNE) -> str:
    body = shelf.store(text * 10_000, kind="content", firm_id=firm, run_id=RUN, run_started_at=at)
    assert body.s3_key is not None
    return body.s3_key


def checked(
    connection: Connection, shelf: Shelf, *firms: UUID, grace: timedelta = AT_ONCE, **others: Any
) -> tuple[dict[str, str], Inventory]:
    """Return what is wrong, by key, and the counts."""
    *events, counts = check(
        connection, shelf, firms=firms or (FIRM_A, FIRM_B), grace=grace, **others
    )
    assert isinstance(counts, Inventory)
    findings = {event.key: event.problem for event in events if isinstance(event, Finding)}
    problems = Counter(findings.values())
    assert (counts.missing, counts.orphans, counts.foreign) == (
        problems["missing"],
        problems["orphan"],
        problems["foreign"],
    )
    assert (counts.wrong_size, counts.wrong_hash) == (
        problems["wrong_size"],
        problems["wrong_hash"],
    )
    assert counts.is_in_order is (not findings)
    return findings, counts


def swept(
    connection: Connection,
    shelf: Shelf,
    *firms: UUID,
    older_than: timedelta = AT_ONCE,
    dry_run: bool = False,
    **others: Any,
) -> tuple[list[str], SweepSummary]:
    *events, counts = sweep(
        connection,
        shelf,
        firms=firms or (FIRM_A, FIRM_B),
        older_than=older_than,
        dry_run=dry_run,
        **others,
    )
    assert isinstance(counts, SweepSummary)
    return [event.key for event in events if isinstance(event, Swept)], counts


# check --------------------------------------------------------------------------------


def test_what_is_in_order_is_proven(filled: Connection, shelf: Shelf) -> None:
    findings, counts = checked(filled, shelf)

    assert findings == {}
    assert (counts.bodies, counts.objects, counts.proven) == (12, 12, 12)


def test_whatever_is_wrong_is_found_by_its_name(filled: Connection, shelf: Shelf) -> None:
    cut, forged, longer, gone, *_ = keys(shelf)
    size = {found.key: found.size for found in shelf.bucket.listing("")}
    put(shelf, cut, b"x" * (size[cut] - 1))
    put(shelf, forged, b"x" * size[forged])
    put(shelf, longer, b"x" * (size[longer] + 1))
    shelf.bucket.delete(gone)
    nobodys = orphan(shelf)
    strange = f"agents/{FIRM_A}/notes.txt"
    put(shelf, strange, b"who put this here")

    findings, counts = checked(filled, shelf)

    assert findings == {
        cut: "wrong_size",
        forged: "wrong_hash",
        longer: "wrong_size",
        gone: "missing",
        nobodys: "orphan",
        strange: "foreign",
    }
    assert (counts.bodies, counts.objects, counts.proven) == (12, 13, 8)

    # Without reading any, all but the hash.
    findings, counts = checked(filled, shelf, share=0.0)
    assert forged not in findings
    assert len(findings) == 5
    assert counts.proven == 0


def test_an_object_that_is_young_is_not_wrong(filled: Connection, shelf: Shelf) -> None:
    orphan(shelf)

    findings, counts = checked(filled, shelf, grace=timedelta(hours=1))

    assert findings == {}
    assert counts.young == 1


def test_firm_and_month_narrow_it_down(filled: Connection, shelf: Shelf) -> None:
    for key in keys(shelf):
        shelf.bucket.delete(key)

    assert checked(filled, shelf, FIRM_B)[1].missing == 4
    assert checked(filled, shelf, FIRM_A)[1].missing == 8
    assert checked(filled, shelf, FIRM_A, month="202607")[1].missing == 4
    assert checked(filled, shelf, FIRM_A, month="202605")[1].bodies == 0


def test_compressed_objects_are_no_wrong_size(
    connection: Connection, shelf_settings: Settings, shelf: Shelf
) -> None:
    with Shelf(shelf_settings.model_copy(update={"compression": "zstd"})) as packing:
        bring_in(connection, packing)

    findings, counts = checked(connection, shelf, share=0.0)

    assert findings == {}
    assert counts.proven == 4


def test_what_is_there_by_the_time_it_is_asked_for_again_is_not_wrong(
    filled: Connection, shelf: Shelf
) -> None:
    events = check(filled, shelf, firms=[FIRM_A, FIRM_B], grace=AT_ONCE)
    # Nothing was read of firm B yet when its new rows come; of firm A all was.
    next(events)
    bring_in(filled, shelf, f"late {LARGE}", firm=FIRM_B)

    assert [event for event in events if isinstance(event, Finding)] == []


def test_all_firms_take_a_login_that_can_see_them(
    filled: Connection, shelf: Shelf, ledger: str
) -> None:
    orphan(shelf, firm=RUN)
    assert firms_of(filled, shelf) == sorted([FIRM_A, FIRM_B, RUN])

    filled.execute("CREATE ROLE inventory_login LOGIN NOINHERIT IN ROLE muniment_reader")
    try:
        with closing(connect(ledger.replace("postgres@", "inventory_login@"))) as reader:
            with pytest.raises(ConfigError, match="hides from this login"):
                firms_of(reader, shelf)
            assert checked(reader, shelf, FIRM_A)[1].proven == 8
    finally:
        filled.execute("DROP ROLE inventory_login")


def test_a_shelf_that_is_down_is_an_error_and_not_a_loss(
    filled: Connection, shelf_settings: Settings
) -> None:
    away = shelf_settings.model_copy(update={"endpoint_url": "http://127.0.0.1:1", "attempts": 1})
    with Shelf(away) as shelf, pytest.raises(ShelfUnreachable):
        checked(filled, shelf)


def test_a_missing_object_is_found_by_who_is_denied_what_is_not_there(
    filled: Connection, shelf_settings: Settings, proxy: FaultProxy
) -> None:
    """S3 says 403 instead of 404 to who may not list the whole bucket."""
    behind = shelf_settings.model_copy(update={"endpoint_url": proxy.endpoint_url})
    proxy.fault = Fault("deny")
    with Shelf(behind) as shelf:
        with pytest.raises(ShelfDenied):
            checked(filled, shelf)
        gone = keys(shelf)
        for key in gone:
            shelf.bucket.delete(key)
        findings, counts = checked(filled, shelf)

    assert findings == dict.fromkeys(gone, "missing")
    assert counts.missing == 12


def test_a_key_does_not_act_on_the_terminal(
    filled: Connection, ledger: str, shelf: Shelf, shelf_settings: Settings
) -> None:
    put(shelf, f"agents/{FIRM_A}/\x1b[2J", b"")

    done = muniment("shelf", "check", "--dsn", ledger, env=environment(shelf_settings))

    assert done.returncode == 3
    assert f"foreign agents/{FIRM_A}/\\x1b[2J: " in done.stdout


def test_the_command_exits_3_when_anything_is_wrong(
    filled: Connection, ledger: str, shelf: Shelf, shelf_settings: Settings
) -> None:
    env = environment(shelf_settings)
    good = muniment("shelf", "check", "--dsn", ledger, env=env)
    assert (good.returncode, good.stderr) == (0, "")
    assert "12 bodies in the ledger, 12 objects on the shelf, 12 proven: 0 missing" in good.stdout

    first = keys(shelf)[0]
    shelf.bucket.delete(first)
    bad = muniment("shelf", "check", "--dsn", ledger, env=env)
    assert bad.returncode == 3
    assert bad.stdout.startswith(f"missing {first}: ")
    told = muniment("shelf", "check", "--json", "--month", "2026-06", "--dsn", ledger, env=env)
    assert told.returncode == 3
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert {event["event"] for event in events} == {"finding", "firm_done", "summary"}
    assert events[-1]["missing"] == 1

    nowhere = muniment("shelf", "check", "--dsn", ledger, cwd="/")
    assert nowhere.returncode == 1
    assert "no shelf named" in nowhere.stderr


# sweep --------------------------------------------------------------------------------


def test_a_sweep_removes_orphans_and_nothing_else(filled: Connection, shelf: Shelf) -> None:
    before = keys(shelf)
    nobodys = [orphan(shelf), orphan(shelf, at=JULY), orphan(shelf, firm=FIRM_B)]
    strange = f"agents/{FIRM_A}/notes.txt"
    put(shelf, strange, b"who put this here")

    assert sorted(swept(filled, shelf, dry_run=True)[0]) == sorted(nobodys)
    assert len(keys(shelf)) == len(before) + 4
    assert swept(filled, shelf, FIRM_A, month="202607")[0] == [nobodys[1]]
    removed, counts = swept(filled, shelf)

    assert sorted(removed) == sorted([nobodys[0], nobodys[2]])
    assert (counts.swept, counts.foreign) == (2, 1)
    assert keys(shelf) == sorted([*before, strange])
    assert checked(filled, shelf)[0] == {strange: "foreign"}


def test_what_is_young_stays(filled: Connection, shelf: Shelf) -> None:
    nobodys = orphan(shelf)

    removed, counts = swept(filled, shelf, older_than=timedelta(hours=2))

    assert (removed, counts.young) == ([], 1)
    assert nobodys in keys(shelf)


def test_objects_of_a_run_whose_month_has_left_stay(filled: Connection, shelf: Shelf) -> None:
    kept = orphan(shelf)
    filled.execute(
        "INSERT INTO agents.agent_run_key (firm_id, run_id, started_at, archived_at)"
        " VALUES (%s, %s, %s, now())",
        (FIRM_A, RUN, JUNE),
    )

    removed, counts = swept(filled, shelf)

    assert (removed, counts.archived) == ([], 1)
    assert kept in keys(shelf)
    assert checked(filled, shelf)[1].archived == 1


def test_objects_whose_rows_may_have_left_with_another_month_stay(
    filled: Connection, shelf: Shelf
) -> None:
    """A turn lies in the month of its own time, which need not be that of its run."""
    filled.execute(
        "SELECT agents.ensure_partitions('2026-05-01', 12 * (extract(year FROM now())::int - 2026)"
        " + extract(month FROM now())::int - 4)"
    )
    row = filled.execute(
        "SELECT run_id FROM agents.agent_run WHERE firm_id = %s AND started_at = %s", (FIRM_A, JUNE)
    ).fetchone()
    assert row is not None
    whose = (FIRM_A, row[0], JUNE)
    body = NewBody("of a run that is here " * 5_000, "content", *whose)
    key = shelf.store_body(body).s3_key
    assert key is not None
    assert swept(filled, shelf)[0] == [key]
    shelf.store_body(body)

    for part in ("chat_turn_p202605", "tool_call_p202605", "tool_call_p202607"):
        with filled.transaction(force_rollback=True):
            table = part.removesuffix(part[-8:])
            filled.execute(f"ALTER TABLE agents.{table} DETACH PARTITION agents.{part}".encode())
            removed, counts = swept(filled, shelf)
            assert (removed, counts.archived > 0) == ([], True), part
    assert swept(filled, shelf)[0] == [key]


def test_a_standby_is_no_register_to_sweep_by(
    filled: Connection, ledger: str, shelf: Shelf, standby: Standby
) -> None:
    orphan(shelf)
    with closing(connect(standby.dsn(ledger))) as behind:
        with pytest.raises(ConfigError, match="this server is a standby"):
            swept(behind, shelf)
        assert checked(behind, shelf)[1].orphans == 1


def test_a_firm_that_the_register_does_not_know_is_not_swept(
    filled: Connection, shelf: Shelf
) -> None:
    orphan(shelf, firm=RUN)

    with pytest.raises(ConfigError, match="knows no run of it"):
        swept(filled, shelf, RUN)
    assert len(keys(shelf)) == 13


def test_what_a_writer_met_meanwhile_stays(filled: Connection, shelf: Shelf) -> None:
    one, other = sorted([orphan(shelf, "one "), orphan(shelf, "other ")])
    time.sleep(2.2)
    events = sweep(filled, shelf, firms=[FIRM_A], older_than=timedelta(seconds=2), dry_run=False)

    first = next(event for event in events if isinstance(event, Swept))
    assert first.key == one
    # The listing has it as old; its writer has just put it there again.
    text = shelf.bucket._client.get_object(Bucket=shelf.bucket.name, Key=other)["Body"].read()
    put(shelf, other, text)
    rest = [event for event in events if isinstance(event, Swept)]

    assert rest == []
    assert other in keys(shelf)


def test_the_command_removes_only_when_told_to(
    filled: Connection, ledger: str, shelf: Shelf, shelf_settings: Settings
) -> None:
    env = environment(shelf_settings)
    orphan(shelf)
    listed = muniment("shelf", "sweep", "--dsn", ledger, env=env)
    assert listed.returncode == 0, listed.stderr
    assert "0 would be deleted" in listed.stdout
    assert "1 young" in listed.stdout
    short = muniment("shelf", "sweep", "--older-than", "1h", "--dsn", ledger, env=env)
    assert short.returncode == 2
    assert "at least 2h" in short.stderr


# policy -------------------------------------------------------------------------------

NEEDS = {
    "PutObject": "s3:PutObject",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObject": "s3:DeleteObject",
}


def actions(policy: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for statement in policy["Statement"]:
        one = statement["Action"]
        found |= {one} if isinstance(one, str) else set(one)
    return found


def test_a_policy_allows_what_its_role_asks_for_and_no_more(
    connection: Connection, shelf_settings: Settings
) -> None:
    used: dict[str, set[str]] = {}
    for role in ROLES:
        with Shelf(shelf_settings) as shelf:
            asked = used.setdefault(role, set())
            shelf.bucket._client.meta.events.register(
                "before-call.s3", lambda model, asked=asked, **_: asked.add(NEEDS[model.name])
            )
            if role == "app":
                bring_in(connection, shelf)
                body = NewBody(LARGE, "content", FIRM_A, RUN, JUNE)
                stored = shelf.store_many([body, body])
                shelf.fetch_many(stored)
            elif role == "reader":
                firms_of(connection, shelf)
                checked(connection, shelf)
            else:
                assert swept(connection, shelf, FIRM_A)[1].swept == 1

    assert used == {role: actions(iam_policy(shelf_settings, role)) for role in ROLES}


def test_a_policy_follows_the_settings() -> None:
    settings = Settings(
        agents_bucket_name="evidence",
        prefix="team/",
        encryption="aws:kms",
        kms_key_id="arn:aws:kms:eu-west-1:1:key/k",
        object_lock_mode="COMPLIANCE",
        object_lock_days=400,
        retention_days=3650,
    )

    app = iam_policy(settings, "app")

    assert actions(app) == {
        *("s3:GetObject", "s3:PutObject", "s3:PutObjectRetention"),
        *("kms:Decrypt", "kms:GenerateDataKey"),
    }
    assert app["Statement"][0]["Resource"] == "arn:aws:s3:::evidence/team/agents/*"
    assert app["Statement"][-1]["Resource"] == "arn:aws:kms:eu-west-1:1:key/k"
    assert "kms:GenerateDataKey" not in actions(iam_policy(settings, "reader"))
    leftovers, retention = lifecycle_rules(settings)["Rules"]
    assert leftovers["NoncurrentVersionExpiration"] == {"NoncurrentDays": 400}
    assert retention["Expiration"] == {"Days": 3650}
    assert len(lifecycle_rules(Settings())["Rules"]) == 1


def test_the_lifecycle_is_one_that_s3_takes(shelf: Shelf, shelf_settings: Settings) -> None:
    rules = lifecycle_rules(shelf_settings.model_copy(update={"retention_days": 3650}))

    shelf.bucket._client.put_bucket_lifecycle_configuration(
        Bucket=shelf.bucket.name, LifecycleConfiguration=rules
    )


def test_the_command_prints_policies(shelf_settings: Settings) -> None:
    env = environment(shelf_settings, AGENTS_S3_RETENTION_DAYS="30")

    for which in (*ROLES, "lifecycle"):
        done = muniment("shelf", "policy", which, env=env)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    assert '"Days": 30' in done.stdout


# Protection ----------------------------------------------------------------------------


def test_what_settings_ask_for_goes_along_with_every_object(
    shelf_settings: Settings, shelf: Shelf
) -> None:
    settings = shelf_settings.model_copy(
        update={
            "encryption": "aws:kms",
            "kms_key_id": "alias/agents",
            "object_lock_mode": "GOVERNANCE",
            "object_lock_days": 30,
            "bucket_owner": "123456789012",
        }
    )
    sent: list[dict[str, str]] = []
    with Shelf(settings) as protected:
        protected.bucket._client.meta.events.register(
            "before-call.s3", lambda params, **_: sent.append(dict(params["headers"]))
        )
        protected.bucket._client.meta.events.register(
            "before-send.s3", lambda **_: (_ for _ in ()).throw(OSError("not sent"))
        )
        with pytest.raises(ShelfUnreachable):
            protected.store(LARGE, kind="content", firm_id=FIRM_A, run_id=RUN, run_started_at=JUNE)

    (headers,) = sent
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/agents"
    assert headers["x-amz-object-lock-mode"] == "GOVERNANCE"
    until = datetime.fromisoformat(headers["x-amz-object-lock-retain-until-date"])
    assert timedelta(days=29) < until - datetime.now(UTC) < timedelta(days=31)
    assert headers["x-amz-expected-bucket-owner"] == "123456789012"
    assert headers["If-None-Match"] == "*"


def test_a_locked_and_encrypted_object_is_stored_and_fetched(shelf_settings: Settings) -> None:
    settings = shelf_settings.model_copy(
        update={
            "agents_bucket_name": f"{shelf_settings.bucket}-locked",
            "encryption": "AES256",
            "object_lock_mode": "COMPLIANCE",
            "object_lock_days": 1,
        }
    )
    with Shelf(settings) as shelf:
        client = shelf.bucket._client
        client.create_bucket(Bucket=settings.bucket, ObjectLockEnabledForBucket=True)
        body = shelf.store(LARGE, kind="content", firm_id=FIRM_A, run_id=RUN, run_started_at=JUNE)
        found = client.head_object(Bucket=settings.bucket, Key=body.s3_key)

        assert found["ServerSideEncryption"] == "AES256"
        assert found["ObjectLockMode"] == "COMPLIANCE"
        assert shelf.fetch(body) == LARGE
        # Stored again, it is met and proven; the encrypted one is no damaged one.
        assert (
            shelf.store(LARGE, kind="content", firm_id=FIRM_A, run_id=RUN, run_started_at=JUNE)
            == body
        )

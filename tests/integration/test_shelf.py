"""The shelf on a real S3 server: what goes there, what comes back, and what is noticed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from tests.fault_proxy import Fault, FaultProxy

from muniment.errors import (
    BodyRefused,
    ObjectDiffers,
    ObjectMissing,
    ShelfDenied,
    ShelfError,
    ShelfUnreachable,
)
from muniment.settings import Settings
from muniment.shelf import AsyncShelf, NewBody, Shelf, StoredBody, store
from muniment.shelf.body import INLINE_BYTES, encode

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
OTHER_FIRM = UUID("00000000-0000-4000-8000-00000000000b")
RUN = UUID("00000000-0000-4000-8000-0000000000a1")
STARTED = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
WHOSE: dict[str, Any] = {"firm_id": FIRM, "run_id": RUN, "run_started_at": STARTED}
LARGE = "evidence " * 5_000
# Of a shelf behind the proxy. Not less: the machine may be busy.
READ_TIMEOUT = 1.5


def new(content: str, kind: str = "content") -> NewBody:
    return NewBody(content, kind, **WHOSE)


def keys(shelf: Shelf, prefix: str = "") -> list[str]:
    return [found.key for found in shelf.bucket.listing(prefix)]


def raw_put(shelf: Shelf, key: str, data: bytes, **others: str) -> None:
    """Put an object there behind the shelf's back."""
    shelf.bucket._client.put_object(Bucket=shelf.bucket.name, Key=key, Body=data, **others)


def raw_get(shelf: Shelf, key: str) -> Any:
    return shelf.bucket._client.get_object(Bucket=shelf.bucket.name, Key=key)


# What goes where --------------------------------------------------------------


@pytest.mark.parametrize("size", [32_767, 32_768, 32_769])
@pytest.mark.parametrize("character", ["a", "é", "€", "😀"])
def test_bytes_decide_and_not_characters(shelf: Shelf, size: int, character: str) -> None:
    width = len(character.encode())
    text = character * (size // width) + "a" * (size % width)
    assert len(text.encode()) == size

    body = shelf.store(text, kind="content", **WHOSE)

    assert body.byte_count == size
    assert body.sha256 == hashlib.sha256(text.encode()).digest()
    assert body.is_inline is (size <= 32_768)
    assert (body.inline == text) is body.is_inline
    assert len(keys(shelf)) == (0 if body.is_inline else 1)
    assert shelf.fetch(body) == text


@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        "\0",
        "\ud800",
        "x\udfff" * 3,
        "\ud83d\ude00 in halves",
        "😀\0" * 20_000,
        "\udc80" * 40_000,
    ],
    ids=lambda text: ascii(text[:5]),
)
def test_what_postgresql_cannot_hold_comes_back_from_the_shelf(shelf: Shelf, text: str) -> None:
    body = shelf.store(text, kind="result", **WHOSE)

    assert body.storage == "s3"
    assert shelf.fetch(body) == text
    assert body.preview is not None
    assert "\0" not in body.preview
    body.preview.encode("utf-8")


@pytest.mark.parametrize("text", ["", "a", "\x01\x7f\u2028", "\ufffe\uffff", "e\u0301 \u00e9"])
def test_odd_texts_that_postgresql_can_hold_stay_inline(shelf: Shelf, text: str) -> None:
    body = shelf.store(text, kind="content")

    assert (body.storage, body.inline) == ("inline", text)
    assert shelf.fetch(body) == text


def test_the_key_has_the_month_of_the_run_in_utc(shelf: Shelf) -> None:
    here = timezone(timedelta(hours=10))
    started_at = datetime(2026, 7, 1, 5, tzinfo=here)

    body = shelf.store(LARGE, kind="args", firm_id=FIRM, run_id=RUN, run_started_at=started_at)

    digest = hashlib.sha256(LARGE.encode()).hexdigest()
    assert body.s3_key == f"agents/{FIRM}/202606/{RUN}/args/{digest}.json"
    assert keys(shelf) == [body.s3_key]


def test_an_object_is_the_bytes_of_the_text_and_says_what_it_is(shelf: Shelf) -> None:
    body = shelf.store(LARGE, kind="content", **WHOSE)

    found = raw_get(shelf, body.s3_key or "")

    assert found["Body"].read() == LARGE.encode()
    assert found["ContentType"] == "text/plain; charset=utf-8"
    assert found["Metadata"] == {"sha256": body.sha256.hex(), "bytes": str(len(LARGE))}
    assert shelf.bucket.head(body.s3_key or "").sha256 is not None


@pytest.mark.parametrize("missing", ["firm_id", "run_id", "run_started_at"])
def test_a_body_of_nobody_does_not_go_to_the_shelf(shelf: Shelf, missing: str) -> None:
    with pytest.raises(BodyRefused, match=missing) as caught:
        shelf.store(LARGE, kind="content", **{**WHOSE, missing: None})

    assert "evidence" not in str(caught.value)
    assert keys(shelf) == []


@pytest.mark.parametrize("kind", ["contents", "Content", "", "../x", "content/x"])
@pytest.mark.parametrize("text", ["small", LARGE], ids=["small", "large"])
def test_a_kind_that_the_ledger_does_not_have_is_refused(
    shelf: Shelf, kind: str, text: str
) -> None:
    with pytest.raises(BodyRefused, match="no kind"):
        shelf.store(text, kind=kind, **WHOSE)


def test_a_firm_that_is_no_uuid_and_a_time_without_offset_are_refused(shelf: Shelf) -> None:
    with pytest.raises(BodyRefused, match="firm_id"):
        shelf.store(LARGE, kind="content", **{**WHOSE, "firm_id": "../../other"})
    with pytest.raises(BodyRefused, match="run_started_at"):
        shelf.store(
            LARGE, kind="content", **{**WHOSE, "run_started_at": STARTED.replace(tzinfo=None)}
        )


def test_a_prefix_is_of_the_bucket_and_not_of_the_key(shelf_settings: Settings) -> None:
    settings = shelf_settings.model_copy(update={"prefix": "team/one/"})
    with Shelf(settings) as shelf, Shelf(shelf_settings) as whole:
        body = shelf.store(LARGE, kind="content", **WHOSE)

        assert keys(shelf) == [body.s3_key]
        assert keys(whole) == [f"team/one/{body.s3_key}"]
        assert shelf.fetch(body) == LARGE


# Once ---------------------------------------------------------------------------


def test_the_same_body_twice_is_one_object_that_is_put_once(shelf: Shelf) -> None:
    first = shelf.store(LARGE, kind="content", **WHOSE)
    put_at = shelf.bucket.head(first.s3_key or "").modified_at
    time.sleep(1.1)

    second = shelf.store(LARGE, kind="content", **WHOSE)

    assert second == first
    assert keys(shelf) == [first.s3_key]
    assert shelf.bucket.head(first.s3_key or "").modified_at == put_at


def test_writers_of_the_same_body_at_once_all_succeed(shelf: Shelf) -> None:
    for number in range(10):
        text = f"{number} {LARGE}"
        stored = shelf.store_many([new(text)] * 12)

        assert set(stored) == {stored[0]}
        assert shelf.fetch(stored[0]) == text
    assert len(keys(shelf)) == 10


def test_an_object_that_is_damaged_is_put_right_by_who_stores_it_again(shelf: Shelf) -> None:
    body = shelf.store(LARGE, kind="content", **WHOSE)
    raw_put(shelf, body.s3_key or "", b"x" * body.byte_count)

    shelf.store(LARGE, kind="content", **WHOSE)

    assert shelf.fetch(body) == LARGE


def test_an_old_object_is_put_anew_lest_a_sweep_takes_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = shelf.store(LARGE, kind="content", **WHOSE)
    put_at = shelf.bucket.head(body.s3_key or "").modified_at
    time.sleep(1.1)
    monkeypatch.setattr(store, "RENEW_AFTER", timedelta(seconds=1))

    shelf.store(LARGE, kind="content", **WHOSE)

    assert shelf.bucket.head(body.s3_key or "").modified_at > put_at


# Proof ----------------------------------------------------------------------------


def test_what_was_changed_on_the_shelf_is_not_returned(shelf: Shelf) -> None:
    body = shelf.store(LARGE, kind="content", **WHOSE)
    key = body.s3_key or ""
    data = LARGE.encode()

    for damage, expected in {
        data[:-1]: "45,000 bytes expected, 44,999 found",
        data + b"x": "45,000 bytes expected, 45,001",
        b"": "45,000 bytes expected, 0 found",
        data[:100] + b"X" + data[101:]: f"SHA-256 {body.sha256.hex()} expected",
    }.items():
        raw_put(shelf, key, damage)
        with pytest.raises(ObjectDiffers) as caught:
            shelf.fetch(body)
        assert key in caught.value.message
        assert expected in caught.value.message
        assert caught.value.key == key
    assert hashlib.sha256(data[:100] + b"X" + data[101:]).hexdigest() in caught.value.message

    shelf.bucket.delete(key)
    with pytest.raises(ObjectMissing, match=key):
        shelf.fetch(body)


def test_columns_that_lie_are_noticed(shelf: Shelf) -> None:
    body = shelf.store(LARGE, kind="content", **WHOSE)
    shorter = StoredBody("s3", None, body.s3_key, body.sha256, body.byte_count - 1)
    inline = StoredBody("inline", "a", None, hashlib.sha256(b"b").digest(), 1)

    with pytest.raises(ObjectDiffers, match="bytes expected"):
        shelf.fetch(shorter)
    with pytest.raises(ObjectDiffers, match="SHA-256"):
        shelf.fetch(inline)


def test_bytes_that_are_no_text_are_an_error_of_the_shelf(shelf: Shelf) -> None:
    data = "naïve ".encode("latin-1") * 10_000
    digest = hashlib.sha256(data)
    key = f"agents/{FIRM}/202606/{RUN}/content/{digest.hexdigest()}.json"
    shelf.bucket._client.put_object(Bucket=shelf.bucket.name, Key=key, Body=data)
    body = StoredBody("s3", None, key, digest.digest(), len(data))

    with pytest.raises(ObjectDiffers, match="not UTF-8 from byte 2 on") as caught:
        shelf.fetch(body)

    # What holds the bytes is not carried along.
    assert caught.value.__cause__ is None
    (found,) = shelf.fetch_many([body], return_errors=True)
    assert isinstance(found, ObjectDiffers)


def test_a_key_of_another_firm_is_refused(shelf: Shelf) -> None:
    body = shelf.store(LARGE, kind="content", **{**WHOSE, "firm_id": OTHER_FIRM})

    with pytest.raises(BodyRefused, match=f"not of firm {FIRM}"):
        shelf.fetch(body, firm_id=FIRM)
    assert shelf.fetch(body, firm_id=OTHER_FIRM) == LARGE


def test_the_wrong_password_is_denied(shelf_settings: Settings) -> None:
    settings = shelf_settings.model_copy(update={"access_key_id": "nobody"})
    with Shelf(settings) as shelf, pytest.raises(ShelfDenied):
        shelf.store(LARGE, kind="content", **WHOSE)


def test_a_bucket_that_is_not_there_is_named(shelf_settings: Settings) -> None:
    settings = shelf_settings.model_copy(update={"agents_bucket_name": "no-such-bucket"})
    with Shelf(settings) as shelf, pytest.raises(ShelfError, match="no bucket no-such-bucket"):
        shelf.store(LARGE, kind="content", **WHOSE)


def test_s3_refuses_bytes_that_are_not_those_of_the_checksum(shelf: Shelf) -> None:
    with pytest.raises(ShelfError, match="BadDigest"):
        shelf.bucket.put(
            "wrong",
            b"other bytes",
            size=11,
            sha256=hashlib.sha256(b"these bytes").digest(),
            content_type="text/plain",
            metadata={},
        )
    assert keys(shelf) == []


# Several at a time ------------------------------------------------------------------


def test_many_go_at_once_and_keep_their_order(shelf: Shelf) -> None:
    source = random.Random(7)  # noqa: S311
    texts = [f"{number} " + "x" * source.choice([10, 33_000, 90_000]) for number in range(120)]

    stored = shelf.store_many(map(new, texts))

    assert [body.byte_count for body in stored] == [len(text) for text in texts]
    assert shelf.fetch_many(stored) == texts
    assert shelf.fetch_many(stored, return_errors=True) == texts


def test_of_many_the_first_that_fails_is_raised_and_nothing_goes_on_behind(shelf: Shelf) -> None:
    bodies = [new(f"{number} {LARGE}") for number in range(200)]
    bodies[3] = NewBody(LARGE, "content")

    with pytest.raises(BodyRefused):
        shelf.store_many(bodies)
    left = len(keys(shelf))
    time.sleep(0.5)

    assert len(keys(shelf)) == left < 100

    stored = shelf.store_many([new("a" + LARGE), new("b" + LARGE), new("c" + LARGE)])
    shelf.bucket.delete(stored[1].s3_key or "")
    with pytest.raises(ObjectMissing):
        shelf.fetch_many(stored)
    first, second, third = shelf.fetch_many(stored, return_errors=True)
    assert (first, third) == ("a" + LARGE, "c" + LARGE)
    assert isinstance(second, ObjectMissing)


def test_no_more_are_under_way_than_settings_allow(shelf_settings: Settings) -> None:
    settings = shelf_settings.model_copy(update={"concurrency": 3})
    taken = 0

    def bodies() -> Iterator[NewBody]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield new(f"{number} {LARGE}")

    with Shelf(settings) as shelf:
        for done, _ in enumerate(shelf.each(shelf.store_body, bodies()), start=1):
            assert taken - done <= 6
        assert sum("muniment-shelf" in one.name for one in threading.enumerate()) <= 3


def test_asyncio_code_gets_the_same(shelf_settings: Settings) -> None:
    texts = [f"{number} {LARGE}" for number in range(40)]

    async def work() -> None:
        async with AsyncShelf(shelf_settings) as shelf:
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.002)
                    ticks += 1

            ticking = asyncio.create_task(tick())
            one = await shelf.store("small", kind="content")
            stored = await shelf.store_many(map(new, texts))
            assert await shelf.fetch(one) == "small"
            assert await shelf.fetch_many(stored) == texts
            with pytest.raises(BodyRefused):
                await shelf.store_many([new("a"), NewBody(LARGE, "content"), new("b")])
            ticking.cancel()
            # The loop went on meanwhile.
            assert ticks > 10

    asyncio.run(work())


# Files ---------------------------------------------------------------------------


def test_a_file_goes_there_and_back(shelf: Shelf) -> None:
    text = "€ für 😀\n" * 400_000
    file = io.BytesIO(b"before" + text.encode())
    file.seek(6)

    body = shelf.store_file(file, kind="result", **WHOSE)
    out = io.BytesIO()
    shelf.fetch_file(body, out)

    assert body == shelf.store(text, kind="result", **WHOSE)
    assert out.getvalue() == text.encode()
    assert shelf.store_file(io.BytesIO(b"small"), kind="result").inline == "small"


@pytest.mark.parametrize("data", [b"\xff", b"a" * 2_000_000 + b"\xff", b"a" * 2_000_000 + b"\xe2"])
def test_a_file_that_is_no_text_is_refused(shelf: Shelf, data: bytes) -> None:
    with pytest.raises(BodyRefused, match="not UTF-8"):
        shelf.store_file(io.BytesIO(data), kind="result", **WHOSE)
    assert keys(shelf) == []


FLAT = """
import json, pathlib, re, sys, tempfile
from datetime import UTC, datetime
from uuid import UUID
from muniment.settings import Settings
from muniment.shelf import Shelf
settings = Settings.model_validate(json.loads(sys.argv[1]))
whose = {"firm_id": UUID(int=1), "run_id": UUID(int=2), "run_started_at": datetime.now(UTC)}
# Not what rusage says: a process inherits that from the one that starts it.
status = pathlib.Path("/proc/self/status")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) // 1024
with Shelf(settings) as shelf, tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as out:
    block = b"".join(b"%07d\\n" % number for number in range(131072))
    shelf.fetch(shelf.store("warm up " * 9000, kind="content", **whose))
    before = peak()
    for _ in range(500):
        file.write(block)
    file.seek(0)
    body = shelf.store_file(file, kind="result", **whose)
    shelf.fetch_file(body, out)
    assert out.tell() == body.byte_count == 500 * len(block)
    shelf.bucket.delete(body.s3_key)
    print(before, peak())
"""


def test_memory_stays_flat_for_a_body_of_500_megabytes(shelf_settings: Settings) -> None:
    secret = shelf_settings.secret_access_key
    assert secret is not None
    settings = shelf_settings.model_dump_json(exclude={"secret_access_key"})
    given = settings[:-1] + f',"secret_access_key":"{secret.get_secret_value()}"}}'

    done = subprocess.run(
        [sys.executable, "-c", FLAT, given], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    print(f"{before} MB before, {after} MB at most")  # noqa: T201
    assert after - before < 40


# Compressed ------------------------------------------------------------------------


def test_compressed_objects_are_keyed_and_proven_by_what_they_stand_for(
    shelf_settings: Settings,
) -> None:
    settings = shelf_settings.model_copy(update={"compression": "zstd"})
    with Shelf(settings) as packing, Shelf(shelf_settings) as plain:
        body = packing.store(LARGE, kind="content", **WHOSE)
        key = body.s3_key or ""

        assert packing.bucket.head(key).encoding == "zstd"
        assert packing.bucket.head(key).size < 1_000
        # Whoever reads needs no setting, and whoever stores it again meets it.
        assert plain.fetch(body) == LARGE
        assert plain.store(LARGE, kind="content", **WHOSE) == body
        assert plain.bucket.head(key).encoding == "zstd"

        import zstandard

        for damage in (
            zstandard.compress(b"other" + LARGE[5:].encode()),
            zstandard.compress(LARGE.encode() + b"x"),
            zstandard.compress(b"\0" * 1_000_000_000),
            zstandard.compress(LARGE.encode())[:-9],
            b"no zstd at all",
        ):
            raw_put(plain, key, damage, ContentEncoding="zstd")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            with pytest.raises(ObjectDiffers):
                plain.fetch(body)
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000

        packing.store(LARGE, kind="content", **WHOSE)
        assert plain.fetch(body) == LARGE


# At its worst -----------------------------------------------------------------------


def through(settings: Settings, proxy: FaultProxy, **others: object) -> Settings:
    quick = {"connect_timeout": 1.0, "read_timeout": READ_TIMEOUT, "attempts": 2}
    return settings.model_copy(update={"endpoint_url": proxy.endpoint_url, **quick, **others})


FAULTS = [
    Fault("refuse"),
    Fault("silence"),
    Fault("busy"),
    Fault("cut", after=10),
    Fault("cut_request", after=20_000),
    Fault("lose_answer"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_storing_through_a_fault_fails_in_time_and_works_later(
    shelf_settings: Settings, shelf: Shelf, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.fault = Fault(fault.kind, fault.after)
    with Shelf(through(shelf_settings, proxy)) as faulty:
        started = time.monotonic()
        with pytest.raises(ShelfUnreachable) as caught:
            faulty.store(LARGE, kind="content", **WHOSE)

        # Two attempts, each of which may wait for a connection and for an answer, and a pause.
        assert time.monotonic() - started < 2 * (1.0 + READ_TIMEOUT) + 2 + 1
        assert proxy.connections >= 2
        assert "evidence" not in str(caught.value)

        proxy.fault = None
        body = faulty.store(LARGE, kind="content", **WHOSE)

    assert shelf.fetch(body) == LARGE
    assert keys(shelf) == [body.s3_key]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_one_fault_is_got_over(
    shelf_settings: Settings, shelf: Shelf, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.fault = Fault(fault.kind, fault.after, times=1)
    with Shelf(through(shelf_settings, proxy)) as faulty:
        body = faulty.store(LARGE, kind="content", **WHOSE)

    assert shelf.fetch(body) == LARGE
    assert keys(shelf) == [body.s3_key]


def test_a_server_that_is_not_there_is_said_to_be_unreachable(shelf_settings: Settings) -> None:
    settings = shelf_settings.model_copy(
        update={"endpoint_url": "http://127.0.0.1:1", "attempts": 1}
    )
    with Shelf(settings) as shelf, pytest.raises(ShelfUnreachable, match=r"127\.0\.0\.1:1"):
        shelf.store(LARGE, kind="content", **WHOSE)


@pytest.mark.parametrize("after", [50, 5_000, 40_000], ids=str)
def test_a_body_that_is_cut_off_is_read_on(
    shelf_settings: Settings, shelf: Shelf, proxy: FaultProxy, after: int
) -> None:
    text = "".join(map(str, range(100_000)))
    body = shelf.store(text, kind="content", **WHOSE)
    with Shelf(through(shelf_settings, proxy)) as faulty:
        proxy.fault = Fault("cut", after, times=1)
        assert faulty.fetch(body) == text

    # Connections of its own: one that went through stays open and goes through again.
    with Shelf(through(shelf_settings, proxy)) as faulty:
        proxy.fault = Fault("cut", after)
        started = time.monotonic()
        with pytest.raises(ShelfUnreachable):
            faulty.fetch(body)
        assert time.monotonic() - started < 2 * (1.0 + READ_TIMEOUT) + 4


def test_an_object_that_was_replaced_in_the_middle_of_reading_is_not_mixed(
    shelf_settings: Settings, shelf: Shelf, proxy: FaultProxy
) -> None:
    text = "a" * 1_000_000
    body = shelf.store(text, kind="content", **WHOSE)
    settings = through(shelf_settings, proxy)
    with Shelf(settings) as faulty:
        proxy.fault = Fault("cut", 300_000, times=1)
        pieces = faulty._proven_pieces(body)
        next(pieces)
        raw_put(shelf, body.s3_key or "", b"b" * 1_000_000)
        with pytest.raises(ShelfError):
            list(pieces)


def test_a_trickle_ends_in_time(shelf_settings: Settings, shelf: Shelf, proxy: FaultProxy) -> None:
    body = shelf.store(LARGE, kind="content", **WHOSE)
    proxy.fault = Fault("trickle", after=2_000)
    with Shelf(through(shelf_settings, proxy)) as faulty:
        started = time.monotonic()
        with pytest.raises(ShelfUnreachable):
            faulty.fetch(body)
        # At this pace it would take a quarter of an hour.
        assert time.monotonic() - started < 2 * (READ_TIMEOUT + 45_000 / 65_536) + 2


# Silence ---------------------------------------------------------------------------


def test_nothing_logs_a_body(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    confession = "the client confessed"
    text = f"{confession} " * 3_000
    with caplog.at_level(logging.DEBUG):
        body = shelf.store(text, kind="content", **WHOSE)
        shelf.store(f"{confession}\0", kind="content", **WHOSE)
        shelf.store(text * 30, kind="content", **WHOSE)
        shelf.fetch(body)
        raw_put(shelf, body.s3_key or "", encode("damage"))
        with pytest.raises(ObjectDiffers) as caught:
            shelf.fetch(body)

    assert len(caplog.records) > 100
    shown = [caplog.text, repr(body), repr(new(text)), str(caught.value), *capfd.readouterr()]
    assert not any(confession in one for one in shown)


def test_the_threshold_is_that_of_the_checks() -> None:
    assert INLINE_BYTES == 32_768

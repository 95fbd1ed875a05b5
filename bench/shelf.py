"""The shelf beside a bare boto3 thread pool and a naive put-then-row helper, in one run.

``make bench-shelf`` starts its own S3 server. What is compared:

bare      boto3 in as many threads, put_object and get_object, no hash of one's own
naive     as amazon-sqs-extended-client does it: a random key for each try, one after another, a
          pointer as JSON; nothing is proven on the way back
muniment  store_many and fetch_many, with conditional puts and with the hash proven

Rounds alternate, and what is printed is the best of each and its ratio to bare.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import boto3
from botocore.config import Config

from muniment.embedded.bucket import make_bucket, settings_of
from muniment.embedded.weed import ShelfServer, start_shelf, stop_shelf
from muniment.settings import Settings
from muniment.shelf import NewBody, Shelf

FIRM, STARTED = UUID(int=1), datetime(2026, 6, 1, tzinfo=UTC)
THREADS = 16
WORDS = "the witness said that the agreement of june was never signed by either party "


def texts(count: int, size: int, round_no: int) -> list[str]:
    """Return bodies that differ, of so many bytes."""
    body = (WORDS * (size // len(WORDS) + 1))[: size - 24]
    return [f"{round_no:08} {number:08} {body}".ljust(size, ".") for number in range(count)]


class Bare:
    """What boto3 does by itself."""

    name = "bare"

    def __init__(self, settings: Settings) -> None:
        secret = settings.secret_access_key
        assert secret is not None  # noqa: S101
        self.bucket = settings.bucket
        self.client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=secret.get_secret_value(),
            config=Config(max_pool_connections=THREADS),
        )
        self.threads = ThreadPoolExecutor(THREADS)

    def put(self, bodies: list[str]) -> list[str]:
        """Put all."""

        def one(text: str) -> str:
            key = f"bare/{uuid4()}"
            self.client.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
            return key

        return list(self.threads.map(one, bodies))

    def get(self, keys: list[str]) -> list[str]:
        """Get all."""

        def one(key: str) -> str:
            found = self.client.get_object(Bucket=self.bucket, Key=key)
            text: str = found["Body"].read().decode()
            return text

        return list(self.threads.map(one, keys))


class Naive(Bare):
    """One after another, by pointers."""

    name = "naive"

    def put(self, bodies: list[str]) -> list[str]:
        """Put all."""
        rows = []
        for text in bodies:
            key = str(uuid4())
            self.client.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
            rows.append(
                json.dumps(["PayloadS3Pointer", {"s3BucketName": self.bucket, "s3Key": key}])
            )
        return rows

    def get(self, rows: list[str]) -> list[str]:
        """Get all."""
        found = []
        for row in rows:
            pointer = json.loads(row)[1]
            answer = self.client.get_object(Bucket=pointer["s3BucketName"], Key=pointer["s3Key"])
            found.append(answer["Body"].read().decode())
        return found


class Muniment:
    """The shelf."""

    name = "muniment"

    def __init__(self, settings: Settings) -> None:
        self.shelf = Shelf(settings.model_copy(update={"concurrency": THREADS}))

    def put(self, bodies: list[str]) -> list[object]:
        """Put all."""
        run = uuid4()
        return list(
            self.shelf.store_many(NewBody(text, "content", FIRM, run, STARTED) for text in bodies)
        )

    def get(self, rows: list[object]) -> list[str]:
        """Get all."""
        return self.shelf.fetch_many(rows)  # type: ignore[arg-type]


def timed(work: Callable[[], list[object]]) -> tuple[float, list[object]]:
    """Return how long it took, and what it gave."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def measure(settings: Settings, count: int, size: int, rounds: int) -> None:
    """Print a table of one size."""
    sides = [Bare(settings), Naive(settings), Muniment(settings)]
    best: dict[tuple[str, str], float] = {}
    pairs: dict[str, list[float]] = {"put": [], "get": []}
    for side in sides:
        side.get(side.put(texts(THREADS, size, 99)))
    for round_no in range(rounds):
        took: dict[tuple[str, str], float] = {}
        order = sides if round_no % 2 == 0 else sides[::-1]
        for side in order:
            bodies = texts(count, size, round_no)
            took["put", side.name], rows = timed(lambda s=side, b=bodies: s.put(b))
            took["get", side.name], found = timed(lambda s=side, r=rows: s.get(r))
            assert found == bodies  # noqa: S101
        for what, ratios in pairs.items():
            ratios.append(took[what, "muniment"] / took[what, "bare"])
        best = {key: min(took[key], best.get(key, took[key])) for key in took}
    print(f"\n{count:,} bodies of {size:,} bytes, {THREADS} threads, best of {rounds} rounds")
    print(f"{'':6}" + "".join(f"{side.name:>22}" for side in sides) + f"{'paired median':>16}")
    for what, ratios in pairs.items():
        line = f"{what:6}"
        for side in sides:
            seconds = best[what, side.name]
            line += f"{seconds:>12.3f} s {seconds / best[what, 'bare']:>6.2f}x "
        print(f"{line}{sorted(ratios)[len(ratios) // 2]:>14.2f}x")


def large(settings: Settings, megabytes: int) -> None:
    """Print what a large body takes of memory, in a process of its own."""
    with (
        Shelf(settings) as shelf,
        tempfile.TemporaryFile() as file,
        tempfile.TemporaryFile() as out,
    ):
        shelf.bucket.make()
        before = peak_megabytes()
        block = (WORDS * 20_000).encode()[: 1024 * 1024]
        for _ in range(megabytes):
            file.write(block)
        file.seek(0)
        began = time.perf_counter()
        body = shelf.store_file(
            file, kind="args", firm_id=FIRM, run_id=FIRM, run_started_at=STARTED
        )
        stored = time.perf_counter()
        shelf.fetch_file(body, out)
        fetched = time.perf_counter()
        print(
            f"\none body of {megabytes} MB: stored in {stored - began:.1f} s, fetched and proven "
            f"in {fetched - stored:.1f} s; {before} MB before, {peak_megabytes()} MB at most"
        )


def peak_megabytes() -> int:
    """Return the most memory that this process had. Linux only; what rusage says is inherited."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found  # noqa: S101
    return int(found[1]) // 1024


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the large bodies only")
    parser.add_argument("--large", metavar="DIRECTORY", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.large:
        notes = json.loads(Path(options.large, "shelf.json").read_text())
        server = ShelfServer(
            Path(options.large),
            notes["ports"]["s3"],
            notes["access_key_id"],
            notes["secret_access_key"],
        )
        large(settings_of(server), 500)
        return
    state = Path(tempfile.mkdtemp(prefix="muniment-bench-")) / ".muniment"
    try:
        server = start_shelf(state)
        make_bucket(server)
        settings = settings_of(server)
        data = b"x" * 40_000_000
        took, _ = timed(lambda: [hashlib.sha256(data).digest()])
        print(f"SHA-256 here: {40 / took:,.0f} MB/s", flush=True)
        if not options.quick:
            measure(settings, 2_000, 40_000, options.rounds)
        measure(settings, 200, 1_000_000, options.rounds)
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, "--large", str(state)], check=True)  # noqa: S603
    finally:
        stop_shelf(state)
        shutil.rmtree(state.parent)


if __name__ == "__main__":
    main()

"""`python -m benchmarks.shelf`: the shelf beside a bare boto3 thread pool and a naive helper.

It starts an S3 server of its own. What is compared:

bare      boto3 in as many threads, put_object and get_object, no hash of one's own
naive     as amazon-sqs-extended-client does it: a random key for each try, one after another, a
          pointer as JSON; nothing is proven on the way back
muniment  store_many and fetch_many, with conditional puts and with the hash proven

All take their turn in every round, and every second round goes backwards. What is shown is the best
of each with its ratio to bare, and the median of the ratios within one round.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import click
from botocore.config import Config

from muniment.embedded.bucket import make_bucket, settings_of
from muniment.embedded.weed import running_shelf, start_shelf, stop_shelf
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
    sides: list[Any] = [Bare(settings), Naive(settings), Muniment(settings)]
    best: dict[tuple[str, str], float] = {}
    pairs: dict[str, list[float]] = {"put": [], "get": []}
    for side in sides:
        side.get(side.put(texts(THREADS, size, 99)))
    for round_no in range(rounds):
        took: dict[tuple[str, str], float] = {}
        order = sides if round_no % 2 == 0 else sides[::-1]
        for side in order:
            bodies = texts(count, size, round_no)
            took["put", side.name], rows = timed(partial(side.put, bodies))
            took["get", side.name], found = timed(partial(side.get, rows))
            assert found == bodies  # noqa: S101
        for what, ratios in pairs.items():
            ratios.append(took[what, "muniment"] / took[what, "bare"])
        best = {key: min(took[key], best.get(key, took[key])) for key in took}
    click.echo(f"\n{count:,} bodies of {size:,} bytes, {THREADS} threads, best of {rounds} rounds")
    click.echo(f"{'':6}" + "".join(f"{side.name:>22}" for side in sides) + f"{'paired median':>16}")
    for what, ratios in pairs.items():
        line = f"{what:6}"
        for side in sides:
            seconds = best[what, side.name]
            line += f"{seconds:>12.3f} s {seconds / best[what, 'bare']:>6.2f}x "
        click.echo(f"{line}{sorted(ratios)[len(ratios) // 2]:>14.2f}x")


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
        click.echo(
            f"\none body of {megabytes} MB: stored in {stored - began:.1f} s, fetched and proven "
            f"in {fetched - stored:.1f} s; {before} MB before, {peak_megabytes()} MB at most"
        )


def peak_megabytes() -> int:
    """Return the most memory that this process had. Linux only; what rusage says is inherited."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found  # noqa: S101
    return int(found[1]) // 1024


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--small", type=int, default=2_000, show_default=True, help="Bodies of 40 kB.")
@click.option("--big", type=int, default=200, show_default=True, help="Bodies of 1 MB.")
@click.option(
    "--megabytes", type=int, default=500, show_default=True, help="Of the one large body."
)
@click.option(
    "--large-only", type=click.Path(path_type=Path, exists=True, file_okay=False), hidden=True
)
def main(rounds: int, small: int, big: int, megabytes: int, large_only: Path | None) -> None:
    """Measure the shelf beside bare boto3 on this machine, in interleaved rounds."""
    if large_only is not None:
        server = running_shelf(large_only)
        if server is None:
            raise click.ClickException("the shelf is gone")
        large(settings_of(server), megabytes)
        return
    # The server must not outlive this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    state = Path(tempfile.mkdtemp(prefix="muniment-bench-")) / ".muniment"
    try:
        server = start_shelf(state)
        make_bucket(server)
        settings = settings_of(server)
        data = b"x" * 40_000_000
        took, _ = timed(lambda: [hashlib.sha256(data).digest()])
        click.echo(f"SHA-256 here: {40 / took:,.0f} MB/s")
        measure(settings, small, 40_000, rounds)
        measure(settings, big, 1_000_000, rounds)
        # In a process of its own, whose memory nothing else has filled.
        itself = [sys.executable, "-m", "benchmarks.shelf", f"--megabytes={megabytes}"]
        subprocess.run([*itself, "--large-only", str(state.parent)], check=True)  # noqa: S603
    finally:
        stop_shelf(state)
        shutil.rmtree(state.parent)


if __name__ == "__main__":
    main()

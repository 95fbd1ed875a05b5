"""S3 for tests: a server a session, a bucket a test.

`shelf_server`      SeaweedFS, started when a test first asks for it
`shelf_settings`    settings that lead to a new, empty bucket on it
`shelf`             a shelf of those settings
`proxy`             a way to that server that can be made to fail: see :mod:`tests.fault_proxy`
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from muniment.embedded.bucket import make_bucket, settings_of
from muniment.embedded.weed import ShelfServer, start_shelf, stop_shelf
from muniment.settings import Settings
from muniment.shelf import Shelf
from tests.fault_proxy import FaultProxy

_numbers = count(1)


@pytest.fixture(scope="session")
def shelf_server() -> Iterator[ShelfServer]:
    state = Path(tempfile.mkdtemp(prefix="muniment-")) / ".muniment"
    try:
        server = start_shelf(state)
        make_bucket(server)
        yield server
    finally:
        stop_shelf(state)
        shutil.rmtree(state.parent)


@pytest.fixture
def shelf_settings(shelf_server: ShelfServer) -> Iterator[Settings]:
    settings = settings_of(shelf_server, agents_bucket_name=f"test-{next(_numbers)}")
    with Shelf(settings) as made:
        made.bucket.make()
        yield settings
        # A bucket takes a volume of the server, which has as many as gigabytes are free.
        for found in made.bucket.listing(""):
            made.bucket.delete(found.key)
        made.bucket._client.delete_bucket(Bucket=made.bucket.name)


@pytest.fixture
def shelf(shelf_settings: Settings) -> Iterator[Shelf]:
    with Shelf(shelf_settings) as opened:
        yield opened


@pytest.fixture
def proxy(shelf_server: ShelfServer) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", shelf_server.port) as running:
        yield running

"""What `muniment up` asks of its S3 server: the bucket, and the settings that lead to it.

Apart from the rest of the package, because it loads the client.
"""

from __future__ import annotations

import time
from hashlib import sha256

from pydantic import SecretStr

from muniment.embedded.state import PATIENCE_SECONDS
from muniment.embedded.weed import ShelfServer, last_words, running_shelf
from muniment.errors import ServerError, ShelfError
from muniment.settings import Settings
from muniment.shelf import Shelf

__all__ = ["make_bucket", "settings_of"]

_PROBE = "muniment-up"


def settings_of(server: ShelfServer, **others: object) -> Settings:
    """Return the settings that lead to an S3 server of `muniment up`.

    Args:
        server: The server.
        others: Further settings, by name.
    """
    return Settings.model_validate(
        {
            "agents_bucket_name": server.bucket,
            "endpoint_url": server.endpoint_url,
            "region": "us-east-1",
            "access_key_id": server.access_key_id,
            "secret_access_key": SecretStr(server.secret_access_key),
            **others,
        }
    )


def make_bucket(server: ShelfServer) -> None:
    """Wait until the server takes objects, and make its bucket unless it is there.

    Raises:
        ServerError: It does not get that far.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Shelf(settings_of(server, attempts=1, connect_timeout=2, read_timeout=10)) as shelf:
        while True:
            try:
                shelf.bucket.make()
                # It answers before the part that keeps the bytes has joined it, so only an object
                # that it took and gave back tells; an empty one would not need that part.
                shelf.bucket.put(
                    _PROBE,
                    _PROBE.encode(),
                    size=len(_PROBE),
                    sha256=sha256(_PROBE.encode()).digest(),
                    content_type="text/plain",
                    metadata={},
                    overwrite=True,
                )
                with shelf.bucket.reading(_PROBE, at_most=len(_PROBE)) as (_, pieces):
                    for _piece in pieces:
                        pass
                return
            except ShelfError as error:
                is_gone = running_shelf(server.directory.parent) is None
                if time.monotonic() > deadline or (is_gone and deadline - time.monotonic() < 55):
                    raise ServerError(
                        f"the shelf does not start: {server.directory}: "
                        f"{last_words(server.directory) or error.message}",
                        hint=f"All that it said is in {server.directory / 'shelf.log'}.",
                    ) from error
            time.sleep(0.05)

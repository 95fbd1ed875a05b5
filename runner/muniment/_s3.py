"""The door to S3: the only module that imports boto3 and botocore.

:class:`Bucket` speaks of keys and bytes, knows nothing of bodies, and turns what goes wrong into
the errors of :mod:`muniment.errors`. boto3 is slow to import, so this module is imported when the
first object is sent or asked for.
"""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import urllib3.exceptions
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from muniment.errors import ObjectMissing, ShelfDenied, ShelfError, ShelfUnreachable

if TYPE_CHECKING:
    from muniment.settings import Settings

__all__ = ["Bucket", "Head", "Listed", "Source"]

log = logging.getLogger("muniment.shelf")

READ_BYTES = 128 * 1024
# A server that sends slower than this is no better than one that is down.
SLOWEST_BYTES_PER_SECOND = 64 * 1024
# "Two requests at once" is answered with 409 when S3 cannot tell which was first.
CONFLICT_TRIES = 6
CONFLICT_SECONDS = 0.05

_CREDENTIALS = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AccessDenied",
    "AllAccessDisabled", "403", "401",
}  # fmt: skip
_MISSING = {"NoSuchKey", "404", "NotFound"}
# AWS answers what passes with these and with 500 to 504; botocore has tried again by then.
_PASSING = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "429"}


@dataclass(frozen=True, slots=True)
class Head:
    """What S3 says of an object without sending it.

    Attributes:
        size: Bytes as they are kept, which are others than those of the body if they are encoded.
        modified_at: When it was put there.
        sha256: What S3 computed when it took the object, in base64, if it was asked to.
        encoding: ``zstd``, or None.
        metadata: The caller's, by name in lower case.
        etag: Its version, for asking for the rest of the same.
    """

    size: int
    modified_at: datetime
    sha256: str | None
    encoding: str | None
    metadata: Mapping[str, str]
    etag: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing."""

    key: str
    size: int
    modified_at: datetime


class Source(Protocol):
    """What can be read more than once: a file, or something like one."""

    def read(self, size: int = -1, /) -> bytes:
        """Return so many bytes, or what is left."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""


class Bucket:
    """One bucket, as settings name it. Safe to share between threads.

    Args:
        settings: Where it is; credentials come from them, else from where boto3 looks for them.

    Raises:
        ShelfError: The settings make no client, as with an endpoint that is no URL.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = settings.bucket
        self._settings = settings
        self._prefix = settings.prefix
        secret = settings.secret_access_key
        config = Config(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            retries={"total_max_attempts": settings.attempts, "mode": "standard"},
            max_pool_connections=settings.concurrency,
            # The SHA-256 of the body goes along with a put, and a reader proves it; CRC32 on top
            # would prove nothing more.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={
                # A server of one's own seldom has a name for each bucket.
                "addressing_style": "path" if settings.endpoint_url else "auto",
                # The checksum is among the signed headers, and S3 holds the body to it; without
                # TLS, botocore would hash every body a second time to sign it as well.
                "payload_signing_enabled": False,
            },
        )
        with self._translated("connect to the shelf", None):
            self._client: Any = boto3.session.Session().client(
                "s3",
                endpoint_url=settings.endpoint_url,
                region_name=settings.region or ("us-east-1" if settings.endpoint_url else None),
                aws_access_key_id=settings.access_key_id,
                aws_secret_access_key=secret.get_secret_value() if secret else None,
                config=config,
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def put(
        self,
        key: str,
        data: bytes | Source,
        *,
        size: int,
        sha256: bytes,
        content_type: str,
        metadata: Mapping[str, str],
        encoding: str | None = None,
        overwrite: bool = False,
    ) -> bool:
        """Put an object there, whole or not at all.

        Args:
            key: Its key, without the prefix of the settings.
            data: The bytes, or a file that holds them from its beginning.
            size: How many they are.
            sha256: Of these bytes; S3 refuses others.
            content_type: For whoever opens it in a browser.
            metadata: To be kept with it.
            encoding: How these bytes encode the body, if they do.
            overwrite: Put it there even if there is one.

        Returns:
            Whether it was put there; False when there was one already.

        Raises:
            ShelfError: It was not put there, or it is not known whether it was.
        """
        given: dict[str, Any] = {
            "ContentLength": size,
            "ChecksumSHA256": b64encode(sha256).decode("ascii"),
            "ContentType": content_type,
            "Metadata": dict(metadata),
            **self._protection(),
        }
        if encoding is not None:
            given["ContentEncoding"] = encoding
        if not overwrite:
            given["IfNoneMatch"] = "*"
        for attempt in range(CONFLICT_TRIES):
            if not isinstance(data, bytes):
                data.seek(0)
            try:
                # botocore makes a file of bytes, whose name is all that it logs of them.
                self._client.put_object(**self._where(key), Body=data, **given)
            except ClientError as error:
                status = _status(error)
                if status == 412:
                    return False
                if status == 409 and attempt + 1 < CONFLICT_TRIES:
                    time.sleep(CONFLICT_SECONDS * 2**attempt)
                    continue
                raise self._error("put", key, error) from error
            except (BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
                raise self._error("put", key, error) from error
            else:
                return True
        raise AssertionError("the last attempt returns or raises")

    def head(self, key: str) -> Head:
        """Ask what an object is.

        Raises:
            ObjectMissing: There is none.
            ShelfError: S3 does not say.
        """
        return _head(self._ask("look at", "head_object", key, ChecksumMode="ENABLED"))

    @contextmanager
    def reading(self, key: str, *, at_most: int) -> Iterator[tuple[Head, Iterator[bytes]]]:
        """Open an object: what it is, and its bytes in pieces.

        A connection that breaks in the middle is taken up again where it broke, on the same version
        of the object, as often as the settings allow.

        Args:
            key: Its key, without the prefix of the settings.
            at_most: How many bytes the caller expects; sets how long it may take.

        Raises:
            ObjectMissing: There is none.
            ShelfError: S3 does not send it, or not in time.
        """
        limit = self._settings.read_timeout + at_most / SLOWEST_BYTES_PER_SECOND
        deadline = time.monotonic() + limit * self._settings.attempts
        first = self._get(key)
        open_now = [first]

        def pieces() -> Iterator[bytes]:
            yield from self._pieces(key, first, open_now, deadline)

        try:
            yield _head(first), pieces()
        finally:
            open_now[-1]["Body"].close()

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects whose keys begin so, in the order of their keys' bytes.

        Raises:
            ShelfError: S3 does not list them.
        """
        where = {"Bucket": self.name, "Prefix": self._prefix + prefix, **self._owner()}
        with self._translated("list", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(**where):
                for found in page.get("Contents", ()):
                    yield Listed(
                        found["Key"].removeprefix(self._prefix),
                        found["Size"],
                        found["LastModified"].astimezone(UTC),
                    )

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield what keys that begin so have next, up to a slash.

        Raises:
            ShelfError: S3 does not list them.
        """
        whole = self._prefix + prefix
        where = {"Bucket": self.name, "Prefix": whole, "Delimiter": "/", **self._owner()}
        with self._translated("list", prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(**where):
                for found in page.get("CommonPrefixes", ()):
                    yield found["Prefix"].removeprefix(whole).removesuffix("/")

    def delete(self, key: str) -> None:
        """Delete an object; in a bucket with versions, hide it.

        Raises:
            ShelfError: S3 does not.
        """
        with self._translated("delete", key):
            self._client.delete_object(**self._where(key))

    def make(self) -> bool:
        """Make the bucket, for a server of one's own.

        Returns:
            Whether it was made; False when it was there.

        Raises:
            ShelfError: It cannot be made.
        """
        try:
            self._client.create_bucket(Bucket=self.name)
        except ClientError as error:
            if _code(error) in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                return False
            raise self._error("make the bucket", None, error) from error
        except (BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._error("make the bucket", None, error) from error
        return True

    # Sending and receiving ------------------------------------------------------

    def _where(self, key: str) -> dict[str, str]:
        return {"Bucket": self.name, "Key": self._prefix + key, **self._owner()}

    def _owner(self) -> dict[str, str]:
        owner = self._settings.bucket_owner
        return {"ExpectedBucketOwner": owner} if owner else {}

    def _protection(self) -> dict[str, Any]:
        settings = self._settings
        given: dict[str, Any] = {}
        if settings.encryption is not None:
            given["ServerSideEncryption"] = settings.encryption
        if settings.kms_key_id is not None:
            given["SSEKMSKeyId"] = settings.kms_key_id
        if settings.object_lock_mode is not None:
            given["ObjectLockMode"] = settings.object_lock_mode
            given["ObjectLockRetainUntilDate"] = datetime.now(UTC) + timedelta(
                days=settings.object_lock_days or 0
            )
        return given

    def _get(self, key: str, **conditions: str) -> dict[str, Any]:
        return self._ask("read", "get_object", key, **conditions)

    def _ask(self, doing: str, operation: str, key: str, **given: str) -> dict[str, Any]:
        """Ask for an object, again if the answer broke off among its headers.

        Python's http.client takes the headers that it got for all there are.
        """
        for _ in range(self._settings.attempts):
            with self._translated(doing, key):
                found: dict[str, Any] = getattr(self._client, operation)(
                    **self._where(key), **given
                )
            if found.keys() >= {"ContentLength", "LastModified", "ETag"}:
                return found
            if "Body" in found:
                found["Body"].close()
        raise ShelfUnreachable(
            f"cannot {doing}: {key}: the answer broke off",
            key=key,
            hint="The same call may be made again.",
        )

    def _pieces(
        self, key: str, response: dict[str, Any], open_now: list[dict[str, Any]], deadline: float
    ) -> Iterator[bytes]:
        """Yield the bytes of an object from an open response, going on with another if it breaks.

        Args:
            key: Its key.
            response: The first response.
            open_now: Gets every further response, so that the last one can be closed.
            deadline: By the monotonic clock.
        """
        size = response["ContentLength"]
        got = 0
        for attempt in range(1, self._settings.attempts + 1):
            try:
                with response["Body"] as raw:
                    while got < size:
                        # read1: what has arrived, so that a trickle cannot hold out for long.
                        piece = raw.read1(READ_BYTES)
                        if not piece:
                            raise ShelfUnreachable(
                                f"cannot read: {key}: it ended after {got:,} of {size:,} bytes",
                                key=key,
                            )
                        if time.monotonic() > deadline:
                            raise TimeoutError("it came too slowly")
                        got += len(piece)
                        yield piece
                return
            except TimeoutError as error:
                raise self._error("read", key, error) from error
            except (urllib3.exceptions.HTTPError, OSError, ShelfUnreachable) as error:
                if attempt == self._settings.attempts or time.monotonic() > deadline:
                    raise self._error("read", key, error) from error
                log.info("reading %s broke off after %d of %d bytes", key, got, size)
            time.sleep(min(0.05 * 2**attempt, 1.0))
            response = self._get(key, Range=f"bytes={got}-", IfMatch=response["ETag"])
            open_now.append(response)

    # Errors ---------------------------------------------------------------------

    @contextmanager
    def _translated(self, doing: str, key: str | None) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._error(doing, key, error) from error
        except ValueError as error:
            # botocore says so of an endpoint that is no URL.
            raise self._error(doing, key, error) from error

    def _error(self, doing: str, key: str | None, error: Exception) -> ShelfError:
        """Return the error of this package for one of botocore's. It never quotes a body."""
        what = f"cannot {doing}: {key or f'bucket {self.name}'}"
        if isinstance(error, ShelfError):
            return error
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            return ShelfDenied(
                f"{what}: no credentials",
                key=key,
                hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this host a role.",
            )
        if isinstance(error, ClientError):
            return self._refusal(what, key, error)
        if isinstance(
            error,
            HTTPClientError | BotoConnectionError | urllib3.exceptions.HTTPError | OSError,
        ):
            return ShelfUnreachable(
                f"{what}: {type(error).__name__} at {self._settings.endpoint_url or 'AWS'}",
                key=key,
                hint="See that the server is up and reachable; the same call may be made again.",
            )
        return ShelfError(f"{what}: {error}", key=key)

    def _refusal(self, what: str, key: str | None, error: ClientError) -> ShelfError:
        code, status = _code(error), _status(error)
        if code == "NoSuchBucket":
            return ShelfError(
                f"{what}: there is no bucket {self.name}",
                key=key,
                hint="AGENTS_BUCKET_NAME names it, else PRAMAAN_ENV or ENV; nothing here makes it.",
            )
        if key is not None and (code in _MISSING or status == 404):
            return ObjectMissing(f"{what}: the shelf has no such object", key=key)
        if code in _CREDENTIALS or status in {401, 403}:
            return ShelfDenied(
                f"{what}: {code}",
                key=key,
                hint="`muniment shelf policy` prints what a role needs. Without s3:ListBucket, S3 "
                "answers so for an object that is not there, too.",
            )
        if code in _PASSING or status >= 500:
            return ShelfUnreachable(
                f"{what}: {code} ({status})", key=key, hint="The same call may be made again."
            )
        message = str(error.response.get("Error", {}).get("Message", "")).strip()
        return ShelfError(f"{what}: {code} ({status}) {message}".rstrip(), key=key)


def _head(found: Mapping[str, Any]) -> Head:
    return Head(
        size=found["ContentLength"],
        modified_at=found["LastModified"].astimezone(UTC),
        sha256=found.get("ChecksumSHA256"),
        encoding=found.get("ContentEncoding") or None,
        metadata=found.get("Metadata", {}),
        etag=found["ETag"],
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))

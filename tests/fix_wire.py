"""The wire between a client and the server, which a test can hold still, or cut, at a message.

`wire`              a :class:`Wire` to the server of `database`

A program that is to be killed at one instant need not be changed for it. Held before a message, the
server has not heard of it, and the client does not know; held before an answer, the server has done
what it was asked, and the client does not know. What the client's death looks like to the server is
the same as without the wire: the connection closes.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit, urlunsplit

import pytest

# PostgreSQL docs, "Message Formats": the server is ready for the next query.
_READY_FOR_QUERY = b"Z"
_PATIENCE = 30


@dataclass
class Stop:
    """Where the wire is held: at a message from the client, or at the answer to it.

    Attributes:
        pattern: What the message holds.
        occurrence: Which such message, over all connections, counted from 1.
        is_answer: Whether the message goes through and its answer does not.
        reached: Whether it has come to that.
        released: Whether it may go on.
    """

    pattern: re.Pattern[bytes]
    occurrence: int
    is_answer: bool
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Return when the wire is held here."""
        assert self.reached.wait(_PATIENCE), f"the client never sent {self.pattern.pattern!r}"


class Wire:
    """Listens on a port of its own, and passes on what it gets to the server and back.

    Attributes:
        port: Where clients connect, at 127.0.0.1.
    """

    def __init__(self, host: str, port: int) -> None:
        """Begin to listen for connections to a server, and make those."""
        self._server = (host, port)
        self._stops: list[Stop] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def dsn(self, dsn: str) -> str:
        """Return the URI by which a database is reached through here."""
        url = urlsplit(dsn)
        host = f"{url.username}@127.0.0.1:{self.port}"
        # Nothing is encrypted, or the messages could not be read.
        return urlunsplit(url._replace(netloc=host, query="sslmode=disable&gssencmode=disable"))

    def hold(self, pattern: str, *, occurrence: int = 1, answer: bool = False) -> Stop:
        """Hold the wire at the first message, or answer to one, that holds a pattern."""
        stop = Stop(re.compile(pattern.encode(), re.DOTALL), occurrence, answer)
        with self._lock:
            self._stops.append(stop)
        return stop

    def cut(self) -> None:
        """Close every connection, and let nothing through that was held."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
            stops, self._stops = self._stops, []
        for one in sockets:
            _close(one)
        for stop in stops:
            stop.released.set()

    def close(self) -> None:
        """Close every connection, and take no more."""
        _close(self._listener)
        self.cut()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for one in (client, server):
                # Messages are sent one by one: without this each waits for the one before.
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(self, client, server)
            with self._lock:
                self._sockets += [client, server]
            threading.Thread(target=connection.pass_messages, daemon=True).start()
            threading.Thread(target=connection.pass_answers, daemon=True).start()

    def stop_at(self, message: bytes) -> Stop | None:
        """Return the stop that a message has come to, if it has."""
        with self._lock:
            for stop in self._stops:
                if not stop.reached.is_set() and stop.pattern.search(message):
                    stop.occurrence -= 1
                    if stop.occurrence == 0:
                        return stop
        return None


class _Connection:
    """A connection of a client, and the one to the server that belongs to it."""

    def __init__(self, wire: Wire, client: socket.socket, server: socket.socket) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._stop: Stop | None = None

    def pass_messages(self) -> None:
        """Pass on what the client says, until it hangs up."""
        with suppress(OSError, EOFError), self._client.makefile("rb") as stream:
            # The first message has no type (PostgreSQL docs, "Message Formats", StartupMessage).
            self._server.sendall(_read_body(stream))
            while True:
                kind = _read(stream, 1)
                message = kind + _read_body(stream)
                stop = self._wire.stop_at(message)
                if stop is not None and not stop.is_answer:
                    stop.reached.set()
                    stop.released.wait()
                # A query with parameters is several messages, and has one answer.
                self._stop = stop or self._stop
                self._server.sendall(message)
        self._hang_up()

    def pass_answers(self) -> None:
        """Pass on what the server says, until it hangs up."""
        held: list[bytes] = []
        with suppress(OSError, EOFError), self._server.makefile("rb") as stream:
            while True:
                kind = _read(stream, 1)
                held.append(kind + _read_body(stream))
                stop = self._stop
                if stop is not None and stop.is_answer and not stop.released.is_set():
                    # The server has answered in full when it is ready for the next query.
                    if kind != _READY_FOR_QUERY:
                        continue
                    stop.reached.set()
                    stop.released.wait()
                self._client.sendall(b"".join(held))
                held.clear()
        self._hang_up()

    def _hang_up(self) -> None:
        _close(self._client)
        _close(self._server)


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _read_body(stream: BinaryIO) -> bytes:
    """Read the length of a message, which counts itself, and the rest of it."""
    length = _read(stream, 4)
    return length + _read(stream, struct.unpack("!i", length)[0] - 4)


def _close(one: socket.socket) -> None:
    # A thread that waits for it wakes up by the shutdown only.
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def wire_to(dsn: str) -> Iterator[Wire]:
    """Put a wire before the server of a database."""
    url = urlsplit(dsn)
    assert url.hostname is not None
    assert url.port is not None
    made = Wire(url.hostname, url.port)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def wire(database: str) -> Iterator[Wire]:
    with wire_to(database) as made:
        yield made

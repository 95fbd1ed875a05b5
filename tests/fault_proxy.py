"""A TCP proxy that fails on purpose: what lies between a worker and its S3, at its worst.

Each connection is treated as :attr:`FaultProxy.fault` says when it is made; a fault with ``times``
is used up, after which connections go through.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

BUSY = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 64\r\n"
    b"Connection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Slow down</Message></Error>"
)
DENIED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: 72\r\n"
    b"Connection: close\r\n\r\n"
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)


@dataclass
class Fault:
    """What happens to a connection.

    Attributes:
        kind: ``refuse`` ends it at once; ``silence`` answers nothing; ``busy`` answers 503;
            ``cut`` ends it after so many bytes of the answer; ``cut_request`` after so many bytes
            of the request; ``trickle`` sends the answer a byte at a time; ``lose_answer`` passes
            the request on and ends it when the answer begins; ``deny`` answers 403 to whoever asks
            for an object, and lets others list.
        after: For ``cut`` and ``cut_request``, and where ``trickle`` begins.
        times: How many connections it happens to; None for all.
    """

    kind: str
    after: int = 0
    times: int | None = None


@contextmanager
def ending(one: socket.socket) -> Iterator[None]:
    """End a connection for both sides, and for whoever else here waits for it."""
    try:
        yield
    finally:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


class FaultProxy:
    """Listens on a port of its own, and passes connections on to one server."""

    def __init__(self, host: str, port: int) -> None:
        self.fault: Fault | None = None
        self.connections = 0
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.endpoint_url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultProxy:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            # Ends a recv() that another thread is in; closing would not.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(client)
            self._spawn(self._serve, client, self._take())

    def _take(self) -> Fault | None:
        fault = self.fault
        if fault is not None and fault.times is not None:
            if fault.times == 0:
                return None
            fault.times -= 1
        return fault

    def _serve(self, client: socket.socket, fault: Fault | None) -> None:
        with suppress(OSError), ending(client):
            kind = fault.kind if fault else "none"
            if kind == "refuse":
                return
            if kind == "silence":
                self._stopped.wait()
                return
            if kind == "busy":
                client.recv(65536)
                client.sendall(BUSY)
                return
            server = socket.create_connection(self._to)
            self._sockets.append(server)
            with ending(server):
                self._spawn(self._pump_request, client, server, fault)
                self._pump_answer(server, client, fault)

    def _pump_request(
        self, client: socket.socket, server: socket.socket, fault: Fault | None
    ) -> None:
        left = fault.after if fault and fault.kind == "cut_request" else None
        with suppress(OSError):
            while data := client.recv(65536):
                asked = data.split(b"\r\n")[0]
                if fault and fault.kind == "deny" and b"GET" in asked and b"?list" not in asked:
                    client.sendall(DENIED)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                server.sendall(data)
                if left == 0:
                    server.shutdown(socket.SHUT_RDWR)
                    client.shutdown(socket.SHUT_RDWR)
                    return
            server.shutdown(socket.SHUT_WR)

    def _pump_answer(
        self, server: socket.socket, client: socket.socket, fault: Fault | None
    ) -> None:
        passed = 0
        server.settimeout(0.1)
        while not self._stopped.is_set():
            try:
                data = server.recv(65536)
            except TimeoutError:
                continue
            if not data or (fault and fault.kind == "lose_answer"):
                return
            if fault and fault.kind == "cut" and passed + len(data) >= fault.after:
                client.sendall(data[: fault.after - passed])
                return
            if fault and fault.kind == "trickle" and passed + len(data) >= fault.after:
                begin = max(0, fault.after - passed)
                client.sendall(data[:begin])
                for place in range(begin, len(data)):
                    if self._stopped.is_set():
                        return
                    client.sendall(data[place : place + 1])
                    time.sleep(0.02)
            else:
                client.sendall(data)
            passed += len(data)

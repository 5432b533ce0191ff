"""A server that talks to each client by a script: for answers that no well-behaved server library sends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from socket import create_server, socket
from threading import Thread
from types import TracebackType
from typing import Self

from support.receivers import LOCALHOST
from watcher.clock import SystemClock

Script = Callable[[socket], None]


def _hang_up(_client: socket) -> None:
    """Close the connection."""


@dataclass(kw_only=True)
class ScriptedServer:
    """A server on localhost; use as a context manager, and set `script` before each client comes."""

    script: Script = _hang_up
    port: int = 0
    _threads: list[Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = create_server((LOCALHOST, 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.settimeout(5)
                Thread(target=self._talk, args=(client, self.script), daemon=True).start()

    def _talk(self, client: socket, script: Script) -> None:
        with client, suppress(OSError):
            script(client)


def drip(client: socket, answer: bytes, seconds: float) -> None:
    """Send an answer a byte at a time, with a pause after each; ends where the client has hung up."""
    clock = SystemClock()
    for number in range(len(answer)):
        client.sendall(answer[number : number + 1])
        clock.wait(seconds)


def read_http_request(client: socket) -> bytes:
    """Read a request with its body from a client."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += _received(client)
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += _received(client)
    return head + b"\r\n\r\n" + body


def _received(client: socket) -> bytes:
    received = client.recv(65_536)
    if not received:
        raise ConnectionResetError
    return received

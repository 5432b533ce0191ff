"""One time limit for an attempt: at its end every connection is shut down, whatever it waits for."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

LONGEST_ATTEMPT = timedelta(seconds=100)
"""No attempt takes longer: it ends before its claim expires and another sidecar repeats it."""


class Deadline:
    """The time limit of an attempt to deliver, a context manager.

    Time limits of sockets begin anew with each byte: a server that sends a byte a second would never exceed one.
    """

    def __init__(self, limit: timedelta) -> None:
        self._seconds = min(limit, LONGEST_ATTEMPT).total_seconds()
        self._timer = threading.Timer(self._seconds, self._expire)
        self._timer.daemon = True
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._expired = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    @property
    def expired(self) -> bool:
        """Whether the time is over."""
        return self._expired

    @property
    def seconds(self) -> float:
        """The length of the time limit."""
        return self._seconds

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of a host that answers; raises OSError where none does in time."""
        fault: OSError = OSError(f"`{host}` has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
            if self._expired:
                break
            connection = socket.socket(family, kind, protocol)
            try:
                self._watch(connection)
                connection.settimeout(self._seconds)
                connection.connect(address)
            except OSError as error:
                connection.close()
                fault = error
            else:
                return connection
        raise TimeoutError(self.sentence) if self._expired else fault

    @property
    def sentence(self) -> str:
        """What is said of an attempt that did not end in time."""
        return f"timed out: not done within {self._seconds:g} s"

    def _watch(self, connection: socket.socket) -> None:
        """Keep a second handle of a connection: a wrapped socket detaches the first."""
        with self._lock:
            self._sockets.append(connection.dup())

    def _expire(self) -> None:
        with self._lock:
            self._expired = True
            for connected in self._sockets:
                with suppress(OSError):  # it is closed, or not connected yet
                    connected.shutdown(socket.SHUT_RDWR)

"""An HTTP proxy in front of an engine: it records requests, and can answer instead of the engine."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request on its way to the engine."""

    method: str
    path: str  # without its parameters
    body: bytes

    @property
    def kind(self) -> str:
        """The kind of request, e.g. `_msearch`."""
        return next((part for part in self.path.split("/") if part.startswith("_")), self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response of an engine."""

    status: int
    body: Any

    @staticmethod
    def of(status: int, kind: str, reason: str = "injected by a test") -> Reply:
        """Return an engine's error."""
        return Reply(status=status, body={"error": {"type": kind, "reason": reason}, "status": status})


Answers = Callable[[Call, Callable[[], Reply]], Reply | None]
"""From a call and a function that fetches the engine's reply to a reply; None passes the call through."""


@dataclass(kw_only=True)
class AnsweringProxy:
    """A proxy in front of an engine without TLS; use as a context manager."""

    target: str
    answers: Answers = lambda _call, _engine: None
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address to use instead of the engine's."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def kinds(self) -> Counter[str]:
        """Return the number of requests of each kind."""
        return Counter(call.kind for call in self.calls)

    def pass_through(self) -> None:
        """Pass every further request through to the engine."""
        self.answers = lambda _call, _engine: None


def _handler(proxy: AnsweringProxy) -> type[BaseHTTPRequestHandler]:
    parts = urlsplit(proxy.target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(method=self.command, path=urlsplit(self.path).path, body=body)
            proxy.calls.append(call)
            engine_replies: list[tuple[int, Mapping[str, str], bytes]] = []

            def engine() -> Reply:
                engine_replies.append(self._forward(body))
                return Reply(status=engine_replies[0][0], body=json.loads(engine_replies[0][2] or b"null"))

            reply = proxy.answers(call, engine)
            if reply is not None:
                self._send_reply(reply.status, {"Content-Type": "application/json"}, json.dumps(reply.body).encode())
                return
            self._send_reply(*(engine_replies[0] if engine_replies else self._forward(body)))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815 - http.server calls them so

        def _forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
            try:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "accept-encoding"}}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            finally:
                connection.close()

        def _send_reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(OSError):  # the client has disconnected
                    self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server calls it so
            """Log nothing."""

    return Handler

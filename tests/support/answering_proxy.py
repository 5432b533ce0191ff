"""An HTTP proxy before an engine: it counts what is asked, and answers in the engine's place where a test wants it."""

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
        """What is asked, e.g. `_msearch`."""
        return next((part for part in self.path.split("/") if part.startswith("_")), self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of an engine."""

    status: int
    body: Any

    @staticmethod
    def of(status: int, kind: str, reason: str = "made by a test") -> Reply:
        """Give an engine's error."""
        return Reply(status=status, body={"error": {"type": kind, "reason": reason}, "status": status})


Answers = Callable[[Call, Callable[[], Reply]], Reply | None]
"""A call, and what gives the engine's own reply; None: pass it through."""


@dataclass(kw_only=True)
class AnsweringProxy:
    """Stands before an engine that speaks plain HTTP; use as a context manager."""

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
        """Count what was asked by its kind."""
        return Counter(call.kind for call in self.calls)

    def calm(self) -> None:
        """Answer nothing in the engine's place any longer."""
        self.answers = lambda _call, _engine: None


def _handler(proxy: AnsweringProxy) -> type[BaseHTTPRequestHandler]:
    parts = urlsplit(proxy.target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(method=self.command, path=urlsplit(self.path).path, body=body)
            proxy.calls.append(call)
            told: list[tuple[int, Mapping[str, str], bytes]] = []

            def engine() -> Reply:
                told.append(self._ask(body))
                return Reply(status=told[0][0], body=json.loads(told[0][2] or b"null"))

            reply = proxy.answers(call, engine)
            if reply is not None:
                self._tell(reply.status, {"Content-Type": "application/json"}, json.dumps(reply.body).encode())
                return
            self._tell(*(told[0] if told else self._ask(body)))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass  # noqa: N815 - http.server calls them so

        def _ask(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            there = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
            try:
                kept = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "accept-encoding"}}
                there.request(self.command, self.path, body or None, kept)
                answer = there.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            finally:
                there.close()

        def _tell(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(OSError):  # who asked is gone
                    self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server calls it so
            """Keep quiet."""

    return Handler

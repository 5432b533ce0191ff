"""An HTTP proxy in front of an engine: it records requests, and can answer instead of the engine."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from werkzeug import Request, Response

from support.http_server import ANY_PATH, LocalServer


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
    raw: bytes | None = None  # sent instead of the body
    content_type: str = "application/json"

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
        self._server = LocalServer()
        self._server.expect_request(ANY_PATH).respond_with_handler(self._handle)
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        """The address to use instead of the engine's."""
        return self._server.url_for("").rstrip("/")

    def kinds(self) -> Counter[str]:
        """Return the number of requests of each kind."""
        return Counter(call.kind for call in self.calls)

    def pass_through(self) -> None:
        """Pass every further request through to the engine."""
        self.answers = lambda _call, _engine: None

    def _handle(self, request: Request) -> Response:
        path = urlsplit(request.environ["REQUEST_URI"]).path
        call = Call(method=request.method, path=path, body=request.get_data())
        self.calls.append(call)
        engine_responses: list[Response] = []

        def engine() -> Reply:
            engine_responses.append(_forward(self.target, request))
            response = engine_responses[0]
            return Reply(status=response.status_code, body=json.loads(response.get_data() or b"null"))

        reply = self.answers(call, engine)
        if reply is not None:
            sent = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
            return Response(sent, reply.status, content_type=reply.content_type)
        return engine_responses[0] if engine_responses else _forward(self.target, request)


def _forward(target: str, request: Request) -> Response:
    """Return the engine's own response to a request."""
    parts = urlsplit(target)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
    try:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", "accept-encoding"}}
        connection.request(request.method, request.environ["REQUEST_URI"], request.get_data() or None, headers)
        answer = connection.getresponse()
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in {"transfer-encoding", "connection"}}
        return Response(answer.read(), answer.status, kept)
    finally:
        connection.close()

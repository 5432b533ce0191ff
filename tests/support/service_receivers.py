"""HTTP servers for tests that validate requests, and answer, as the services of channels document it."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request as HttpRequest
from werkzeug import Response

from support.receivers import HttpReceiver, Request

Answer = tuple[int, Any]
"""A status and the JSON of an answer."""


@dataclass(kw_only=True)
class ServiceReceiver(HttpReceiver):
    """The beginning of each such server: counts what it accepted, and can fail in front of or behind the service."""

    failures: list[Response] = field(default_factory=list)  # the next answers, without the service
    lost_answers: int = 0  # the next answers of the service that break off in the middle
    accepted: list[Any] = field(default_factory=list)
    offences: list[str] = field(default_factory=list)  # what was wrong with requests

    def respond(self, request: Request) -> Answer:
        """Return the answer of the service."""
        raise NotImplementedError

    def offend(self, status: int, reason: str) -> Answer:
        """Refuse a request that is not as documented."""
        self.offences.append(reason)
        return status, {"message": reason}

    def _record(self, request: HttpRequest) -> Response:
        super()._record(request)
        if self.failures:
            return self.failures.pop(0)
        status, value = self.respond(self.requests[-1])
        body = b"" if value is None else json.dumps(value).encode()
        if self.lost_answers and status < 300:
            self.lost_answers -= 1
            return Response(body[: len(body) // 2], status, {"Content-Length": str(len(body))})
        return Response(body, status, content_type="application/json")


@dataclass(kw_only=True)
class WebhookReceiver(ServiceReceiver):
    """A receiver that verifies signatures by Standard Webhooks and drops doubles by their key."""

    key: bytes
    token: str
    moment: float  # of the receiver's clock
    tolerance: float = 300

    def respond(self, request: Request) -> Answer:
        """Verify a document before it is read."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("authorization") != f"Bearer {self.token}":
            return self.offend(401, "wrong token")
        if abs(self.moment - int(headers["webhook-timestamp"])) > self.tolerance:
            return self.offend(400, "the timestamp is too old")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
        expected = base64.b64encode(hmac.digest(self.key, signed, "sha256")).decode()
        signatures = [part.partition(",")[2] for part in headers["webhook-signature"].split()]
        if not any(hmac.compare_digest(expected, signature) for signature in signatures):
            return self.offend(401, "wrong signature")
        if headers["idempotency-key"] not in [key for key, _ in self.accepted]:
            self.accepted.append((headers["idempotency-key"], json.loads(request.body)))
        return 204, None

"""The HTTP server of `/metrics` and `/healthz`, on threads of its own: it answers whatever the jobs do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from watcher.health.activity import Liveness
from watcher.health.metrics import CONTENT_TYPE
from watcher.timestamps import format_timestamp

log = structlog.get_logger(__name__)

_TIMEOUT = 10  # seconds that a client may take


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True, kw_only=True)
class HealthServer:
    """Serves the metrics and the liveness of this process."""

    metrics: Callable[[], bytes]
    liveness: Callable[[], Liveness]
    _server: ThreadingHTTPServer | None = None
    _address: ListenAddress | None = None
    _thread: threading.Thread | None = field(default=None)

    @property
    def address(self) -> ListenAddress | None:
        """Where it listens, None where it does not."""
        return self._address

    def listen(self, address: ListenAddress | None) -> None:
        """Listen at another address, or nowhere; an address that is taken is logged, and alerting goes on."""
        if address == self._address:
            return
        self.close()
        if address is None:
            return
        try:
            self._server = _server(address, self.metrics, self.liveness)
        except OSError as fault:
            advice = "another process listens there, or the address is not this machine's; change `monitoring.listen`"
            log.error("monitoring.unavailable", address=str(address), error=str(fault), advice=advice)  # noqa: TRY400 - the sentence says it all
            return
        self._address = address
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()
        log.info("monitoring.listening", address=str(address))

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._server = self._address = self._thread = None


def _server(
    address: ListenAddress, metrics: Callable[[], bytes], liveness: Callable[[], Liveness]
) -> ThreadingHTTPServer:
    class BoundRequestHandler(_RequestHandler):
        read_metrics = staticmethod(metrics)
        read_liveness = staticmethod(liveness)

    class BoundHttpServer(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        daemon_threads = True

    return BoundHttpServer((address.host, address.port), BoundRequestHandler)


class _RequestHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of two paths."""

    server_version = "watcher"
    sys_version = ""
    timeout = _TIMEOUT
    read_metrics: Callable[[], bytes]
    read_liveness: Callable[[], Liveness]

    def do_GET(self) -> None:
        """Answer a request."""
        path = self.path.split("?", 1)[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE, self.read_metrics())
        elif path == "/healthz":
            liveness = self.read_liveness()
            body = json.dumps(liveness_json(liveness)).encode()
            self._answer(200 if liveness.alive else 503, "application/json", body)
        else:
            self._answer(404, "text/plain", b"/metrics and /healthz are here\n")

    do_HEAD = do_GET  # noqa: N815 - the name that the base class calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Log nothing: a request a second would fill the log."""

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def liveness_json(liveness: Liveness) -> dict[str, Any]:
    """Return the liveness as JSON."""
    return {
        "status": "ok" if liveness.alive else "stuck",
        "seconds_since_advance": round(liveness.silent_for, 1),
        "stuck": list(liveness.stuck),
        "last_success": {job: format_timestamp(moment) for job, moment in sorted(liveness.succeeded.items())},
    }

"""The HTTP server of pytest-httpserver, as the tests of this repository use it."""

from __future__ import annotations

import logging
import re
import ssl

from pytest_httpserver import HTTPServer

LOCALHOST = "127.0.0.1"
ANY_PATH = re.compile("")

logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line per request


class LocalServer(HTTPServer):
    """A server on a free port that answers requests in parallel; use as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(LOCALHOST, 0, tls, threaded=True)

    def thread_target(self) -> None:
        """Serve, and notice the end within 20 ms instead of 500 ms."""
        assert self.server is not None
        self.server.serve_forever(poll_interval=0.02)

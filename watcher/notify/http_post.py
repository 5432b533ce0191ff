"""Posting JSON to a web address: no redirects, one time limit, and answers of bounded length."""

from __future__ import annotations

import base64
import http.client
import io
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from watcher.notify.deadline import Deadline
from watcher.notify.refusals import HttpReply, Refusal, refusal_of

_MAX_ANSWER = 10_000  # bytes of an answer that are read
_LONGEST_WAIT = timedelta(hours=1)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server answered."""

    status: int
    body: str  # its beginning
    headers: Mapping[str, str]  # names in lower case

    @property
    def refusal(self) -> Refusal:
        """What the answer is about, unless it is one of success."""
        return refusal_of(HttpReply(self.status))

    @property
    def wait(self) -> timedelta | None:
        """How long the server asks to wait before the next attempt, at most an hour; None where it does not say.

        A date counts from the server's own clock (`Date`), so a wrong clock on either side changes nothing.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
        try:
            span = parsedate_to_datetime(text) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):  # TypeError: of two dates has one a time zone
            return None
        return max(timedelta(0), min(span, _LONGEST_WAIT))

    @property
    def advice(self) -> str:
        """What to do about a redirect, empty for any other answer."""
        if not 300 <= self.status < 400:
            return ""
        return "; redirects are not followed, give the final address"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request to a service, with JSON as its body."""

    url: str
    method: str = "POST"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_certs: Path | None = None  # the authorities to trust instead of those of the system
    longest_answer: int = _MAX_ANSWER


def post_json(url: str, body: str, *, headers: Mapping[str, str], timeout: timedelta) -> HttpAnswer:
    """Post JSON and return the answer, whatever its status; a proxy of the environment is used.

    Raises OSError or HTTPException where there is no complete answer in time, ValueError where the URL is none. A
    certificate that is not valid is both an OSError and a ValueError.
    """
    with Deadline(timeout) as deadline:
        return exchange(HttpRequest(url=url, body=body, headers=headers), deadline)


def exchange(request: HttpRequest, deadline: Deadline) -> HttpAnswer:
    """Send a request and return the answer, with the exceptions of `post_json`; several can share one time limit."""
    parts = urlsplit(request.url)
    if parts.scheme not in _PORTS or not parts.hostname or not request.url.isprintable() or " " in request.url:
        raise ValueError("not a web address")
    sent = {"Content-Type": "application/json", "User-Agent": "sigma-watcher", **request.headers}
    if parts.username is not None:
        sent["Authorization"] = _basic(parts)
    tls = ssl.create_default_context(cafile=request.ca_certs) if parts.scheme == "https" else None
    connection, target = _connection(parts, deadline, sent, tls)
    body = request.body.encode("utf-8", "replace")  # a lone surrogate has no other form
    try:
        connection.request(request.method, target, body=body or None, headers=sent)
        answer = _read(connection.getresponse(), request.longest_answer)
    except (OSError, http.client.HTTPException):
        if deadline.expired:
            raise TimeoutError(deadline.sentence) from None
        raise
    finally:
        connection.close()
    if deadline.expired:  # a connection that was shut down looks like the end of the answer
        raise TimeoutError(deadline.sentence)
    return answer


def _read(response: http.client.HTTPResponse, longest: int) -> HttpAnswer:
    with response:
        content = response.read(longest)
        if len(content) < longest and response.length:  # `read` with a limit does not complain
            raise http.client.IncompleteRead(content, response.length)
        body = content.decode("utf-8", "replace")
        names = {name.lower(): value for name, value in response.getheaders()}
        return HttpAnswer(status=response.status, body=body, headers=names)


class _Lines(io.BufferedReader):
    """A reader that keeps the last line that was read."""

    last = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line and keep it."""
        self.last = super().readline(size)
        return self.last


class _Response(http.client.HTTPResponse):
    """A response whose head is complete: `http.client` takes the end of the connection for the end of the head."""

    def __init__(self, sock: socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._lines = _Lines(sock.makefile("rb", buffering=0))
        self.fp = self._lines

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        if self._lines.last not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(self._lines.last)


class _Connection(http.client.HTTPConnection):
    """A connection within a time limit; TLS where a context is given."""

    response_class = _Response

    def __init__(self, host: str, port: int, deadline: Deadline, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=deadline.seconds)
        self._deadline = deadline
        self._tls = tls
        self._target = ""  # where a tunnel leads
        self._create_connection = self._connected  # `connect` of the base class calls it

    def through(self, host: str, port: int, headers: Mapping[str, str]) -> None:
        """Ask the proxy for a tunnel."""
        self._target = host
        self.set_tunnel(host, port, dict(headers))

    def _connected(self, address: tuple[str, int], *_: object) -> socket:
        return self._deadline.connect(*address)

    def connect(self) -> None:
        """Connect, through the tunnel where there is one, and begin TLS."""
        super().connect()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._target or self.host)


def _connection(
    parts: SplitResult, deadline: Deadline, sent: dict[str, str], tls: ssl.SSLContext | None
) -> tuple[_Connection, str]:
    """Return the connection to a server or its proxy, and what is asked of it."""
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    proxy = urlsplit(urllib.request.getproxies().get(parts.scheme, ""))
    if not proxy.hostname or urllib.request.proxy_bypass(f"{host}:{port}"):
        return _Connection(host, port, deadline, tls), target
    credentials = {"Proxy-Authorization": _basic(proxy)} if proxy.username is not None else {}
    connection = _Connection(proxy.hostname, proxy.port or _PORTS["http"], deadline, tls)
    if tls is not None:
        connection.through(host, port, credentials)
        return connection, target
    sent |= {"Host": f"{host}:{port}", **credentials}
    return connection, f"http://{host}:{port}{target}"


def _basic(parts: SplitResult) -> str:
    text = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(text.encode()).decode('ascii')}"

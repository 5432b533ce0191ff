"""Receivers for tests: an SMTP server and an HTTP server that record messages."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from socket import create_server, socket
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from werkzeug import Request as HttpRequest
from werkzeug import Response

from support.http_server import ANY_PATH, LOCALHOST, LocalServer


def free_port() -> int:
    """Return an unused port."""
    with create_server((LOCALHOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A mail as the server received it."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, media: str) -> str:
        """Return the decoded text of a part."""
        (part,) = (part for part in self.message.walk() if part.get_content_type() == media)
        text: str = part.get_content()
        return text.replace("\r\n", "\n")


@dataclass(kw_only=True)
class SmtpServer:
    """An SMTP server on localhost; use as a context manager, read `messages`."""

    tls: str = "none"  # starttls: offered and demanded; tls: from the first byte
    context: ssl.SSLContext | None = None  # with the server's certificate
    login: tuple[str, str] | None = None
    recipients: Mapping[str, str] = field(default_factory=dict)  # address → reply instead of 250
    sender_reply: str = ""  # to MAIL FROM, instead of 250
    data_reply: str = ""  # to the mail itself, instead of 250
    quit_reply: str = "221 bye"
    utf8: bool = True  # whether SMTPUTF8 is offered
    messages: list[Received] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        options: dict[str, Any] = {"enable_SMTPUTF8": self.utf8}
        if self.tls == "starttls":
            options |= {"tls_context": self.context, "require_starttls": True}
        if self.login:
            options |= {"authenticator": self._authenticate, "auth_require_tls": self.tls == "starttls"}
        wrapped = self.context if self.tls == "tls" else None
        self._controller = Controller(
            self, hostname=LOCALHOST, port=self.port, ssl_context=wrapped, ready_timeout=60, **options
        )
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._controller.stop()

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any) -> AuthResult:
        right = (given.login.decode(), given.password.decode()) == self.login
        return AuthResult(success=right, handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.sender_reply:
            return self.sender_reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.recipients:
            return self.recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data_reply:
            return self.data_reply
        assert isinstance(envelope.content, bytes)
        received = Received(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            raw=envelope.content,
            encrypted=self.tls == "tls" or session.ssl is not None,
        )
        self.messages.append(received)
        return "250 taken"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        return self.quit_reply


@contextmanager
def dripping_server(*, greeting: bytes) -> Iterator[int]:
    """Yield the port of a server that sends a greeting without end, a byte every 20 ms."""
    ended = Event()

    def drip(client: socket) -> None:
        with client, suppress(OSError):
            for number in count():
                if ended.wait(0.02):
                    return
                client.sendall(greeting[number : number + 1] or b"-")

    def serve(listener: socket) -> None:
        with suppress(OSError):
            while not ended.is_set():
                client, _ = listener.accept()
                Thread(target=drip, args=(client,), daemon=True).start()

    with create_server((LOCALHOST, 0)) as listener:
        Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        ended.set()


@contextmanager
def hanging_server() -> Iterator[int]:
    """Yield the port of a server that accepts every connection, and never answers."""
    clients: list[socket] = []

    def serve(listener: socket) -> None:
        with suppress(OSError):
            while True:
                clients.append(listener.accept()[0])

    with create_server((LOCALHOST, 0)) as listener:
        Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        for client in clients:
            client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request as the server received it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class HttpReceiver:
    """An HTTP server on localhost with a fixed response; use as a context manager, read `requests`."""

    status: int = 200
    answer: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = LocalServer()
        self._server.expect_request(ANY_PATH).respond_with_handler(self._record)
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return self._server.url_for(path)

    def _record(self, request: HttpRequest) -> Response:
        self.requests.append(
            Request(
                method=request.method,
                path=request.environ["REQUEST_URI"],
                headers=dict(request.headers),
                body=request.get_data(),
            )
        )
        return Response(self.answer, self.status, dict(self.headers))


def certificates(folder: Path, name: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """Create a CA and a server certificate; return the CA file and the server's context."""
    import trustme  # noqa: PLC0415 - only tests with TLS pay for it

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, LOCALHOST).configure_cert(context)
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file, context

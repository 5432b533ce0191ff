"""An SMTP session with one time limit for all its steps, and logins in UTF-8."""

from __future__ import annotations

import base64
import hmac
import smtplib
import ssl
from collections.abc import Callable
from socket import socket
from typing import Any

from watcher.notify.deadline import Deadline

_MOST_CHALLENGES = 5


class SmtpSession(smtplib.SMTP):
    """A connection to an SMTP server.

    Python's own login encodes user and password as ASCII; RFC 4616 wants UTF-8.
    """

    def __init__(self, host: str, port: int, deadline: Deadline, tls: ssl.SSLContext | None) -> None:
        self._deadline = deadline
        self._wrapping = tls  # TLS from the first byte; None: in clear, or by STARTTLS later
        self._name = host
        super().__init__(host, port, timeout=deadline.seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket:  # noqa: ARG002 - smtplib's signature
        connection = self._deadline.connect(host, port)
        if self._wrapping is None:
            return connection
        return self._wrapping.wrap_socket(connection, server_hostname=self._name)

    def auth(
        self, mechanism: str, authobject: Callable[..., str | None], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        """Log in by one mechanism; responses are sent as UTF-8."""
        mechanism = mechanism.upper()
        initial = authobject() if initial_response_ok else None
        command = mechanism if initial is None else f"{mechanism} {_encoded(initial)}"
        code, reply = self.docmd("AUTH", command)
        self._auth_challenge_count = 0 if initial is None else 1  # `auth_login` reads it
        while code == 334 and self._auth_challenge_count < _MOST_CHALLENGES:
            self._auth_challenge_count += 1
            code, reply = self.docmd(_encoded(authobject(base64.decodebytes(reply)) or ""))
        if code not in (235, 503):  # 503: already logged in
            raise smtplib.SMTPAuthenticationError(code, reply)
        return code, reply

    def auth_cram_md5(self, challenge: Any = None) -> Any:  # a string, or None without a challenge
        """Return the response to a challenge of CRAM-MD5."""
        if challenge is None:
            return None
        return f"{self.user} {hmac.new(self.password.encode(), challenge, 'md5').hexdigest()}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")

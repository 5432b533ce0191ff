"""Mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr

import structlog

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.escaping import single_line
from watcher.notify.mail.settings import MailChannel
from watcher.notify.redaction import redact_reply
from watcher.ports import Clock

_log = structlog.get_logger(__name__)


class _Policy(EmailPolicy):
    """Folds subjects by the older rules: the newer ones lose a blank where they break between encoded words."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """Write one header."""
        if name.lower() != "subject":
            return super().fold_binary(name, value)
        charset = "us-ascii" if value.isascii() else "utf-8"
        folded = Header(str(value), charset=charset, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {folded}{self.linesep}".encode("ascii")


_POLICY = _Policy(
    linesep=SMTP.linesep,
    cte_type="7bit",  # every server takes it, whatever the event's text holds
)


class MailNotifier:
    """Sends notifications as mail with a text and an HTML part."""

    def __init__(self, channel: MailChannel, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Hand the mail to the server; taken by at least one recipient's means sent."""
        message = self._message(notification)
        try:
            with self._connected() as server:
                refused = server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise self._failure(error) from None  # its cause may quote the password that a server quoted
        if refused:
            replies = {
                to: redact_reply(f"{code} {text!r}", self._channel.password) for to, (code, text) in refused.items()
            }
            _log.warning("mail.recipients_refused", channel=self.name, alert=notification.alert, refused=replies)

    def _message(self, notification: Notification) -> EmailMessage:
        if not self._channel.to:
            raise DeliveryError(f"channel `{self.name}`: `to` names nobody; set it", permanent=True)
        message = EmailMessage(policy=_POLICY)
        try:
            message["From"] = self._channel.sender
            message["To"] = ", ".join(self._channel.to)
        except ValueError as error:  # a line break: from settings, never from events
            raise DeliveryError(f"channel `{self.name}`: an address is not usable: {error}", permanent=True) from error
        message["Subject"] = single_line(notification.subject)
        message["Date"] = format_datetime(self._clock.now())
        domain = parseaddr(self._channel.sender)[1].partition("@")[2] or "localhost"
        message["Message-ID"] = f"<{notification.key}@{domain}>"  # one for all attempts: programs drop the double
        message["X-Watcher-Alert"] = single_line(notification.alert)
        message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies
        message.set_content(notification.bodies["text/plain"])
        if "text/html" in notification.bodies:
            message.add_alternative(notification.bodies["text/html"], subtype="html")
        return message

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        channel, timeout = self._channel, self._channel.timeout.total_seconds()
        if channel.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                channel.host, channel.effective_port, timeout=timeout, context=self._tls()
            )
        else:
            server = smtplib.SMTP(channel.host, channel.effective_port, timeout=timeout)
        try:
            if channel.tls == "starttls":
                server.starttls(context=self._tls())  # raises where it is not offered: never goes on in clear
            if channel.username is not None and channel.password is not None:
                server.login(channel.username, channel.password.value)
            yield server
            with suppress(smtplib.SMTPException, OSError):
                server.quit()  # the mail is taken already: a bad farewell must not send it again
        finally:
            server.close()

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._channel.ca_certs)
        if not self._channel.verify_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _failure(self, error: smtplib.SMTPException | OSError) -> DeliveryError:
        where = f"channel `{self.name}`: {self._channel.host}:{self._channel.effective_port}"
        return DeliveryError(
            f"{where}: {redact_reply(_sentence(error), self._channel.password)}", permanent=_is_permanent(error)
        )


def _is_permanent(error: smtplib.SMTPException | OSError) -> bool:
    """Return whether the refusal is permanent.

    5xx means "for good" (RFC 5321, 4.2.1) when it is about a sender, a recipient or the message. A failed login, a
    missing STARTTLS, an expired certificate and a server that closes its door with 554 are about the server or our
    settings: once somebody mends them the same message goes through, so they may be tried again.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code >= 500 and error.smtp_code not in (530, 535)  # "log in first" is about settings too
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def _sentence(error: smtplib.SMTPException | OSError) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = (f"{to}: {code} {_text(reply)}" for to, (code, reply) in error.recipients.items())
        return f"every recipient refused: {'; '.join(replies)}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login refused: {error.smtp_code} {_text(error.smtp_error)}; check username and password"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"refused: {error.smtp_code} {_text(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{error}; set `tls` and the login to what the server offers"
    return f"{type(error).__name__}: {error}"


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply

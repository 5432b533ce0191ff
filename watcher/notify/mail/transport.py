"""Mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.headerregistry import Address

from watcher.errors import ChannelRefused, DeliveryError, RecipientRefusal, RecipientsRefused
from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.mail.mail_address import ascii_domain, mail_address, needs_utf8
from watcher.notify.mail.message import mail_message
from watcher.notify.mail.settings import MailChannel
from watcher.notify.mail.smtp_session import SmtpSession
from watcher.notify.redaction import redact_reply
from watcher.notify.refusals import Refusal, SmtpReply, SmtpStep, delivery_error, mildest, refusal_of
from watcher.ports import Clock

_UTF8_OPTION = "SMTPUTF8"
_NEEDS_UTF8 = "the server does not offer SMTPUTF8, which the address needs; write the part before the `@` in ASCII"
_REMOVED = "the recipient is no longer in `to` of the channel"


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
        """Hand the mail to the server; raises RecipientsRefused where it takes it for some recipients alone."""
        sender, recipients = self._addresses(notification)
        with Deadline(self._channel.timeout) as deadline:
            try:
                with self._connected(deadline) as server:
                    refusals = self._send(server, notification, sender, recipients)
            except (smtplib.SMTPException, OSError) as error:
                # its cause may quote the password that a server quoted
                raise self._failure(TimeoutError(deadline.sentence) if deadline.expired else error) from None
        if refusals:
            sentence = "; ".join(f"{refusal.recipient}: {refusal.error}" for refusal in refusals)
            raise RecipientsRefused(f"channel `{self.name}`: not sent to {sentence}", tuple(refusals))

    def _addresses(self, notification: Notification) -> tuple[Address, Mapping[str, Address]]:
        """Return the sender, and the recipients as settings write them."""
        if not self._channel.to:
            raise ChannelRefused(f"channel `{self.name}`: `to` names nobody; set it")
        try:
            sender = mail_address(self._channel.sender)
            all_recipients = {text: mail_address(text) for text in self._channel.to}
        except ValueError as error:  # from settings, never from events
            raise ChannelRefused(f"channel `{self.name}`: an address is not usable: {error}") from error
        recipients = {
            text: address
            for text, address in all_recipients.items()
            if not notification.recipients or address.addr_spec in notification.recipients
        }
        if not recipients:
            raise DeliveryError(f"channel `{self.name}`: {_REMOVED}", permanent=True)
        return sender, recipients

    def _send(
        self, server: SmtpSession, notification: Notification, sender: Address, recipients: Mapping[str, Address]
    ) -> list[RecipientRefusal]:
        """Send the mail to those recipients that can get it, and return the refusals of the others."""
        server.ehlo_or_helo_if_needed()
        offers_utf8 = server.has_extn(_UTF8_OPTION)
        if needs_utf8(sender) and not offers_utf8:
            raise ChannelRefused(f"channel `{self.name}`: {sender.addr_spec}: {_NEEDS_UTF8}")
        sendable = [address for address in recipients.values() if offers_utf8 or not needs_utf8(address)]
        refusals = [
            RecipientRefusal(recipient=address.addr_spec, error=_NEEDS_UTF8, permanent=True)
            for address in recipients.values()
            if address not in sendable
        ]
        if not sendable:
            sentence = "; ".join(f"{refusal.recipient}: {refusal.error}" for refusal in refusals)
            raise DeliveryError(f"channel `{self.name}`: {sentence}", permanent=True)
        headers = [mail_address(text) for text in self._channel.to]
        shown = [address for address in headers if offers_utf8 or not needs_utf8(address)]
        wants_utf8 = any(map(needs_utf8, (sender, *shown)))
        message = mail_message(notification, sender, shown, now=self._clock.now(), utf8=wants_utf8)
        refused = server.sendmail(
            sender.addr_spec,
            [address.addr_spec for address in sendable],
            message.as_bytes(),
            mail_options=[_UTF8_OPTION] if wants_utf8 else [],
        )
        return [*refusals, *self._refusals(refused)]

    def _refusals(self, refused: Mapping[str, tuple[int, bytes]]) -> Sequence[RecipientRefusal]:
        return [
            RecipientRefusal(
                recipient=recipient,
                error=redact_reply(f"{code} {_text(reply)}", self._channel.password),
                permanent=refusal_of(SmtpReply(code, SmtpStep.RECIPIENT)) is Refusal.OF_MESSAGE,
            )
            for recipient, (code, reply) in refused.items()
        ]

    @contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[SmtpSession]:
        channel = self._channel
        tls = self._tls() if channel.tls == "tls" else None
        server = SmtpSession(self._host(), channel.effective_port, deadline, tls)
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

    def _host(self) -> str:
        try:
            return ascii_domain(self._channel.host)
        except ValueError as error:
            raise ChannelRefused(f"channel `{self.name}`: `host`: {error}") from error

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._channel.ca_certs)
        if not self._channel.verify_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _failure(self, error: smtplib.SMTPException | OSError) -> DeliveryError:
        where = f"channel `{self.name}`: {self._channel.host}:{self._channel.effective_port}"
        return delivery_error(f"{where}: {redact_reply(_sentence(error), self._channel.password)}", _refusal(error))


def _refusal(error: smtplib.SMTPException | OSError) -> Refusal:
    """Return what an error is about, by the reply in it and the step of the session.

    A missing STARTTLS, an expired certificate and a server that closes its door are about the server or our settings,
    and may pass.
    """
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return mildest(refusal_of(SmtpReply(code, SmtpStep.RECIPIENT)) for code in codes)
        case smtplib.SMTPSenderRefused():
            return refusal_of(SmtpReply(error.smtp_code, SmtpStep.SENDER))
        case smtplib.SMTPAuthenticationError():
            return refusal_of(SmtpReply(error.smtp_code, SmtpStep.LOGIN))
        case smtplib.SMTPDataError():
            return refusal_of(SmtpReply(error.smtp_code, SmtpStep.MAIL))
        case smtplib.SMTPResponseException():
            return refusal_of(SmtpReply(error.smtp_code, SmtpStep.SESSION))
    return refusal_of(None)


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
    if isinstance(error, TimeoutError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply

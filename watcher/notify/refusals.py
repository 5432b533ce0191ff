"""What an answer means that is no success: one decision for every status of HTTP and every code of SMTP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from watcher.errors import ChannelRefused, DeliveryError

# 301 and 308: the service has another address. 404, 405 and 410: a revoked webhook, or an address of something else.
_STATUSES_OF_CHANNEL = frozenset({301, 308, 401, 402, 403, 404, 405, 407, 410})
_PASSING_STATUSES = frozenset({408, 421, 425, 429})  # RFC 9110, RFC 8470 and RFC 6585
_LOGIN_CODES = frozenset({530, 534, 535, 538})  # RFC 4954: log in first, and logins that are refused


class Refusal(StrEnum):
    """What the refusal of a message is about."""

    PASSING = "passing"  # it may pass by itself: the message is tried again
    OF_CHANNEL = "of-channel"  # settings or the service: every message waits until somebody mends them
    OF_MESSAGE = "of-message"  # this message alone: it is given up


class SmtpStep(StrEnum):
    """The step of an SMTP session to which the server replies."""

    SESSION = "session"  # greeting, EHLO and STARTTLS
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    MAIL = "mail"  # the mail itself


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The status of an answer."""

    status: int


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """The code of a reply, and what it is the reply to."""

    code: int
    step: SmtpStep


def refusal_of(reply: HttpReply | SmtpReply | None) -> Refusal:
    """Return what a reply that accepts nothing is about; None is no reply, or half of it.

    A status that nobody documents passes: a needless attempt costs less than a message that is lost.
    """
    match reply:
        case HttpReply(status) if status in _STATUSES_OF_CHANNEL:
            return Refusal.OF_CHANNEL
        case HttpReply(status) if 400 <= status < 500 and status not in _PASSING_STATUSES:
            return Refusal.OF_MESSAGE
        case SmtpReply(code, step) if code in _LOGIN_CODES or (step is SmtpStep.LOGIN and code >= 500):
            return Refusal.OF_CHANNEL
        case SmtpReply(code, step) if code >= 500 and step not in (SmtpStep.SESSION, SmtpStep.LOGIN):
            return Refusal.OF_MESSAGE  # RFC 5321, 4.2.1; a server that closes its door with 554 may open it again
    return Refusal.PASSING


def mildest(refusals: Iterable[Refusal]) -> Refusal:
    """Return the refusal of a message that several refused: it is given up only where all of them gave it up."""
    given = set(refusals)
    return next((refusal for refusal in (Refusal.PASSING, Refusal.OF_CHANNEL) if refusal in given), Refusal.OF_MESSAGE)


def delivery_error(message: str, refusal: Refusal, *, wait: timedelta | None = None) -> DeliveryError:
    """Return the error of a refusal."""
    if refusal is Refusal.OF_CHANNEL:
        return ChannelRefused(message, wait=wait)
    return DeliveryError(message, permanent=refusal is Refusal.OF_MESSAGE, wait=wait)

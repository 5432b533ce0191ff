"""Every other service, through Apprise."""

from __future__ import annotations

import logging
import re

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from watcher.errors import ChannelRefused
from watcher.model import Notification
from watcher.notify.apprise.fitting import fitted
from watcher.notify.apprise.settings import AppriseChannel
from watcher.notify.bounded_attempt import BoundedAttempts
from watcher.notify.defanging import defang
from watcher.notify.escaping import neutralise_mentions_and_links
from watcher.notify.redaction import redact_reply
from watcher.notify.refusals import HttpReply, Refusal, delivery_error, mildest, refusal_of
from watcher.ports import Clock

_STATUS = re.compile(r"\berror=(\d{3})\b")  # how Apprise's services report the status of an answer


class AppriseNotifier:
    """Sends notifications to the one service that an Apprise URL names."""

    def __init__(self, channel: AppriseChannel, _clock: Clock) -> None:
        self._channel = channel
        self._attempts = BoundedAttempts(channel.timeout)
        _silence_loggers()

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Hand the text over, shortened to what the service takes.

        What a refusal is about is decided by the status that the service answered with.
        """
        try:
            self._attempts.run(notification.key, lambda: self._send(notification))
        except TimeoutError as error:
            raise delivery_error(f"channel `{self.name}`: not sent: {error}", refusal_of(None)) from None

    def _send(self, notification: Notification) -> None:
        apprise = self._apprise()
        # mail has the same subject, so the template leaves mentions and addresses in it
        subject = defang(neutralise_mentions_and_links(notification.subject))
        title, body = fitted(apprise[0], subject, notification.bodies["text/plain"])
        result = apprise.notify(
            title=title,
            body=body,
            body_format=NotifyFormat.TEXT,  # services that want HTML get the text escaped
            notify_type=NotifyType.WARNING,
        )
        if not result:
            messages = " ".join(entry.message for entry in result.logs())
            reason = redact_reply(messages or f"no reason given ({result.status.name})", self._channel.url)
            raise delivery_error(f"channel `{self.name}`: not sent: {reason}", _refusal(messages))

    def _apprise(self) -> Apprise:
        asset = AppriseAsset(
            app_id="watcher",
            app_desc="watcher",
            app_url="",
            async_mode=False,
            interpret_emojis=False,
            secure_logging=True,
            http_redirects=False,  # an answer of another address would count as accepted
        )
        apprise = Apprise(asset=asset)
        if not apprise.add(self._channel.url.value):
            sentence = f"channel `{self.name}`: Apprise does not know this `url`; see the service's page in its wiki"
            raise ChannelRefused(sentence)
        return apprise


def _refusal(messages: str) -> Refusal:
    """Return what a refusal is about by the statuses that a service answered with; without a status it passes."""
    statuses = [int(status) for status in _STATUS.findall(messages)]
    return mildest(refusal_of(HttpReply(status)) for status in statuses) if statuses else refusal_of(None)


def _silence_loggers() -> None:
    """Keep two libraries from writing URLs, and with them tokens, into anybody's log.

    The warnings of Apprise are captured with each result; the error quotes them without the secret.
    """
    apprise = logging.getLogger("apprise")
    apprise.setLevel(logging.WARNING)  # above it nothing would be captured either
    apprise.propagate = False
    if not apprise.handlers:
        apprise.addHandler(logging.NullHandler())  # else Python prints warnings to stderr
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

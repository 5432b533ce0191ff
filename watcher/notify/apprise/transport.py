"""Every other service, through Apprise."""

from __future__ import annotations

import logging

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.apprise.settings import AppriseChannel
from watcher.notify.redaction import redact_reply
from watcher.ports import Clock


class AppriseNotifier:
    """Sends notifications to the one service that an Apprise URL names."""

    def __init__(self, channel: AppriseChannel, _clock: Clock) -> None:
        self._channel = channel
        _silence_loggers()

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Hand the text over; Apprise does not say why a service refused, so every refusal is tried again."""
        result = self._apprise().notify(
            title=notification.subject,
            body=notification.bodies["text/plain"],
            body_format=NotifyFormat.TEXT,  # services that want HTML get the text escaped
            notify_type=NotifyType.WARNING,
        )
        if not result:
            messages = " ".join(entry.message for entry in result.logs())
            reason = redact_reply(messages or f"no reason given ({result.status.name})", self._channel.url)
            raise DeliveryError(f"channel `{self.name}`: not sent: {reason}", permanent=False)

    def _apprise(self) -> Apprise:
        asset = AppriseAsset(
            app_id="watcher",
            app_desc="watcher",
            app_url="",
            async_mode=False,
            interpret_emojis=False,
            secure_logging=True,
        )
        apprise = Apprise(asset=asset)
        if not apprise.add(self._channel.url.value):
            sentence = f"channel `{self.name}`: Apprise does not know this `url`; see the service's page in its wiki"
            raise DeliveryError(sentence, permanent=True)
        return apprise


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

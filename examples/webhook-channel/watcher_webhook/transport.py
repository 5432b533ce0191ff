"""Posts notifications to the address."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.redaction import redact_reply
from watcher_webhook.settings import WebhookChannel

_RETRIED = (408, 425, 429)  # the 4xx statuses of RFC 9110, RFC 8470 and RFC 6585 after which a retry can succeed


class WebhookNotifier:
    """Posts the JSON of each notification."""

    def __init__(self, channel: WebhookChannel) -> None:
        self._channel = channel

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Post the message; raises DeliveryError if the server does not accept it."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": notification.key}
        body = notification.bodies["application/json"].encode()
        try:
            request = Request(self._channel.url.value, data=body, headers=headers, method="POST")  # noqa: S310 - settings allow http and https only
            with urlopen(request, timeout=self._channel.timeout.total_seconds()):  # noqa: S310 - the same
                return
        except HTTPError as error:
            with error:
                reason = f"answered {error.code} `{redact_reply(error.read(1_000), self._channel.url)}`"
            permanent = 400 <= error.code < 500 and error.code not in _RETRIED
        except (OSError, HTTPException, ValueError) as error:
            reason = redact_reply(f"cannot be reached: {type(error).__name__}: {error}", self._channel.url)
            permanent = False
        # without its cause, which may quote the address
        raise DeliveryError(f"channel `{self.name}`: {reason}", permanent=permanent) from None

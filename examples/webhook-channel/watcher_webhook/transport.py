"""Posts notifications to the address."""

from __future__ import annotations

from http.client import HTTPException

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.http_post import post_json
from watcher.notify.redaction import redact_reply
from watcher.notify.refusals import delivery_error
from watcher_webhook.settings import WebhookChannel


class WebhookNotifier:
    """Posts the JSON of each notification."""

    def __init__(self, channel: WebhookChannel) -> None:
        self._channel = channel

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Post the message; raises DeliveryError unless the server answers with a 2xx status itself."""
        url, body = self._channel.url, notification.bodies["application/json"]
        headers = {"Idempotency-Key": notification.key}
        try:
            answer = post_json(url.value, body, headers=headers, timeout=self._channel.timeout)
        except (OSError, HTTPException, ValueError) as error:
            reason = redact_reply(f"cannot be reached: {type(error).__name__}: {error}", url)
            # without its cause, which may quote the address
            raise DeliveryError(f"channel `{self.name}`: {reason}", permanent=False) from None
        if not 200 <= answer.status < 300:
            reason = f"answered {answer.status} `{redact_reply(answer.body, url)}`{answer.advice}"
            raise delivery_error(f"channel `{self.name}`: {reason}", answer.refusal, wait=answer.wait)

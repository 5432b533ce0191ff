"""Any web address that accepts JSON."""

from __future__ import annotations

import json

from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpRequest
from watcher.notify.json_document import document_of
from watcher.notify.web_service import WebService
from watcher.notify.webhook.settings import WebhookChannel
from watcher.notify.webhook.signature import signature_headers
from watcher.ports import Clock


class WebhookNotifier:
    """Posts each notification as a JSON document.

    Every status from 200 to 299 means that the receiver has the message. The idempotency key is the same for all
    attempts, so a receiver can drop a double after a lost answer.
    """

    def __init__(self, channel: WebhookChannel, clock: Clock) -> None:
        self._channel = channel
        self._clock = clock
        secrets = (channel.url, channel.signing_secret, channel.token)
        self._service = WebService(channel=channel.name, secrets=secrets)

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Post the document; raises DeliveryError unless the receiver itself answers with a status of success."""
        channel = self._channel
        body = json.dumps(document_of(notification), ensure_ascii=False)
        request = HttpRequest(
            url=channel.url.value, body=body, headers=self._headers(notification.key, body), ca_certs=channel.ca_certs
        )
        with Deadline(channel.timeout) as deadline:
            answer = self._service.call(request, deadline)
        if not 200 <= answer.status < 300:
            raise self._service.refusal(answer)

    def _headers(self, key: str, body: str) -> dict[str, str]:
        channel = self._channel
        headers = {"Idempotency-Key": key}
        if channel.token is not None:
            headers["Authorization"] = f"Bearer {channel.token.value}"
        if channel.signing_secret is not None:
            secret = channel.signing_secret.value
            headers |= signature_headers(secret, key=key, body=body, moment=self._clock.now())
        return headers

"""Slack by an incoming webhook."""

from __future__ import annotations

import json
import logging
from http.client import HTTPException
from urllib.parse import urlsplit

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.redaction import redact_reply
from watcher.notify.slack.settings import SlackChannel
from watcher.ports import Clock

# Source: Slack's page on incoming webhooks: 400 `invalid_payload`, 403 `action_prohibited`, 404 `no_service` or
# `channel_not_found`, 410 `channel_is_archived`. What is not named there is tried again: a needless attempt costs
# little, a dropped alert much.
_FOR_GOOD = (400, 403, 404, 410)

_CLIENT_LOG = logging.Logger(  # noqa: LOG001 - outside the tree on purpose: the client logs the secret URL at DEBUG
    "slack", level=logging.CRITICAL + 1
)


class SlackNotifier:
    """Posts notifications to a Slack channel.

    Webhooks know no idempotency key (`client_msg_id` and `metadata` belong to the Web API), so the message shows the
    alert's id, by which people recognise a double.
    """

    def __init__(self, channel: SlackChannel, _clock: Clock) -> None:
        self._channel = channel

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Post the message."""
        try:
            answer = self._client().send_dict(json.loads(notification.bodies["application/json"]))
        except (OSError, HTTPException, SlackClientError) as error:
            # without its cause, which may quote the URL
            reason = redact_reply(f"{type(error).__name__}: {error}", self._channel.webhook_url)
            raise self._failure(f"cannot be reached: {reason}", permanent=False) from None
        self._check(answer)

    def _client(self) -> WebhookClient:
        url = urlsplit(self._channel.webhook_url.value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise self._failure("`webhook_url` is no web address; copy it again from Slack", permanent=True)
        client = WebhookClient(
            self._channel.webhook_url.value,
            timeout=max(round(self._channel.timeout.total_seconds()), 1),
            logger=_CLIENT_LOG,
            retry_handlers=[],  # when to try again is decided in one place, next_attempt()
        )
        client.proxy = None  # urllib reads the environment itself, NO_PROXY too, which the client does not
        return client

    def _check(self, answer: WebhookResponse) -> None:
        body = redact_reply(answer.body, self._channel.webhook_url)
        if answer.status_code == 200 and not body.startswith("<"):
            return
        if answer.status_code == 200:
            raise self._failure("a web page answered instead of Slack; check `webhook_url` and proxies", permanent=True)
        wait = f", asks to wait {answer.headers['Retry-After']} s" if "Retry-After" in answer.headers else ""
        permanent = answer.status_code in _FOR_GOOD
        advice = "; make a new webhook and put it into `webhook_url`" if answer.status_code in (403, 404, 410) else ""
        raise self._failure(f"answered {answer.status_code} `{body}`{wait}{advice}", permanent=permanent)

    def _failure(self, reason: str, *, permanent: bool) -> DeliveryError:
        return DeliveryError(f"channel `{self.name}`: Slack: {reason}", permanent=permanent)

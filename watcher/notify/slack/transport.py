"""Slack by an incoming webhook."""

from __future__ import annotations

from datetime import timedelta
from http.client import HTTPException

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.http_post import HttpAnswer, post_json
from watcher.notify.redaction import redact_reply
from watcher.notify.slack.settings import SlackChannel
from watcher.ports import Clock

_ACCEPTED = "ok"
"""The whole answer to an accepted message, by Slack's page on incoming webhooks."""

# Source: the same page: 400 `invalid_payload`, 403 `action_prohibited`, 404 `no_service` or `channel_not_found`,
# 410 `channel_is_archived`. What is not named there is tried again: a needless attempt costs little.
_FOR_GOOD = (301, 308, 400, 401, 403, 404, 410)
_NEW_WEBHOOK = (403, 404, 410)


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
        """Post the message; it is sent if Slack answers as its documentation says, and not otherwise."""
        url = self._channel.webhook_url
        try:
            answer = post_json(
                url.value, notification.bodies["application/json"], headers={}, timeout=self._channel.timeout
            )
        except (OSError, HTTPException) as error:  # first: an invalid certificate is a ValueError, too
            # without its cause, which may quote the URL
            reason = redact_reply(f"{type(error).__name__}: {error}", url)
            raise self._failure(f"cannot be reached: {reason}", permanent=False) from None
        except ValueError:
            raise self._failure("`webhook_url` is no web address; copy it again from Slack", permanent=True) from None
        self._check(answer)

    def _check(self, answer: HttpAnswer) -> None:
        body = redact_reply(answer.body, self._channel.webhook_url)
        if answer.status == 200 and answer.body.strip() == _ACCEPTED:
            return
        if answer.status == 200:
            subject = "a web page" if body.startswith("<") else f"`{body}`"
            raise self._failure(
                f"{subject} answered instead of Slack's `{_ACCEPTED}`; check `webhook_url` and proxies", permanent=True
            )
        wait = f", asks to wait {answer.headers['retry-after']} s" if "retry-after" in answer.headers else ""
        advice = "; make a new webhook and put it into `webhook_url`" if answer.status in _NEW_WEBHOOK else ""
        reason = f"answered {answer.status} `{body}`{wait}{advice}{answer.advice}"
        raise self._failure(reason, permanent=answer.status in _FOR_GOOD, wait=answer.wait)

    def _failure(self, reason: str, *, permanent: bool, wait: timedelta | None = None) -> DeliveryError:
        return DeliveryError(f"channel `{self.name}`: Slack: {reason}", permanent=permanent, wait=wait)

"""Slack by an incoming webhook."""

from __future__ import annotations

from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpAnswer, HttpRequest
from watcher.notify.refusals import Refusal
from watcher.notify.slack.settings import SlackChannel
from watcher.notify.web_service import WebService
from watcher.ports import Clock

_ACCEPTED = "ok"
"""The whole answer to an accepted message, by Slack's page on incoming webhooks."""

# Source: the same page. They are about the webhook, whatever the status is.
_OF_WEBHOOK = (
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "posting_to_general_channel_denied",
    "team_disabled",
    "user_not_found",
)
_DOCUMENTED = (400, 401, 403, 404, 410)  # others below 500 pass: they are of something in between
_NEW_WEBHOOK = (403, 404, 410)


class SlackNotifier:
    """Posts notifications to a Slack channel.

    Webhooks know no idempotency key (`client_msg_id` and `metadata` belong to the Web API), so the message shows the
    alert's id, by which people recognise a double.
    """

    def __init__(self, channel: SlackChannel, _clock: Clock) -> None:
        self._channel = channel
        self._service = WebService(
            channel=channel.name, label="Slack", address_key="webhook_url", secrets=(channel.webhook_url,)
        )

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Post the message; it is sent if Slack answers as its documentation says, and not otherwise."""
        url = self._channel.webhook_url
        if url is None:
            raise self._service.failure("`webhook_url` is missing", Refusal.OF_CHANNEL)
        request = HttpRequest(url=url.value, body=notification.bodies["application/json"])
        with Deadline(self._channel.timeout) as deadline:
            self._check(self._service.call(request, deadline))

    def _check(self, answer: HttpAnswer) -> None:
        body = answer.body.strip()
        if answer.status == 200 and body == _ACCEPTED:
            return
        if answer.status == 200:
            subject = "a web page" if body.startswith("<") else f"`{self._service.redacted(body)}`"
            reason = f"{subject} answered instead of Slack's `{_ACCEPTED}`; check `webhook_url` and proxies"
            raise self._service.failure(reason, Refusal.OF_CHANNEL)
        is_of_webhook = body in _OF_WEBHOOK
        advice = "; make a new webhook and put it into `webhook_url`"
        about = Refusal.OF_CHANNEL if is_of_webhook else None
        if about is None and answer.refusal is Refusal.OF_MESSAGE and answer.status not in _DOCUMENTED:
            about = Refusal.PASSING
        raise self._service.refusal(answer, advice if is_of_webhook or answer.status in _NEW_WEBHOOK else "", about)

"""PagerDuty by its Events API v2."""

from __future__ import annotations

import json
import re

from watcher.model import AlertStatus, Notification
from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpAnswer, HttpRequest
from watcher.notify.pagerduty.events import acknowledge, resolve, trigger
from watcher.notify.pagerduty.settings import PagerDutyChannel
from watcher.notify.refusals import Refusal
from watcher.notify.web_service import WebService
from watcher.ports import Clock

_PATH = "/v2/enqueue"
_KEY = re.compile(r"routing.key|integration.key|invalid.key", re.IGNORECASE)  # in the errors of an answer


class PagerDutyNotifier:
    """Opens an alert of PagerDuty for each notification, with the alert's id as `dedup_key`.

    The key makes an attempt after a lost answer harmless: PagerDuty joins it to the alert that it has.
    """

    def __init__(self, channel: PagerDutyChannel, _clock: Clock) -> None:
        self._channel = channel
        self._service = WebService(channel=channel.name, label="PagerDuty", secrets=(channel.routing_key,))

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Trigger the alert."""
        rendered = json.loads(notification.bodies["application/json"])
        self._enqueue(trigger(self._channel.routing_key.value, rendered, alert=notification.alert))

    def follow(self, notification: Notification) -> None:
        """Acknowledge, resolve or trigger the alert anew, as people did; comments alone change nothing there."""
        follow_up, alert = notification.follow_up, notification.alert
        if follow_up is None or not follow_up.changes_status:
            return
        match follow_up.status:
            case AlertStatus.ACKNOWLEDGED:
                self._enqueue(acknowledge(self._channel.routing_key.value, alert=alert))
            case AlertStatus.CLOSED:
                self._enqueue(resolve(self._channel.routing_key.value, alert=alert))
            case AlertStatus.OPEN:  # PagerDuty has no event that takes an acknowledgement back
                self.send(notification)

    def _enqueue(self, body: str) -> None:
        url = f"{self._channel.url.rstrip('/')}{_PATH}"
        with Deadline(self._channel.timeout) as deadline:
            answer = self._service.call(HttpRequest(url=url, body=body), deadline)
        self._check(answer)

    def _check(self, answer: HttpAnswer) -> None:
        if not 200 <= answer.status < 300:
            # 400 is an event that is no event, or a key that PagerDuty does not have
            is_key = answer.status == 400 and _KEY.search(answer.body) is not None
            advice = "; copy the integration key again" if is_key else ""
            raise self._service.refusal(answer, advice, Refusal.OF_CHANNEL if is_key else None)
        if answer.status != 202 or self._service.json_object(answer).get("status") != "success":
            reason = (
                f"answered {answer.status} `{self._service.redacted(answer.body)}` instead of `success`; check `url`"
            )
            raise self._service.failure(reason, Refusal.PASSING)

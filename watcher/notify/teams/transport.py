"""Microsoft Teams by a workflow."""

from __future__ import annotations

import re

from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpRequest
from watcher.notify.refusals import Refusal
from watcher.notify.teams.card_fitting import fitted_card
from watcher.notify.teams.settings import TeamsChannel
from watcher.notify.web_service import WebService
from watcher.ports import Clock

_NEW_ADDRESS = (401, 403, 404, 410)
_OF_WORKFLOW = re.compile(r"\b(?:Workflow|Trigger|DirectApi|Authorization|MissingApiVersion|InvalidApiVersion)\w*")
_ADVICE = "; copy the address from the workflow in Teams again"


class TeamsNotifier:
    """Posts notifications as Adaptive Cards to a workflow.

    202 means that the workflow started. A workflow knows no idempotency key, so the card shows the alert's id.
    """

    def __init__(self, channel: TeamsChannel, _clock: Clock) -> None:
        self._channel = channel
        self._service = WebService(channel=channel.name, label="Teams", secrets=(channel.url,))

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Post the card; it is sent if the workflow started."""
        body = fitted_card(notification.bodies["application/json"])
        with Deadline(self._channel.timeout) as deadline:
            answer = self._service.call(HttpRequest(url=self._channel.url.value, body=body), deadline)
        if answer.status == 202:
            return
        if 200 <= answer.status < 300:  # a log-in page, or a proxy that accepts everything
            reason = f"answered {answer.status} `{self._service.redacted(answer.body)}` instead of 202; check `url`"
            raise self._service.failure(reason, Refusal.PASSING)
        # 400 is a card that is none, or a workflow that was switched off, or whose address is incomplete
        is_workflow = answer.status == 400 and _OF_WORKFLOW.search(answer.body) is not None
        about = Refusal.OF_CHANNEL if is_workflow else None
        raise self._service.refusal(answer, _ADVICE if is_workflow or answer.status in _NEW_ADDRESS else "", about)

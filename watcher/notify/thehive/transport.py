"""TheHive 5: an alert with observables."""

from __future__ import annotations

import json
from typing import Any

from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.http_post import HttpAnswer, HttpRequest
from watcher.notify.thehive.observables import observables
from watcher.notify.thehive.settings import TheHiveChannel
from watcher.notify.web_service import WebService
from watcher.ports import Clock
from watcher.printable import truncate

# Source: the API documentation of TheHive 5, "Create alert".
_LIMITS = {"title": 512, "type": 32, "source": 64, "sourceRef": 128, "description": 1_048_576}
_LONGEST_TAG = 128
_REFUSED_DOUBLE = (400, 409)


class TheHiveNotifier:
    """Creates an alert for each notification; `sourceRef` is the alert's id, which TheHive accepts once."""

    def __init__(self, channel: TheHiveChannel, _clock: Clock) -> None:
        self._channel = channel
        self._service = WebService(channel=channel.name, label="TheHive", secrets=(channel.api_key,))

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Create the alert; it is sent too where TheHive has it already, as after an answer that was lost."""
        alert = _alert(json.loads(notification.bodies["application/json"]), notification.alert)
        with Deadline(self._channel.timeout) as deadline:
            answer = self._post("/api/v1/alert", alert, deadline)
            if answer.status in _REFUSED_DOUBLE and self._has(alert, deadline):
                return
        if not 200 <= answer.status < 300:
            raise self._service.refusal(answer)
        if answer.status != 201 or "_id" not in self._service.json_object(answer):
            reason = (
                f"answered {answer.status} `{self._service.redacted(answer.body)}` instead of an alert; check `url`"
            )
            raise self._service.failure(reason, permanent=False)

    def _has(self, alert: dict[str, Any], deadline: Deadline) -> bool:
        """Whether TheHive has the alert: a faulty alert, or two equal observables, are refused alike."""
        same = [{"_field": name, "_value": alert[name]} for name in ("type", "source", "sourceRef")]
        query = [
            {"_name": "listAlert"},
            {"_name": "filter", "_and": [{"_eq": condition} for condition in same]},
            {"_name": "page", "from": 0, "to": 1},
        ]
        answer = self._post("/api/v1/query", {"query": query}, deadline)
        if answer.status != 200:
            return False
        return '"_id"' in answer.body  # the answer may be longer than what is read of it

    def _post(self, path: str, value: Any, deadline: Deadline) -> HttpAnswer:
        channel = self._channel
        headers = {"Authorization": f"Bearer {channel.api_key.value}"}
        if channel.organisation is not None:
            headers["X-Organisation"] = channel.organisation
        request = HttpRequest(
            url=f"{channel.url.rstrip('/')}{path}",
            body=json.dumps(value, ensure_ascii=False),
            headers=headers,
            ca_certs=channel.ca_certs,
        )
        return self._service.call(request, deadline)


def _alert(rendered: dict[str, Any], reference: str) -> dict[str, Any]:
    """Return the alert in the limits of TheHive, with the observables of the event."""
    alert = {name: value for name, value in rendered.items() if name not in ("named", "fields")}
    alert["sourceRef"] = reference
    for name, limit in _LIMITS.items():
        alert[name] = truncate(alert[name], limit)
    alert["tags"] = list(dict.fromkeys(truncate(tag, _LONGEST_TAG) for tag in alert.get("tags", ())))
    alert["observables"] = observables(rendered.get("named", ()), rendered.get("fields", ()))
    return alert

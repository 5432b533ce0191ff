"""TheHive 5: an alert with observables."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.history_texts import history_message
from watcher.notify.http_post import HttpAnswer, HttpRequest
from watcher.notify.refusals import Refusal
from watcher.notify.thehive.observables import observables
from watcher.notify.thehive.settings import TheHiveChannel
from watcher.notify.web_service import WebService
from watcher.ports import Clock
from watcher.printable import truncate

# Source: the API documentation of TheHive 5, "Create alert".
_LIMITS = {"title": 512, "type": 32, "source": 64, "sourceRef": 128, "description": 1_048_576}
_LONGEST_TAG = 128
_REFUSED_DOUBLE = (400, 409)
_ID = re.compile(r'"_id"\s*:\s*"([^"\\]+)"')
_LONGEST_COMMENT = 20_000  # characters
_LONGEST_ANSWER = 10_000  # bytes that are read
_LONGEST_COMMENTS = 8_000_000  # of all comments of an alert


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
        """Create the alert, or comment on the alert that TheHive has, with an update.

        It is sent too where TheHive has the message already, as after an answer that was lost.
        """
        alert = _alert(json.loads(notification.bodies["application/json"]), notification.alert)
        with Deadline(self._channel.timeout) as deadline:
            answer = self._post("/api/v1/alert", alert, deadline)
            existing = self._existing(alert, deadline) if answer.status in _REFUSED_DOUBLE else ""
            if not existing:
                self._created(answer)
            elif notification.thread:  # an update, whose description is an indented block already
                self._comment(existing, alert["description"], notification.key, deadline)

    def follow(self, notification: Notification) -> None:
        """Comment on the alert with what people did; there is nothing to say where TheHive has no such alert."""
        if notification.follow_up is None:
            return
        alert = _alert(json.loads(notification.bodies["application/json"]), notification.alert)
        text = "\n".join(f"    {line}" for line in history_message(notification.follow_up.entries).splitlines())
        with Deadline(self._channel.timeout) as deadline:
            if existing := self._existing(alert, deadline):
                self._comment(existing, text, notification.key, deadline)

    def _comment(self, alert: str, text: str, key: str, deadline: Deadline) -> None:
        """Comment on an alert by TheHive's id of it, unless it has a comment with the key of the message."""
        query = [{"_name": "getAlert", "idOrName": alert}, {"_name": "comments"}]
        answer = self._post("/api/v1/query", {"query": query}, deadline, longest=_LONGEST_COMMENTS)
        if not 200 <= answer.status < 300:
            raise self._service.refusal(answer)
        if key in answer.body:
            return
        message = f"{truncate(text, _LONGEST_COMMENT)}\n\nwatcher-message-{key}"
        self._created(self._post(f"/api/v1/alert/{quote(alert, safe='~')}/comment", {"message": message}, deadline))

    def _created(self, answer: HttpAnswer) -> None:
        """Raise DeliveryError where an answer is not that of something created."""
        if not 200 <= answer.status < 300:
            raise self._service.refusal(answer)
        if answer.status != 201 or "_id" not in self._service.json_object(answer):
            reason = (
                f"answered {answer.status} `{self._service.redacted(answer.body)}` instead of an alert; check `url`"
            )
            raise self._service.failure(reason, Refusal.PASSING)

    def _existing(self, alert: dict[str, Any], deadline: Deadline) -> str:
        """Return TheHive's id of the alert; empty where it has none: a faulty alert is refused alike."""
        same = [{"_field": name, "_value": alert[name]} for name in ("type", "source", "sourceRef")]
        query = [
            {"_name": "listAlert"},
            {"_name": "filter", "_and": [{"_eq": condition} for condition in same]},
            {"_name": "page", "from": 0, "to": 1},
        ]
        answer = self._post("/api/v1/query", {"query": query}, deadline)
        if answer.status != 200:
            return ""
        match = _ID.search(answer.body)  # the answer may be longer than what is read of it
        return match[1] if match else ""

    def _post(self, path: str, value: Any, deadline: Deadline, longest: int = _LONGEST_ANSWER) -> HttpAnswer:
        channel = self._channel
        headers = {"Authorization": f"Bearer {channel.api_key.value}"}
        if channel.organisation is not None:
            headers["X-Organisation"] = channel.organisation
        request = HttpRequest(
            url=f"{channel.url.rstrip('/')}{path}",
            body=json.dumps(value, ensure_ascii=False),
            headers=headers,
            ca_certs=channel.ca_certs,
            longest_answer=longest,
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

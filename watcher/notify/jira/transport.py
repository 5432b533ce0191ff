"""Jira: a ticket for each alert, and a comment for each later message on it."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from watcher.model import AlertStatus, Notification
from watcher.notify.deadline import Deadline
from watcher.notify.history_texts import history_message
from watcher.notify.http_post import HttpAnswer, HttpRequest
from watcher.notify.jira.settings import JiraChannel
from watcher.notify.jira.tickets import alert_label, is_done, message_label, new_comment, new_ticket, transition_to
from watcher.notify.refusals import Refusal
from watcher.notify.web_service import WebService
from watcher.ports import Clock

_COMMENTS = 50  # of a ticket, the newest, in which a message is looked for
_LONGEST_ANSWER = 8_000_000  # bytes: comments may have 32,767 characters each
_OF_SETTINGS = frozenset({"project", "issuetype", "priority", "labels"})  # fields that settings and screens decide
_REFUSED_MOVE = (400, 403, 404, 409)


class JiraNotifier:
    """Creates a ticket for each alert, with the alert's id as a label.

    The label is looked for first, so no alert gets a second ticket, and no message a second comment, after an answer
    that was lost.
    """

    def __init__(self, channel: JiraChannel, _clock: Clock) -> None:
        self._channel = channel
        self._service = WebService(channel=channel.name, label="Jira", secrets=(channel.token,))

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Create the ticket, or comment on the ticket that the alert has."""
        rendered = json.loads(notification.bodies["application/json"])
        with Deadline(self._channel.timeout) as deadline:
            ticket = self._ticket(notification.alert, deadline)
            if ticket is None:
                fields = new_ticket(self._channel, rendered, alert=notification.alert, key=notification.key)
                self._created("/issue", fields, deadline)
            else:
                self._comment(ticket, rendered["text"], notification.key, deadline)
                if notification.thread:  # new values joined: somebody must look at it again
                    self._move(ticket, deadline, to_done=False)

    def follow(self, notification: Notification) -> None:
        """Comment on the ticket of an alert, and move it as its alert was closed or opened; it is never created."""
        follow_up = notification.follow_up
        if follow_up is None:
            return
        with Deadline(self._channel.timeout) as deadline:
            ticket = self._ticket(notification.alert, deadline)
            if ticket is None:  # people removed its label, or deleted it
                return
            self._comment(ticket, history_message(follow_up.entries), notification.key, deadline)
            if follow_up.changes_status:
                self._move(ticket, deadline, to_done=follow_up.status is AlertStatus.CLOSED)

    def _comment(self, ticket: dict[str, Any], text: str, key: str, deadline: Deadline) -> None:
        """Comment on a ticket, unless it has the message already."""
        if not self._holds(ticket, message_label(key), deadline):
            self._created(f"{_path(ticket)}/comment", new_comment(self._channel, text, key=key), deadline)

    def _move(self, ticket: dict[str, Any], deadline: Deadline, *, to_done: bool) -> None:
        """Move a ticket to a status of the category Done, or back; nothing where no transition leads there.

        Workflows differ: a transition that asks for more, or that the user may not use, is left to people.
        """
        if self._channel.transitions == "none" or is_done(ticket) is to_done:
            return
        path = f"{_path(ticket)}/transitions"
        listed = self._object(self._call("GET", path, None, deadline), 200)
        transition = transition_to(listed, to_done=to_done)
        if transition is None:
            return
        answer = self._call("POST", path, {"transition": {"id": transition}}, deadline)
        if not 200 <= answer.status < 300 and answer.status not in _REFUSED_MOVE:
            raise self._service.refusal(answer)

    def _ticket(self, alert: str, deadline: Deadline) -> dict[str, Any] | None:
        """Return the oldest ticket with the label of an alert, None where there is none."""
        jql = f'project = "{self._channel.project}" AND labels = "{alert_label(alert)}" ORDER BY created ASC'
        path = "/search/jql" if self._channel.edition == "cloud" else "/search"
        answer = self._call("POST", path, {"jql": jql, "maxResults": 1, "fields": ["labels", "status"]}, deadline)
        if answer.status == 400:  # all of the query is from settings: there is no such project for the user
            raise self._service.refusal(answer, "; check `project`", Refusal.OF_CHANNEL)
        issues = self._object(answer, 200).get("issues")
        match issues:
            case []:
                return None
            case [{"id": str()}, *_]:
                ticket: dict[str, Any] = issues[0]
                return ticket
        raise self._service.failure("the answer to a search lists no tickets; check `url`", Refusal.PASSING)

    def _holds(self, ticket: dict[str, Any], mark: str, deadline: Deadline) -> bool:
        """Whether the ticket or one of its comments has the message with a mark."""
        if mark in json.dumps(ticket):
            return True
        path = f"{_path(ticket)}/comment?orderBy=-created&maxResults={_COMMENTS}"
        answer = self._call("GET", path, None, deadline)
        return mark in json.dumps(self._object(answer, 200))

    def _created(self, path: str, value: Any, deadline: Deadline) -> None:
        answer = self._call("POST", path, value, deadline)
        if "id" not in self._object(answer, 201):
            raise self._service.failure("the answer names no ticket; check `url`", Refusal.PASSING)

    def _object(self, answer: HttpAnswer, status: int) -> dict[str, Any]:
        """Return the object of an answer with the status of a success."""
        if not 200 <= answer.status < 300:
            raise self._service.refusal(answer, about=_about(answer))
        value = self._service.json_object(answer)
        if answer.status != status:
            raise self._service.failure(f"answered {answer.status} instead of {status}; check `url`", Refusal.PASSING)
        return value

    def _call(self, method: str, path: str, value: Any, deadline: Deadline) -> HttpAnswer:
        channel = self._channel
        version = "3" if channel.edition == "cloud" else "2"
        request = HttpRequest(
            url=f"{channel.url.rstrip('/')}/rest/api/{version}{path}",
            method=method,
            body="" if value is None else json.dumps(value, ensure_ascii=False),
            headers={"Authorization": self._authorization(), "Accept": "application/json"},
            ca_certs=channel.ca_certs,
            longest_answer=_LONGEST_ANSWER,
        )
        return self._service.call(request, deadline)

    def _authorization(self) -> str:
        token = self._channel.token.value
        if self._channel.email is None:
            return f"Bearer {token}"
        return f"Basic {base64.b64encode(f'{self._channel.email}:{token}'.encode()).decode('ascii')}"


def _about(answer: HttpAnswer) -> Refusal | None:
    """Return what a refusal is about, where the answer says more than its status; None where it does not."""
    try:
        faults = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(faults, dict):
        return None
    if answer.status == 404 and "errorMessages" in faults:  # a ticket that was deleted meanwhile
        return Refusal.PASSING
    is_of_settings = answer.status == 400 and not _OF_SETTINGS.isdisjoint(faults.get("errors") or ())
    return Refusal.OF_CHANNEL if is_of_settings else None


def _path(ticket: dict[str, Any]) -> str:
    return f"/issue/{quote(ticket['id'], safe='')}"

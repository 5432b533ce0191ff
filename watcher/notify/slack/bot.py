"""Slack by the bot of an app: a message for each alert, updated as the alert goes on, with a thread."""

from __future__ import annotations

import json
from typing import Any

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.deadline import Deadline
from watcher.notify.refusals import Refusal
from watcher.notify.slack.settings import SlackChannel
from watcher.notify.slack.status_block import with_status
from watcher.notify.slack.text_message import text_message
from watcher.notify.slack.web_api import SlackApi, SlackError
from watcher.notify.web_service import WebService
from watcher.ports import Clock

_EVENT_TYPE = "watcher_message"
_LATEST = 50  # messages of a channel or thread among which a former attempt is looked for
_NO_THREAD = ("cannot_reply_to_message", "message_not_found", "thread_not_found", "restricted_action_thread_locked")
_NO_MESSAGE = ("message_not_found", "cant_update_message", "edit_window_closed")  # deleted, or that of another bot
_ADVICE = {
    "channel_not_found": "check `conversation`, and invite the bot to a private channel",
    "is_archived": "set `conversation` to another channel",
    "missing_scope": "add the scope {needed} to the app, and install it again",
    "not_in_channel": "invite the bot to the channel, or add the scope `chat:write.public`",
}
_RENEWAL = "copy the token of the app again into `bot_token`"
_STALE_LOGINS = ("account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked")


class SlackBotNotifier:
    """Posts a message for each alert, updates it by what joined and what people did, and replies with new values.

    Slack has no idempotency key. Each message holds its key as metadata, by which a second attempt looks for the
    message of the first, whose answer was lost.
    """

    def __init__(self, channel: SlackChannel, _clock: Clock) -> None:
        self._channel = channel
        self._service = WebService(
            channel=channel.name, label="Slack", address_key="api_url", secrets=(channel.bot_token,)
        )
        self._api = SlackApi(channel=channel, service=self._service)

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> str:
        """Post the message, an update as a reply to it, and return where it is: `CHANNEL/TIMESTAMP`."""
        conversation, thread = _place(notification.message) or (self._channel.conversation or "", "")
        value = {
            **json.loads(notification.bodies["application/json"]),
            "channel": conversation,
            "metadata": {"event_type": _EVENT_TYPE, "event_payload": {"key": notification.key}},
        }
        with Deadline(self._channel.timeout) as deadline:
            if notification.attempt > 1 and (posted := self._posted(conversation, thread, notification.key, deadline)):
                return posted
            return self._location(self._post({**value, "thread_ts": thread} if thread else value, deadline))

    def follow(self, notification: Notification) -> None:
        """Update the message of an alert by its hits and by what people did; it is never posted again."""
        place, follow_up = _place(notification.message), notification.follow_up
        if place is None or follow_up is None:
            return
        rendered = with_status(json.loads(notification.bodies["application/json"]), follow_up)
        value = {**rendered, "channel": place[0], "ts": place[1]}
        with Deadline(self._channel.timeout) as deadline:
            result = self._api.post("chat.update", value, deadline)
        if isinstance(result, SlackError) and result.name not in _NO_MESSAGE:
            raise self._error(result)

    def _post(self, value: dict[str, Any], deadline: Deadline) -> dict[str, Any] | SlackError:
        """Post a message: outside of its thread where people deleted that, as text where its blocks are refused."""
        result = self._api.post("chat.postMessage", value, deadline)
        if isinstance(result, SlackError) and "thread_ts" in value and result.name in _NO_THREAD:
            del value["thread_ts"]
            result = self._api.post("chat.postMessage", value, deadline)
        if isinstance(result, SlackError) and result.refusal is Refusal.OF_MESSAGE:
            return self._api.post("chat.postMessage", text_message(value), deadline)
        return result

    def _location(self, result: dict[str, Any] | SlackError) -> str:
        """Return where a message was posted."""
        if isinstance(result, SlackError):
            raise self._error(result)
        match result:
            case {"channel": str(conversation), "ts": str(moment)}:
                return f"{conversation}/{moment}"
        raise self._service.failure("the answer does not say where the message is; check `api_url`", Refusal.PASSING)

    def _posted(self, conversation: str, thread: str, key: str, deadline: Deadline) -> str:
        """Return where the message with a key is, empty where no former attempt posted it, or it cannot be read."""
        values = {"channel": conversation, "limit": _LATEST, "include_all_metadata": "true"}
        method, more = ("conversations.replies", {"ts": thread}) if thread else ("conversations.history", {})
        result = self._api.read(method, {**values, **more}, deadline)
        if isinstance(result, SlackError):
            if result.refusal is Refusal.PASSING and result.name not in _NO_THREAD:
                raise self._error(result)
            return ""  # the app may lack the scope: a double is better than no message
        for message in result.get("messages") or ():
            if ((message.get("metadata") or {}).get("event_payload") or {}).get("key") == key:
                return f"{conversation}/{message['ts']}"
        return ""

    def _error(self, error: SlackError) -> DeliveryError:
        advice = _RENEWAL if error.name in _STALE_LOGINS else _ADVICE.get(error.name, "")
        reason = f"refused with `{self._service.redacted(error.name)}`"
        if advice:
            reason += f"; {advice.format(needed=f'`{self._service.redacted(error.needed)}`')}"
        return self._service.failure(reason, error.refusal, wait=error.answer.wait)


def _place(message: str) -> tuple[str, str] | None:
    """Return the channel and the timestamp of a message that was posted before; None where there is none."""
    conversation, _, moment = message.partition("/")
    return (conversation, moment) if moment else None

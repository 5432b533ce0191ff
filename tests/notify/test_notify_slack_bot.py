"""Slack by the bot of an app: one message for each alert, updated, with replies; no message twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.hostile_messages import LINKS, UNSEEN, messages, rendered
from support.hostile_text import EVENT, FixedClock, alert
from support.refusals import refusal_in
from support.slack_receiver import SlackApiReceiver
from werkzeug import Response

from watcher.errors import DeliveryError
from watcher.model import AlertStatus, FollowUp, HistoryEntry, TriageAction
from watcher.notify.channel_registry import build_notifier, following_channels
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import Refusal
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.bot import SlackBotNotifier
from watcher.settings import Secret, read

TOKEN = "xoxb-1-2-Hunter2"
FIRST = rendered(alert_context(alert(EVENT), links=LINKS), SlackChannel(name="s"))
ENTRY = HistoryEntry(
    time=datetime(2026, 11, 23, tzinfo=UTC), by="alice", action=TriageAction.ACKNOWLEDGE, comment="<!channel> *ours*"
)
PASSING, CHANNEL, MESSAGE = Refusal.PASSING, Refusal.OF_CHANNEL, Refusal.OF_MESSAGE


def bot(service: SlackApiReceiver, **changes: str) -> SlackBotNotifier:
    values = {"conversation": service.conversation, "api_url": service.url("/api/"), **changes}
    return SlackBotNotifier(SlackChannel(name="s", bot_token=Secret(TOKEN), **values), FixedClock())  # type: ignore[arg-type]


def test_hostile_messages_of_every_kind_are_accepted_without_markup() -> None:
    with SlackApiReceiver(token=TOKEN) as service:
        for context in messages():
            bot(service).send(rendered(context, SlackChannel(name="s")))
    assert service.offences == []
    for message in service.accepted:
        text = json.dumps(message, ensure_ascii=False)
        assert [character for character in UNSEEN if character in text] == []
        assert "mrkdwn" not in text
        assert "<!channel>" not in message["text"]


def test_new_values_are_replies_and_what_people_do_updates_the_message() -> None:
    with SlackApiReceiver(token=TOKEN) as service:
        notifier = bot(service)
        place = notifier.send(FIRST)
        assert place == "C0123456789/1764000000.000000"
        notifier.send(replace(FIRST, key="update", thread=FIRST.key, message=place))
        acknowledged = FollowUp(status=AlertStatus.ACKNOWLEDGED, entries=(ENTRY,), history=(ENTRY,))
        notifier.follow(replace(FIRST, message=place, follow_up=acknowledged))
        notifier.follow(replace(FIRST, message=place, follow_up=replace(acknowledged, entries=())))
        notifier.follow(replace(FIRST, follow_up=acknowledged))  # sent by a webhook before: nothing can be updated
    assert service.offences == []
    message, reply = service.accepted
    assert (reply["thread_ts"], message["versions"], reply["versions"]) == (message["ts"], 3, 1)
    assert message["blocks"][0]["text"]["text"].startswith("ACKNOWLEDGED · HIGH")
    history = message["blocks"][1]["text"]
    assert history["type"] == "plain_text"
    assert history["text"] == "2026-11-23T00:00:00.000Z alice acknowledged: <!channel> *ours*"


@pytest.mark.parametrize("is_reply", [False, True])
@pytest.mark.parametrize("reads_history", [True, False])
def test_an_attempt_after_a_lost_answer_finds_the_message(*, is_reply: bool, reads_history: bool) -> None:
    with SlackApiReceiver(token=TOKEN, reads_history=reads_history) as service:
        notifier = bot(service)
        place = notifier.send(FIRST)
        notification = replace(FIRST, key="k", message=place if is_reply else "")
        service.lost_answers = 1
        with pytest.raises(DeliveryError) as caught:
            notifier.send(notification)
        assert refusal_in(caught.value) is PASSING
        again = notifier.send(replace(notification, attempt=2))
    assert service.offences == []
    assert len(service.accepted) == (2 if reads_history else 3)  # without the scope a double is possible
    assert again == f"C0123456789/{service.accepted[-1]['ts']}"


def test_what_people_deleted_is_not_updated_and_a_reply_becomes_a_message() -> None:
    with SlackApiReceiver(token=TOKEN) as service:
        notifier = bot(service)
        place = notifier.send(FIRST)
        service.accepted.clear()
        notifier.follow(replace(FIRST, message=place, follow_up=FollowUp(status=AlertStatus.CLOSED, entries=())))
        notifier.send(replace(FIRST, key="update", message=place))
    (message,) = service.accepted
    assert "thread_ts" not in message


@pytest.mark.parametrize(
    ("error", "about", "advice"),
    [
        ("ratelimited", PASSING, ""),
        ("internal_error", PASSING, ""),
        ("an_error_of_tomorrow", PASSING, ""),
        ("invalid_auth", CHANNEL, "copy the token"),
        ("token_revoked", CHANNEL, "copy the token"),
        ("channel_not_found", CHANNEL, "check `conversation`"),
        ("not_in_channel", CHANNEL, "invite the bot"),
        ("is_archived", CHANNEL, "another channel"),
        ("missing_scope", CHANNEL, "add the scope"),
        ("msg_too_long", MESSAGE, ""),
        ("invalid_blocks", MESSAGE, ""),
    ],
)
def test_every_error_says_what_it_is_about(error: str, about: Refusal, advice: str) -> None:
    follow_up = FollowUp(status=AlertStatus.CLOSED, entries=())
    with SlackApiReceiver(token=TOKEN) as service:
        notifier = bot(service)
        calls: tuple[Callable[[], object], ...] = (
            lambda: notifier.send(FIRST),
            lambda: notifier.follow(replace(FIRST, message="C0123456789/1", follow_up=follow_up)),
        )
        for call in calls:
            service.errors = [error] * 2  # of the message, and of its text
            with pytest.raises(DeliveryError, match=rf"channel `s`: Slack: refused with `{error}`.*{advice}") as caught:
                call()
            assert refusal_in(caught.value) is about
    assert service.accepted == []


def test_a_message_whose_blocks_slack_refuses_is_sent_as_text() -> None:
    with SlackApiReceiver(token=TOKEN) as service:
        service.errors = ["msg_blocks_too_long"]
        bot(service).send(FIRST)
    (_, request) = service.requests
    message = json.loads(request.body)
    assert "blocks" not in message
    assert message["mrkdwn"] is False
    assert message["text"].startswith("Slack refused the blocks of this message")
    assert "<!channel>" not in message["text"]
    assert FIRST.alert in message["text"]


def test_a_limit_of_requests_is_the_wait_and_no_error_shows_the_token() -> None:
    with SlackApiReceiver(token="another") as service:
        service.failures = [Response("", 429, {"Retry-After": "30"})]
        with pytest.raises(DeliveryError) as limited:
            bot(service).send(FIRST)
        service.failures = [Response(json.dumps({"ok": False, "error": "ratelimited"}), 200, {"Retry-After": "7"})]
        with pytest.raises(DeliveryError) as in_answer:
            bot(service).send(FIRST)
        with pytest.raises(DeliveryError, match="invalid_auth") as refused:
            bot(service).send(FIRST)
    assert (limited.value.wait, in_answer.value.wait) == (timedelta(seconds=30), timedelta(seconds=7))
    assert TOKEN not in str([limited.value, in_answer.value, refused.value])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "neither `webhook_url` nor `bot_token`"),
        ("bot_token: xoxb-1-a", "conversation"),
        ("conversation: C012", "bot_token"),
        ("bot_token: secret, conversation: C012", "not a token"),
        ("bot_token: xoxb-1-a, conversation: '#soc'", "the id of a Slack channel"),
        ("bot_token: xoxb-1-a, conversation: C012, webhook_url: 'https://hooks.example/x'", "cannot be combined"),
    ],
)
def test_wrong_settings_are_reported(keys: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        read(f"channels: {{c: {{type: slack{', ' if keys else ''}{keys}}}}}", {})


def test_the_keys_in_settings_decide_which_channel_it_is() -> None:
    text = "{type: slack, bot_token: xoxb-1-a, conversation: C012}"
    channels = read(f"channels: {{a: {text}, b: {{type: slack, webhook_url: 'https://hooks.example/x'}}}}", {}).channels
    built = {channel.name: type(build_notifier(channel, FixedClock())).__name__ for channel in channels}
    assert built == {"a": "SlackBotNotifier", "b": "SlackNotifier"}
    assert following_channels(channels) == ("a",)

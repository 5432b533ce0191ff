"""An alert in Slack by a bot: one message that shows the count and the status, and new values in its thread."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.hostile_text import FixedClock
from support.memory_state import MemoryDocuments
from support.slack_receiver import SlackApiReceiver

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.alert_triage import AlertTriage
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.delivery_record import delivery_record
from watcher.delivery.outbox import Outbox
from watcher.delivery.status_deliveries import StatusDeliveries
from watcher.health.channel_health import read_waiting
from watcher.model import CloseReason, Notification, TriageAction
from watcher.notify.links import Links
from watcher.notify.renderer import Renderer
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.bot import SlackBotNotifier
from watcher.pipeline import Dispatcher
from watcher.settings import Secret
from watcher.state.state_documents import StateDocuments

TOKEN = "xoxb-1-a"
MINUTE = timedelta(minutes=1)


def record(state: MemoryDocuments, number: int, user: str = "alice", *, after: timedelta = timedelta(0)) -> None:
    """Record a hit of the same host by a user some time after now."""
    grouped = grouped_hit(rule(), effective(channels=("slack",)), event_document(number, host="H", User=user))
    alerts = alerts_of_hits(rule(), effective(channels=("slack",)), [grouped], origin="live")
    AlertStore(state).record(alerts, [grouped.hit], now=NOW + after)


def deliverer(
    service: SlackApiReceiver, state: MemoryDocuments, bot: type[SlackBotNotifier] = SlackBotNotifier
) -> Callable[[timedelta], None]:
    """Return a function that delivers what is due some time after now."""
    slack = SlackChannel(
        name="slack", bot_token=Secret(TOKEN), conversation=service.conversation, api_url=service.url("/api")
    )

    def deliver(after: timedelta) -> None:
        Dispatcher(
            queries=DeliveryQueries(state),
            outbox=Outbox(state),
            states=ChannelStates(StateDocuments(state)),
            channels={"slack": (slack, bot(slack, FixedClock()))},
            renderer=Renderer(),
            links=Links(),
            now=lambda: NOW + after,
        ).deliver()

    return deliver


def texts(service: SlackApiReceiver) -> list[str]:
    assert service.offences == []
    return [json.dumps(message["blocks"], ensure_ascii=False) for message in service.accepted]


def test_hits_that_join_are_counted_in_the_message_and_new_values_are_replies() -> None:
    state = MemoryDocuments()
    with SlackApiReceiver(token=TOKEN) as service:
        deliver = deliverer(service, state)
        record(state, 1)
        deliver(timedelta(0))
        record(state, 2)
        deliver(MINUTE / 2)
        assert "Hits" not in texts(service)[0]
        assert read_waiting(state, "watcher") == {}  # no message waits
        deliver(MINUTE)
        assert "2, from" in texts(service)[0]
        record(state, 3, "mallory", after=2 * MINUTE)
        deliver(2 * MINUTE)
        deliver(10 * MINUTE)
        message, reply = texts(service)
    assert "3, from" in message
    assert "mallory" in reply
    assert "New user" in reply
    assert service.accepted[1]["thread_ts"] == service.accepted[0]["ts"]
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert [record.total for record in delivery_record(alert.document)] == [3]


def test_a_message_shows_who_acknowledged_and_closed_the_alert_and_keeps_it_when_hits_join() -> None:
    state = MemoryDocuments()
    triage = AlertTriage(state, also=StatusDeliveries(channels=("slack",), now=NOW))
    with SlackApiReceiver(token=TOKEN) as service:
        deliver = deliverer(service, state)
        record(state, 1)
        deliver(timedelta(0))
        for action in (
            Triage(action=TriageAction.ACKNOWLEDGE, by="alice"),
            Triage(action=TriageAction.CLOSE, by="bob", reason=CloseReason.BENIGN, comment="ours"),
        ):
            triage.change(triage.select(AlertFilter(), most=100), action, now=NOW)
            deliver(timedelta(0))
        (closed,) = texts(service)
        record(state, 2, after=MINUTE)
        deliver(10 * MINUTE)
        joined = texts(service)[0]
    for text in (closed, joined):
        assert '"CLOSED · ' in text
        assert "alice acknowledged" in text
        assert "bob closed as benign: ours" in text
    assert "2, from" in joined


class KilledBot(SlackBotNotifier):
    """A bot whose process ends when it has posted a message."""

    def send(self, notification: Notification) -> str:
        super().send(notification)
        raise KeyboardInterrupt


def test_a_message_that_was_posted_before_a_crash_is_found_and_followed() -> None:
    state = MemoryDocuments()
    with SlackApiReceiver(token=TOKEN) as service:
        record(state, 1)
        with pytest.raises(KeyboardInterrupt):
            deliverer(service, state, bot=KilledBot)(timedelta(0))
        deliver = deliverer(service, state)
        deliver(10 * MINUTE)  # the claim expired
        record(state, 2, after=10 * MINUTE)
        deliver(12 * MINUTE)
    (text,) = texts(service)
    assert "2, from" in text

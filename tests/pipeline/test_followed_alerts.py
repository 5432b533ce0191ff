"""What people do to an alert reaches the channels that follow it: after its message, in order, and once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.hostile_text import FixedClock
from support.memory_state import MemoryDocuments
from support.service_receivers import PagerDutyReceiver
from werkzeug import Response

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.alert_triage import AlertTriage
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.delivery_record import delivery_record
from watcher.delivery.outbox import Outbox
from watcher.delivery.rate_limit import RateLimit
from watcher.delivery.status_deliveries import StatusDeliveries
from watcher.model import CloseReason, TriageAction
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.pagerduty import PagerDutyChannel
from watcher.notify.pagerduty.transport import PagerDutyNotifier
from watcher.notify.renderer import Renderer
from watcher.pipeline import Dispatcher
from watcher.settings import Secret
from watcher.state.state_documents import StateDocuments

KEY = "0123456789abcdef0123456789abcdef"
ACKNOWLEDGE = Triage(action=TriageAction.ACKNOWLEDGE, by="alice")
CLOSE = Triage(action=TriageAction.CLOSE, by="alice", reason=CloseReason.BENIGN, comment="ours")
REOPEN = Triage(action=TriageAction.REOPEN, by="bob")
COMMENT = Triage(action=TriageAction.COMMENT, by="bob", comment="hm")
MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))


def opened(hosts: int = 1) -> MemoryDocuments:
    """Return a state with an alert for each host, to be sent by PagerDuty and mail."""
    state, settings = MemoryDocuments(), effective(channels=("pager", "mail"))
    grouped = [grouped_hit(rule(), settings, event_document(number, host=f"H{number}")) for number in range(hosts)]
    alerts = alerts_of_hits(rule(), settings, grouped, origin="live")
    AlertStore(state).record(alerts, [entry.hit for entry in grouped], now=NOW)
    return state


def do(state: MemoryDocuments, *actions: Triage) -> None:
    """Do actions to all alerts, as the commands do."""
    alert_triage = AlertTriage(state, also=StatusDeliveries(channels=("pager",), now=NOW))
    for action in actions:
        alert_triage.change(alert_triage.select(AlertFilter(), most=100), action, now=NOW)


def deliverer(service: PagerDutyReceiver, state: MemoryDocuments) -> Callable[..., RecordingChannel]:
    """Return a function that delivers what is due some time after now, and returns what mail got."""
    pager = PagerDutyChannel(name="pager", routing_key=Secret(KEY), url=service.url("/"))
    mail = RecordingChannel("mail")

    def deliver(after: timedelta = timedelta(0)) -> RecordingChannel:
        Dispatcher(
            queries=DeliveryQueries(state),
            outbox=Outbox(state),
            states=ChannelStates(StateDocuments(state)),
            channels={"pager": (pager, PagerDutyNotifier(pager, FixedClock())), "mail": (MAIL, mail)},
            renderer=Renderer(),
            links=Links(),
            now=lambda: NOW + after,
            rate_limit=RateLimit(limit=3, settle=timedelta(0)),
        ).deliver()
        return mail

    return deliver


def actions_of(service: PagerDutyReceiver) -> list[str]:
    assert service.offences == []
    return [event["event_action"] for event in service.accepted]


def test_an_alert_is_acknowledged_resolved_and_triggered_again_under_one_key() -> None:
    state = opened()
    with PagerDutyReceiver(routing_key=KEY) as service:
        deliver = deliverer(service, state)
        deliver()
        for action in (ACKNOWLEDGE, COMMENT, CLOSE, REOPEN):
            do(state, action)
            deliver()
            mail = deliver()
    assert actions_of(service) == ["trigger", "acknowledge", "resolve", "trigger"]
    assert len({event["dedup_key"] for event in service.accepted}) == 1
    assert len(mail.taken) == 1  # mail does not follow


def test_actions_that_come_together_are_shown_by_their_result() -> None:
    state = opened()
    with PagerDutyReceiver(routing_key=KEY) as service:
        deliver = deliverer(service, state)
        do(state, ACKNOWLEDGE, CLOSE)  # before the message is sent
        deliver()
        deliver()
        deliver()
    assert actions_of(service) == ["trigger", "resolve"]


def test_what_people_do_waits_neither_for_a_limit_nor_for_a_digest() -> None:
    state = opened(hosts=6)
    with PagerDutyReceiver(routing_key=KEY) as service:
        deliver = deliverer(service, state)
        deliver()
        singles = len(service.accepted) - 1  # and a digest of the others
        do(state, CLOSE)
        deliver()
        deliver()
    assert (singles, actions_of(service).count("resolve")) == (3, 3)
    entries = [
        entry
        for (index, _), stored in state.documents.items()
        if "alerts" in index
        for entry in stored.document["watcher"]["deliveries"]
        if entry["channel"] == "pager/status"
    ]
    assert sorted(entry["state"] for entry in entries) == ["sent"] * 3 + ["silenced"] * 3


def test_a_channel_that_fails_gets_the_status_later_and_the_record_counts_no_hit_twice() -> None:
    state = opened()
    with PagerDutyReceiver(routing_key=KEY) as service:
        deliver = deliverer(service, state)
        deliver()
        service.failures = [Response("busy", 503)]
        do(state, ACKNOWLEDGE)
        deliver()
        deliver(after=timedelta(hours=1))
    assert actions_of(service) == ["trigger", "acknowledge"]
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert [(record.channel, record.total) for record in delivery_record(alert.document)] == [("pager", 1), ("mail", 1)]


@pytest.mark.parametrize("seed", range(8))
def test_the_last_event_is_that_of_the_status_after_any_history(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    state = opened()
    with PagerDutyReceiver(routing_key=KEY) as service:
        deliver = deliverer(service, state)
        for number in range(10):
            if chance.random() < 0.6:
                do(state, chance.choice((ACKNOWLEDGE, CLOSE, REOPEN, COMMENT)))
            if chance.random() < 0.5:
                service.lost_answers = int(chance.random() < 0.3)
                deliver(after=timedelta(hours=number))
        service.lost_answers = 0
        deliver(after=timedelta(days=1))
        deliver(after=timedelta(days=2))
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    status = alert.document["watcher"]["alert"]["state"]
    assert actions_of(service)[-1] == {"open": "trigger", "acknowledged": "acknowledge", "closed": "resolve"}[status]

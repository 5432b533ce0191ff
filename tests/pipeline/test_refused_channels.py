"""A channel that refuses every message, as with a wrong password, keeps them all until somebody mends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.channel_state import ChannelState, ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.errors import ChannelRefused, DeliveryError
from watcher.health.channel_health import ChannelHealth, channel_problem
from watcher.model import Notification
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.pipeline import DeliveryResult, Dispatcher
from watcher.ports import PartialUpdate
from watcher.state.state_documents import StateDocuments
from watcher.timestamps import format_timestamp

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
REFUSED = ChannelRefused("535 login refused")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Firewall(RecordingChannel):
    """A channel that never accepts the first alert that it is asked for."""

    never = ""

    def send(self, notification: Notification) -> None:
        self.never = self.never or notification.alert
        if notification.alert == self.never:
            raise REFUSED
        super().send(notification)


def opened(hosts: int) -> MemoryDocuments:
    """Return a state with an alert for each host, to be sent by mail."""
    state, settings = MemoryDocuments(), effective(channels=("mail",))
    grouped = [grouped_hit(rule(), settings, event_document(number, host=f"H{number}")) for number in range(hosts)]
    AlertStore(state).record(
        alerts_of_hits(rule(), settings, grouped, origin="live"), [entry.hit for entry in grouped], now=NOW
    )
    return state


def sidecar(state: MemoryDocuments, mail: RecordingChannel) -> Callable[[timedelta], DeliveryResult]:
    """Start a sidecar, and return a function that delivers what is due some time after now."""
    moment = [NOW]
    dispatcher = Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        states=ChannelStates(StateDocuments(state)),
        channels={"mail": (MAIL, mail)},
        renderer=Renderer(),
        links=Links(),
        now=lambda: moment[0],
    )

    def deliver(after: timedelta) -> DeliveryResult:
        moment[0] = NOW + after
        return dispatcher.deliver()

    return deliver


def stored(state: MemoryDocuments) -> ChannelState:
    return ChannelStates(StateDocuments(state)).read("mail")


def test_messages_wait_and_one_tests_the_channel_ever_later_until_it_accepts_one() -> None:
    state, mail = opened(5), RecordingChannel("mail", faults=[REFUSED] * 8)
    deliver, after = sidecar(state, mail), timedelta(0)
    for wait in (30, 60, 120, 240, 480, 900, 900, 900):
        assert deliver(after) == DeliveryResult(postponed=1)
        assert deliver(after + timedelta(seconds=wait - 1)) == DeliveryResult()
        after += timedelta(seconds=wait)
    assert stored(state).is_refused
    assert deliver(after) == DeliveryResult(sent=5)
    assert stored(state) == ChannelState(channel="mail", recovered=NOW + after)


def test_a_sidecar_that_starts_asks_at_once_and_sends_what_waited() -> None:
    state = opened(1)
    sidecar(state, RecordingChannel("mail", faults=[REFUSED]))(timedelta(0))
    mail = RecordingChannel("mail", faults=[REFUSED])  # the settings are still wrong
    deliver = sidecar(state, mail)
    assert deliver(SECOND) == DeliveryResult(postponed=1)
    assert deliver(2 * SECOND) == DeliveryResult()
    assert sidecar(state, mail)(3 * SECOND) == DeliveryResult(sent=1)


def test_operators_hear_that_a_channel_refuses_all_messages() -> None:
    state = opened(3)
    sidecar(state, RecordingChannel("mail", faults=[REFUSED]))(timedelta(0))
    problem = channel_problem(ChannelHealth(state=stored(state), waiting=3))
    assert problem is not None
    assert problem.title == "channel `mail` refuses all messages"
    assert "535 login refused; correct its settings and restart the sidecar; 3 messages wait" in problem.message


def test_a_message_that_alone_is_refused_holds_the_others_for_half_a_minute() -> None:
    """A firewall in front of a webhook answers 403 to a message that looks like an attack."""
    state, mail = opened(4), Firewall("mail")
    deliver = sidecar(state, mail)
    assert deliver(timedelta(0)) == DeliveryResult(postponed=1)
    assert deliver(30 * SECOND) == DeliveryResult(sent=3, postponed=1)
    assert not stored(state).is_failing
    assert deliver(MINUTE) == DeliveryResult()
    assert deliver(90 * SECOND) == DeliveryResult(postponed=1)
    assert not stored(state).is_failing


def open_another(state: MemoryDocuments, number: int) -> None:
    """Open an alert of a new host."""
    settings = effective(channels=("mail",))
    grouped = grouped_hit(rule(), settings, event_document(number, host=f"H{number}"))
    AlertStore(state).record(alerts_of_hits(rule(), settings, [grouped], origin="live"), [grouped.hit], now=NOW)


def entries(state: MemoryDocuments) -> list[dict[str, Any]]:
    return [
        stored.document["watcher"]["deliveries"][0]
        for (index, _), stored in state.documents.items()
        if "alerts" in index
    ]


def test_a_message_that_alone_is_refused_is_given_up_after_ten_times_between_accepted_ones() -> None:
    state, mail = opened(2), Firewall("mail")
    deliver, hours = sidecar(state, mail), 0
    deliver(timedelta(0))
    result = deliver(30 * SECOND)  # the other message is accepted
    while not result.failed and hours < 48:
        hours += 1
        open_another(state, 100 + hours)
        result = sum((deliver(hours * HOUR - 10 * MINUTE), deliver(hours * HOUR)), DeliveryResult())
    assert result.failed == 1
    assert 4 <= hours <= 16
    (refused,) = (entry for entry in entries(state) if entry["state"] == "failed")
    assert refused["error"] == "535 login refused (10 times since 2026-11-23 12:00 UTC, between accepted messages)"
    assert [entry["state"] for entry in entries(state)].count("sent") == 1 + hours


def test_a_message_that_alone_is_refused_is_not_given_up_while_its_channel_sends_nothing_else() -> None:
    state, mail = opened(2), Firewall("mail")
    deliver = sidecar(state, mail)
    for hours in (0, 1, *range(2, 60)):
        deliver(hours * HOUR)
    assert sorted(entry["state"] for entry in entries(state)) == ["pending", "sent"]
    assert not stored(state).is_failing


def test_attempts_that_a_killed_sidecar_began_do_not_make_a_message_one_that_alone_is_refused() -> None:
    state, mail = opened(1), RecordingChannel("mail", faults=[DeliveryError("503", permanent=False)] * 3)
    claimed = {"channel": "mail", "state": "claimed", "attempts": 5, "due": format_timestamp(NOW)}
    (alert,) = (document for (index, _), document in state.documents.items() if "alerts" in index)
    state.update([PartialUpdate(stored=alert, part={"watcher": {"deliveries": [claimed]}})])
    assert sidecar(state, mail)(timedelta(0)) == DeliveryResult(postponed=1)
    assert stored(state).failures == 1
    assert stored(state).next_try == NOW + 30 * SECOND

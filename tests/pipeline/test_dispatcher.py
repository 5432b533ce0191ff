"""Each channel gets its messages independently, and a delivery is marked as sent after its channel accepted it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.memory_state import LaggingDocuments, MemoryDocuments, merged

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.clock import SystemClock
from watcher.delivery.channel_state import ChannelState, ChannelStates
from watcher.delivery.deliveries import CLAIM
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.errors import DeliveryError, RecipientRefusal, RecipientsRefused
from watcher.model import Level, Notification, Rule
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.notify.slack import SlackChannel
from watcher.pipeline import DeliveryResult, Dispatcher, RateLimit
from watcher.settings import Secret
from watcher.state.state_documents import StateDocuments

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
SLACK = SlackChannel(name="slack", webhook_url=Secret("http://localhost/"))


class KilledChannel(RecordingChannel):
    """A channel whose process ends when it has sent a message."""

    def send(self, notification: Notification) -> None:
        super().send(notification)
        raise KeyboardInterrupt


def pending(*, channels: tuple[str, ...] = ("mail", "slack")) -> MemoryDocuments:
    """Create a state with one alert and pending deliveries to some channels."""
    state, settings = MemoryDocuments(), effective(channels=channels)
    grouped = grouped_hit(rule(), settings, event_document())
    AlertStore(state).record(alerts_of_hits(rule(), settings, [grouped], origin="live"), [grouped.hit], now=NOW)
    return state


def deliver(
    state: MemoryDocuments, *recording: RecordingChannel, after: timedelta = timedelta(0), **changes: Any
) -> DeliveryResult:
    """Deliver what is due some time after now."""
    channels = {"mail": MAIL, "slack": SLACK}
    return Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        states=ChannelStates(StateDocuments(state)),
        channels={channel.name: (channels[channel.name], channel) for channel in recording},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW + after,
        **changes,
    ).deliver()


def states(state: MemoryDocuments) -> list[tuple[str, str]]:
    """Return state and error of the deliveries of the only alert."""
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    return [(entry["state"], entry.get("error", "")) for entry in alert.document["watcher"]["deliveries"]]


def test_every_channel_gets_one_message() -> None:
    state, mail, slack = pending(), RecordingChannel("mail"), RecordingChannel("slack")
    assert deliver(state, mail, slack) == DeliveryResult(sent=2)
    assert deliver(state, mail, slack, after=timedelta(days=9)) == DeliveryResult()
    assert (len(mail.taken), len(slack.taken)) == (1, 1)
    assert states(state) == [("sent", ""), ("sent", "")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (DeliveryError("451 later", permanent=False), "451 later"),
        (ZeroDivisionError("secret"), "ZeroDivisionError in the channel"),
        (OSError("secret"), "OSError in the channel"),
        (KeyError("secret"), "KeyError in the channel"),
        (ValueError("secret"), "ValueError in the channel"),
    ],
)
def test_a_failing_channel_hinders_no_other_and_is_tried_again(fault: Exception, error: str) -> None:
    state, mail, slack = pending(), RecordingChannel("mail", faults=[fault]), RecordingChannel("slack")
    assert deliver(state, mail, slack) == DeliveryResult(sent=1, postponed=1)
    assert states(state) == [("pending", error), ("sent", "")]
    assert deliver(state, mail, slack, after=timedelta(seconds=29)) == DeliveryResult()
    assert deliver(state, mail, slack, after=timedelta(seconds=30)) == DeliveryResult(sent=1)
    assert (len(mail.taken), len(slack.taken)) == (1, 1)


def test_delays_grow_from_attempt_to_attempt() -> None:
    state, later = pending(channels=("mail",)), DeliveryError("later", permanent=False)
    mail = RecordingChannel("mail", faults=[later, later, later])
    at = timedelta(0)
    for wait in (30, 60, 120):
        assert deliver(state, mail, after=at) == DeliveryResult(postponed=1)
        assert deliver(state, mail, after=at + timedelta(seconds=wait - 1)) == DeliveryResult()
        at += timedelta(seconds=wait)
    assert deliver(state, mail, after=at) == DeliveryResult(sent=1)


def test_every_attempt_has_the_same_key() -> None:
    state, mail = pending(channels=("mail",)), RecordingChannel("mail")
    before = dict(state.documents)
    deliver(state, mail)
    state.documents = before  # the mark as sent was lost
    deliver(state, mail)
    first, second = mail.taken
    assert first.key == second.key


def test_a_permanent_failure_is_stored_and_hinders_no_other_channel() -> None:
    state, slack = pending(), RecordingChannel("slack")
    mail = RecordingChannel("mail", faults=[DeliveryError("550 no such user", permanent=True)])
    assert deliver(state, mail, slack) == DeliveryResult(sent=1, failed=1)
    assert states(state) == [("failed", "550 no such user"), ("sent", "")]
    assert deliver(state, mail, slack, after=timedelta(days=9)) == DeliveryResult()


def test_a_delivery_to_a_channel_that_settings_lack_stays_pending_until_the_channel_is_back() -> None:
    state, mail, slack = pending(), RecordingChannel("mail"), RecordingChannel("slack")
    assert deliver(state, slack) == DeliveryResult(sent=1, postponed=1)
    assert states(state)[0] == ("pending", "")
    assert deliver(state, mail, slack, after=timedelta(hours=1)) == DeliveryResult(sent=1)


def test_a_delivery_that_another_sidecar_claimed_is_left_until_the_claim_expires() -> None:
    state, mail = pending(channels=("mail",)), RecordingChannel("mail")
    (delivery,) = DeliveryQueries(state).due("mail", now=NOW)
    assert Outbox(state).claim(delivery, now=NOW)
    assert deliver(state, mail) == DeliveryResult()
    assert deliver(state, mail, after=CLAIM) == DeliveryResult(sent=1)


def test_an_alert_without_channels_is_kept_and_sent_to_no_channel() -> None:
    state, mail = pending(channels=()), RecordingChannel("mail")
    assert deliver(state, mail) == DeliveryResult()
    assert mail.taken == []


def test_an_alert_that_cannot_be_rendered_suppresses_no_other() -> None:
    state = MemoryDocuments()
    open_alerts(state, 2)
    (index, name), broken = next((key, stored) for key, stored in state.documents.items() if "alerts" in key[0])
    own = {**broken.document["watcher"], "rule": None}  # an unexpected document
    state.documents[index, name] = replace(broken, document={**broken.document, "watcher": own})
    mail = RecordingChannel("mail")
    assert deliver(state, mail) == DeliveryResult(sent=1, postponed=1)


def change_alert(state: MemoryDocuments, rule_id: str, path: str, value: object) -> None:
    """Change a value in the document of the alert of a rule."""
    key, stored = next(
        (key, stored)
        for key, stored in state.documents.items()
        if "alerts" in key[0] and stored.document["rule"]["id"] == rule_id
    )
    part: dict[str, Any] = {}
    node = part
    *parents, last = path.split(".")
    for name in parents:
        node = node.setdefault(name, {})
    node[last] = value
    state.documents[key] = replace(stored, document=merged(stored.document, part))


def test_an_alert_whose_document_breaks_the_claim_suppresses_no_other() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(3))
    change_alert(state, "rule-01", "watcher.alert.key", None)
    assert deliver(state, mail) == DeliveryResult(sent=2, postponed=1)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "no time"])
def test_an_alert_of_any_time_suppresses_no_other(moment: str) -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(3))
    change_alert(state, "rule-01", "@timestamp", moment)
    result = deliver(state, mail)
    assert (result.sent, result.postponed) == ((2, 1) if moment == "no time" else (3, 0))


# --------------------------------------------------------------------------- channels that fail

LATER = DeliveryError("connection refused", permanent=False)
NEVER = DeliveryError("answered 404", permanent=True)


def health(state: MemoryDocuments, channel: str = "mail") -> ChannelState:
    """Return the stored health of a channel."""
    return ChannelStates(StateDocuments(state)).read(channel)


def test_a_channel_that_is_down_is_tested_with_one_message_and_then_gets_all_at_once() -> None:
    state = MemoryDocuments()
    open_alerts(state, 8)
    mail = RecordingChannel("mail", faults=[LATER] * 5)
    after = timedelta(0)
    for wait in (30, 60, 120, 240, 300):
        assert deliver(state, mail, after=after) == DeliveryResult(postponed=1)
        assert health(state).next_try == NOW + after + timedelta(seconds=wait)
        assert deliver(state, mail, after=after + timedelta(seconds=wait - 1)) == DeliveryResult()
        after += timedelta(seconds=wait)
    down = health(state)
    assert (down.failures, down.since, down.error) == (5, NOW, "connection refused")
    assert deliver(state, mail, after=after) == DeliveryResult(sent=8)
    assert health(state) == ChannelState(channel="mail", recovered=NOW + after)


def test_an_alert_that_opens_while_its_channel_is_down_waits_without_an_attempt() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail", faults=[LATER])
    open_alerts(state, 1)
    deliver(state, mail)
    open_alerts(state, 2, first=10)
    assert deliver(state, mail, after=timedelta(seconds=20)) == DeliveryResult()
    assert sorted(entry["attempts"] for entry in entries(state)) == [0, 0, 1]
    assert deliver(state, mail, after=timedelta(seconds=30)) == DeliveryResult(sent=3)


class Picky(RecordingChannel):
    """A channel that never accepts the message that it gets first."""

    never: str = ""

    def send(self, notification: Notification) -> None:
        self.never = self.never or notification.alert
        if notification.alert == self.never:
            raise LATER
        super().send(notification)


def test_a_message_that_is_never_accepted_does_not_hold_the_others() -> None:
    state, mail = MemoryDocuments(), Picky("mail")
    open_alerts(state, 5)
    assert deliver(state, mail) == DeliveryResult(postponed=1)
    assert deliver(state, mail, after=timedelta(seconds=30)) == DeliveryResult(sent=4, postponed=1)
    assert not health(state).is_failing
    open_alerts(state, 1, first=50)
    assert deliver(state, mail, after=timedelta(seconds=31)) == DeliveryResult(sent=1)
    assert deliver(state, mail, after=timedelta(seconds=90)) == DeliveryResult(postponed=1)
    open_alerts(state, 1, first=51)
    assert deliver(state, mail, after=timedelta(seconds=91)) == DeliveryResult(sent=1)


def test_a_permanent_refusal_is_counted_and_ends_with_the_next_accepted_message() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail", faults=[NEVER, NEVER])
    open_alerts(state, 2)
    assert deliver(state, mail) == DeliveryResult(failed=2)
    refused = health(state)
    assert (refused.given_up, refused.error, refused.next_try) == (2, "answered 404", None)
    open_alerts(state, 1, first=10)
    assert deliver(state, mail, after=timedelta(seconds=1)) == DeliveryResult(sent=1)
    assert not health(state).is_failing


def test_the_highest_level_is_sent_first() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    for number, level in enumerate((Level.LOW, Level.CRITICAL, Level.MEDIUM, Level.HIGH)):
        open_alerts(state, 1, of=rule(id=f"rule {number}", level=level), first=number)
    assert deliver(state, mail) == DeliveryResult(sent=4)
    assert [notification.subject.split()[0].strip("[]:") for notification in mail.taken] == [
        "CRITICAL",
        "HIGH",
        "MEDIUM",
        "LOW",
    ]


class Dripping(RecordingChannel):
    """A channel that accepts nothing until the test allows it."""

    def __init__(self, name: str, *, released: threading.Event) -> None:
        super().__init__(name)
        self.released = released

    def send(self, notification: Notification) -> None:
        assert self.released.wait(20)
        super().send(notification)


def test_a_slow_channel_delays_no_other() -> None:
    state, slack, released = pending(), RecordingChannel("slack"), threading.Event()
    mail = Dripping("mail", released=released)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(deliver, state, mail, slack)
        end = SystemClock().monotonic() + 20
        while states(state)[1][0] != "sent" and SystemClock().monotonic() < end:
            SystemClock().wait(0.01)
        assert states(state) == [("claimed", ""), ("sent", "")]
        released.set()
        assert result.result() == DeliveryResult(sent=2)


def test_a_recipient_that_is_refused_is_retried_alone() -> None:
    refusal = RecipientRefusal(recipient="b@corp.example", error="450 greylisted", permanent=False)
    state, mail = pending(channels=("mail",)), RecordingChannel("mail", faults=[RecipientsRefused("b", (refusal,))])
    assert deliver(state, mail) == DeliveryResult(sent=1, postponed=1)
    assert states(state) == [("sent", ""), ("pending", "450 greylisted")]
    mail.faults = [LATER]
    assert deliver(state, mail, after=timedelta(seconds=30)) == DeliveryResult(postponed=1)
    assert not health(state).is_failing  # the channel itself delivers
    assert health(state, "mail/b@corp.example").failures == 1
    assert deliver(state, mail, after=timedelta(seconds=60)) == DeliveryResult(sent=1)
    assert [notification.recipients for notification in mail.taken] == [("b@corp.example",)]
    assert states(state) == [("sent", ""), ("sent", "")]


def test_a_recipient_that_is_refused_for_good_counts_as_failed() -> None:
    refusal = RecipientRefusal(recipient="b@corp.example", error="550 no such user", permanent=True)
    state, mail = pending(channels=("mail",)), RecordingChannel("mail", faults=[RecipientsRefused("b", (refusal,))])
    assert deliver(state, mail) == DeliveryResult(sent=1, failed=1)
    assert states(state) == [("sent", ""), ("failed", "550 no such user")]


# --------------------------------------------------------------------------- rate limit and digests

SETTLED = timedelta(minutes=1)
OTHER = rule(id="another")


def open_alerts(
    state: MemoryDocuments,
    hosts: int,
    *,
    of: Rule | None = None,
    first: int = 0,
    at: timedelta = timedelta(0),
    to: tuple[str, ...] = ("mail",),
) -> None:
    """Open an alert for each host, with pending deliveries to some channels."""
    alert_rule, settings = of or rule(), effective(channels=to)
    grouped = [
        grouped_hit(alert_rule, settings, event_document(number, host=f"H{number:05}"))
        for number in range(first, first + hosts)
    ]
    AlertStore(state).record(
        alerts_of_hits(alert_rule, settings, grouped, origin="live"),
        [member.hit for member in grouped],
        now=NOW + at,
    )


def entries(state: MemoryDocuments) -> list[Mapping[str, Any]]:
    """Return the deliveries of all alerts."""
    alerts = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    return [entry for stored in alerts for entry in stored.document["watcher"]["deliveries"]]


def test_up_to_the_rate_limit_every_alert_gets_a_message_of_its_own() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 20)
    assert deliver(state, mail) == DeliveryResult(sent=20)
    assert len({notification.alert for notification in mail.taken}) == 20
    assert not any("digest_id" in entry for entry in entries(state))


def test_beyond_the_rate_limit_the_remaining_alerts_go_into_one_digest_with_their_exact_count() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 1_523)
    assert deliver(state, mail, after=SETTLED) == DeliveryResult(sent=21)
    assert "1,503" in mail.taken[-1].subject + mail.taken[-1].bodies["text/plain"]
    assert {entry["state"] for entry in entries(state)} == {"sent"}
    assert Counter("digest_id" in entry for entry in entries(state)) == {True: 1_503, False: 20}
    assert deliver(state, mail, after=timedelta(days=9)) == DeliveryResult()


def test_a_digest_names_the_newest_keys_and_says_how_many_it_leaves_out() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 300)
    open_alerts(state, 1, first=90_000, at=timedelta(seconds=1))
    assert deliver(state, mail, after=SETTLED + timedelta(seconds=1)) == DeliveryResult(sent=21)
    text = mail.taken[-1].bodies["text/plain"]
    assert "host.name=H90000" in text
    assert "and 231 more" in text


def test_a_digest_names_rare_keys_before_frequent_ones() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    quiet = effective(channels=("mail",), quiet_period=timedelta(seconds=1))
    documents = [event_document(number, host=f"NOISY{number % 60:02}") for number in range(600)]
    times = [f"2026-11-23T11:{40 + number // 60:02}:{number % 60:02}.000Z" for number in range(600)]
    rare = event_document(9_000, host="DC01", time=times[300])
    noisy = [
        replace(document, event=document.event | {"@timestamp": at})
        for document, at in zip(documents, times, strict=True)
    ]
    for number, document in enumerate([*noisy[:300], rare, *noisy[300:]]):
        grouped = grouped_hit(rule(), quiet, document)
        alerts = alerts_of_hits(rule(), quiet, [grouped], origin="live")
        AlertStore(state).record(alerts, [grouped.hit], now=NOW + timedelta(milliseconds=number))
    assert deliver(state, mail, after=SETTLED + timedelta(seconds=1)) == DeliveryResult(sent=21)
    assert "host.name=DC01" in mail.taken[-1].bodies["text/plain"]


def test_every_channel_gets_the_same_digest() -> None:
    state, mail, slack = MemoryDocuments(), RecordingChannel("mail"), RecordingChannel("slack")
    open_alerts(state, 2_600, to=("mail", "slack"))
    assert deliver(state, mail, slack, after=SETTLED) == DeliveryResult(sent=42)
    for channel in (mail, slack):
        assert len(channel.taken) == 21
        assert "2,580" in str(channel.taken[-1])


def test_a_digest_waits_while_its_rule_opens_alerts_but_not_for_ever() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 30)
    assert deliver(state, mail, after=SETTLED / 2) == DeliveryResult(sent=20)
    open_alerts(state, 5, first=100, at=SETTLED)
    assert deliver(state, mail, after=SETTLED) == DeliveryResult()
    open_alerts(state, 5, first=200, at=timedelta(minutes=9, seconds=30))
    assert deliver(state, mail, after=timedelta(minutes=9, seconds=31)) == DeliveryResult()
    assert deliver(state, mail, after=timedelta(minutes=10)) == DeliveryResult(sent=1)
    assert Counter("digest_id" in entry for entry in entries(state)) == {True: 20, False: 20}


def test_a_digest_of_one_rule_delays_no_other_rule() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 400)
    open_alerts(state, 1, of=OTHER, first=9_000)
    deliver(state, mail)
    assert Counter(entry["state"] for entry in entries(state)) == {"pending": 380, "sent": 21}


def test_a_rule_that_goes_on_gets_one_more_digest_and_no_single_message() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 30)
    deliver(state, mail, after=SETTLED)
    open_alerts(state, 30, first=100, at=2 * SETTLED)
    assert deliver(state, mail, after=3 * SETTLED) == DeliveryResult(sent=1)
    # after a quiet hour, alerts get messages of their own again
    open_alerts(state, 3, first=200, at=timedelta(hours=2))
    assert deliver(state, mail, after=timedelta(hours=2)) == DeliveryResult(sent=3)


@pytest.mark.parametrize(
    ("fault", "outcome", "left"),
    [
        (DeliveryError("451 later", permanent=False), DeliveryResult(sent=20, postponed=1), "pending"),
        (ZeroDivisionError("secret"), DeliveryResult(sent=20, postponed=1), "pending"),
        (DeliveryError("550 never", permanent=True), DeliveryResult(sent=20, failed=1), "failed"),
    ],
)
def test_a_channel_that_rejects_a_digest(fault: Exception, outcome: DeliveryResult, left: str) -> None:
    state = MemoryDocuments()
    open_alerts(state, 30)
    mail = RecordingChannel("mail")
    deliver(state, mail)
    mail.faults = [fault]
    assert deliver(state, mail, after=SETTLED) + DeliveryResult(sent=20) == outcome
    assert Counter(entry["state"] for entry in entries(state)) == {left: 10, "sent": 20}
    again = deliver(state, mail, after=timedelta(minutes=5))
    assert again == (DeliveryResult() if left == "failed" else DeliveryResult(sent=1))


def test_a_digest_that_was_not_marked_as_sent_is_sent_again_under_the_same_key() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 30)
    deliver(state, mail)

    killed = KilledChannel("mail")
    with pytest.raises(KeyboardInterrupt):
        deliver(state, killed, after=SETTLED)
    assert deliver(state, mail, after=2 * SETTLED) == DeliveryResult()  # its claim still holds
    soon = SETTLED + CLAIM + timedelta(seconds=1)  # no later than a single message
    assert deliver(state, mail, after=soon) == DeliveryResult(sent=1)
    assert killed.taken[0].key == mail.taken[-1].key
    assert killed.taken[0].subject == mail.taken[-1].subject


def test_a_digest_to_a_channel_that_settings_lack_stays_pending_until_the_channel_is_back() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 30)
    assert deliver(state, after=SETTLED).sent == 0
    assert {entry["state"] for entry in entries(state)} == {"pending"}
    assert deliver(state, mail, after=timedelta(hours=2)) == DeliveryResult(sent=21)
    assert {entry["state"] for entry in entries(state)} == {"sent"}


def open_alert_of_rules(state: MemoryDocuments, numbers: Iterable[int], *, level: Level = Level.HIGH) -> None:
    """Open an alert of each of some rules, on one host."""
    for number in numbers:
        open_alerts(state, 1, of=rule(id=f"rule-{number:02}", title=f"Rule {number:02}", level=level))


FIVE = RateLimit(messages=5)


def test_beyond_the_limit_of_a_channel_the_alerts_of_all_rules_go_into_one_digest() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(25))
    assert deliver(state, mail, rate_limit=FIVE) == DeliveryResult(sent=5)
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=1)
    digest, titles = mail.taken[-1], [f"Rule {number:02}" for number in range(25)]
    assert digest.subject == "[HIGH] 20 further alerts: 20 rules"
    named = {title for title in titles if title in digest.bodies["text/plain"]}
    alone = {title for message in mail.taken[:5] for title in titles if title in message.subject}
    assert (len(named), len(alone), len(named | alone)) == (20, 5, 25)
    assert {entry["state"] for entry in entries(state)} == {"sent"}
    assert deliver(state, mail, rate_limit=FIVE, after=timedelta(days=9)) == DeliveryResult()


def test_messages_of_a_moment_ago_count_against_the_limit_of_a_channel() -> None:
    state = LaggingDocuments()

    class Opening(RecordingChannel):
        def send(self, notification: Notification) -> None:
            super().send(notification)
            if len(self.taken) == 3:
                open_alert_of_rules(state, range(10, 20))
                state.refresh("")  # as the engine does by itself; what is written from here on waits for the next

    open_alert_of_rules(state, range(4))
    assert deliver(state, Opening("mail"), rate_limit=FIVE) == DeliveryResult(sent=5)


def test_within_the_limit_of_a_channel_every_alert_gets_a_message_of_its_own() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(5))
    assert deliver(state, mail, rate_limit=FIVE) == DeliveryResult(sent=5)
    assert not any("digest_id" in entry for entry in entries(state))


def test_digests_of_several_rules_are_ten_minutes_apart() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(8))
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=6)
    open_alert_of_rules(state, range(30, 32))
    assert deliver(state, mail, rate_limit=FIVE, after=3 * SETTLED) == DeliveryResult()
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED + RateLimit().longest * 1.01) == DeliveryResult(sent=1)
    assert mail.taken[-1].subject == "[HIGH] 2 further alerts: 2 rules"
    # after a quiet hour, alerts get messages of their own again
    open_alert_of_rules(state, range(40, 42))
    assert deliver(state, mail, rate_limit=FIVE, after=timedelta(hours=3)) == DeliveryResult(sent=2)


def test_critical_alerts_are_sent_alone_beyond_the_limit_of_a_channel() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(10))
    assert deliver(state, mail, rate_limit=FIVE).sent == 5
    open_alert_of_rules(state, range(50, 53), level=Level.CRITICAL)
    assert deliver(state, mail, rate_limit=FIVE).sent == 3
    assert [message.subject[:10] for message in mail.taken[5:]] == ["[CRITICAL]"] * 3
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED).sent == 1
    assert mail.taken[-1].subject == "[HIGH] 5 further alerts: 5 rules"


def test_critical_alerts_are_sent_alone_beyond_the_limit_of_a_rule() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 30, of=rule(level=Level.CRITICAL))
    assert deliver(state, mail, rate_limit=RateLimit(limit=5, messages=5)) == DeliveryResult(sent=30)
    assert Counter(entry.get("reason") for entry in entries(state)) == {"critical": 30}


def open_repeatedly(state: MemoryDocuments, host: str, times: Iterable[int], *, of: Rule | None = None) -> None:
    """Open an alert of a rule on one host in each of some minutes."""
    alert_rule = of or rule()
    settings = effective(channels=("mail",), quiet_period=timedelta(seconds=1))
    for minute in times:
        document = event_document(minute, host=host, time=f"2026-11-23T11:{minute:02}:00.000Z")
        grouped = grouped_hit(alert_rule, settings, document)
        alerts = alerts_of_hits(alert_rule, settings, [grouped], origin="live")
        AlertStore(state).record(alerts, [grouped.hit], now=NOW)


def test_a_flood_of_one_group_key_leaves_the_other_keys_of_the_rule_their_messages() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    limits = RateLimit(limit=6, per_key=2, messages=10)
    open_repeatedly(state, "NOISY", range(30))
    open_repeatedly(state, "DC01", range(40, 42))
    assert deliver(state, mail, rate_limit=limits) == DeliveryResult(sent=4)
    texts = [message.bodies["text/plain"] for message in mail.taken]
    assert Counter(host for text in texts for host in ("NOISY", "DC01") if host in text) == {"NOISY": 2, "DC01": 2}
    assert deliver(state, mail, rate_limit=limits, after=SETTLED) == DeliveryResult(sent=1)
    assert "28 \N{MULTIPLICATION SIGN} host.name=NOISY" in mail.taken[-1].bodies["text/plain"]
    assert "`rate_limit.alerts_per_key`" in mail.taken[-1].bodies["text/plain"]
    assert Counter(entry["reason"] for entry in entries(state)) == {"within-limits": 4, "limit-of-key": 28}
    # the next flood goes into a digest ten minutes later, not into one each minute
    open_repeatedly(state, "NOISY", range(50, 55))
    assert deliver(state, mail, rate_limit=limits, after=3 * SETTLED) == DeliveryResult()
    later = SETTLED + limits.longest * 1.01
    assert deliver(state, mail, rate_limit=limits, after=later) == DeliveryResult(sent=1)


def test_many_rules_on_one_host_are_a_few_messages_and_a_digest_that_names_them_all() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    limits = RateLimit(per_key=5, messages=20)
    open_alert_of_rules(state, range(25))
    open_alerts(state, 1, of=rule(id="elsewhere", title="Elsewhere"), first=7)
    assert deliver(state, mail, rate_limit=limits) == DeliveryResult(sent=6)
    assert sum("Elsewhere" in message.subject for message in mail.taken) == 1
    assert deliver(state, mail, rate_limit=limits, after=SETTLED) == DeliveryResult(sent=1)
    texts = [message.subject + message.bodies["text/plain"] for message in mail.taken]
    assert all(any(f"Rule {number:02}" in text for text in texts) for number in range(25))
    assert "About           20 \N{MULTIPLICATION SIGN} host.name=H00000" in texts[-1]


def test_the_state_says_why_an_alert_is_in_a_digest() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(8))
    deliver(state, mail, rate_limit=FIVE, after=SETTLED)
    assert Counter((entry["reason"], "digest_id" in entry) for entry in entries(state)) == {
        ("within-limits", False): 5,
        ("limit-of-channel", True): 3,
    }


def test_messages_of_lower_levels_do_not_count_against_the_limit_of_a_higher_one() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(9), level=Level.LOW)
    assert deliver(state, mail, rate_limit=FIVE) == DeliveryResult(sent=5)
    open_alert_of_rules(state, range(20, 27))
    assert deliver(state, mail, rate_limit=FIVE) == DeliveryResult(sent=5)
    assert [message.subject[:6] for message in mail.taken[5:]] == ["[HIGH]"] * 5
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=1)
    digest = mail.taken[-1]
    assert digest.subject == "[HIGH] 6 further alerts: 6 rules"
    text = digest.bodies["text/plain"]
    assert "high · 2\n" in text
    assert "low · 4\n" in text
    assert text.index("high · 1 \N{MULTIPLICATION SIGN} ") < text.index("low · 1 \N{MULTIPLICATION SIGN} ")


def test_a_digest_of_lower_levels_delays_no_higher_level() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(9), level=Level.LOW)
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=6)
    open_alert_of_rules(state, range(20, 27))
    open_alerts(state, 1, of=rule(id="low-again", level=Level.LOW), first=500, at=SETTLED * 2.5)
    assert deliver(state, mail, rate_limit=FIVE, after=3 * SETTLED) == DeliveryResult(sent=6)
    assert mail.taken[-1].subject == "[HIGH] 3 further alerts: 3 rules"


def test_a_digest_of_a_single_alert_is_the_message_of_that_alert() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(6))
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=6)
    assert mail.taken[-1].subject.startswith("[HIGH] H00000: ")
    assert len({message.subject for message in mail.taken}) == 6
    assert "further alerts" not in mail.taken[-1].bodies["text/plain"]


def test_a_digest_names_the_keys_of_its_highest_level_before_newer_ones() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    none = RateLimit(limit=0, messages=0)
    open_alerts(state, 1, of=rule(id="high-rule", level=Level.HIGH), first=77_777)
    open_alerts(state, 300, of=rule(id="low-rule", level=Level.LOW), at=timedelta(seconds=1))
    assert deliver(state, mail, rate_limit=none, after=SETTLED + timedelta(seconds=1)) == DeliveryResult(sent=1)
    text = mail.taken[-1].bodies["text/plain"]
    assert "\nAbout           host.name=H77777\n" in text
    assert "and 251 more" in text


def test_a_digest_of_several_rules_that_was_cut_off_is_sent_again_once() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert_of_rules(state, range(12))
    deliver(state, mail, rate_limit=FIVE)

    killed = KilledChannel("mail")
    with pytest.raises(KeyboardInterrupt):
        deliver(state, killed, rate_limit=FIVE, after=SETTLED)
    soon = SETTLED + CLAIM + timedelta(seconds=1)
    assert deliver(state, mail, rate_limit=FIVE, after=soon) == DeliveryResult(sent=1)
    assert killed.taken[0].key == mail.taken[-1].key
    assert mail.taken[-1].subject == "[HIGH] 7 further alerts: 7 rules"
    assert {entry["state"] for entry in entries(state)} == {"sent"}


def test_the_digest_of_a_channel_that_holds_one_rule_is_the_digest_of_that_rule() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 12)
    assert deliver(state, mail, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=6)
    assert mail.taken[-1].subject == "[HIGH] 7 further alerts: A Shell Starts"


def test_the_limit_of_one_channel_is_not_that_of_another() -> None:
    state, mail, slack = MemoryDocuments(), RecordingChannel("mail"), RecordingChannel("slack")
    for number in range(8):
        open_alerts(state, 1, of=rule(id=f"rule-{number}"), to=("mail", "slack"))
    assert deliver(state, mail, slack, rate_limit=FIVE, after=SETTLED) == DeliveryResult(sent=12)
    assert [len(channel.taken) for channel in (mail, slack)] == [6, 6]


def test_a_single_round_does_not_wait_for_a_digest_to_settle() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 25)
    assert deliver(state, mail, rate_limit=RateLimit(settle=timedelta(0))) == DeliveryResult(sent=21)


def has_claim(state: MemoryDocuments) -> bool:
    """Whether a delivery is claimed and not yet sent."""
    return any(entry["state"] == "claimed" for entry in entries(state))


def test_nothing_is_sent_after_the_lease_was_lost_and_the_next_holder_need_not_wait() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 1)
    assert deliver(state, mail, stopping=lambda _channel: has_claim(state)) == DeliveryResult(postponed=1)
    assert mail.taken == []
    assert entries(state)[0]["error"] == "interrupted by shutdown; will be retried"
    assert deliver(state, mail) == DeliveryResult(sent=1)


def test_a_digest_is_not_sent_after_the_lease_was_lost_and_the_next_holder_need_not_wait() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alerts(state, 30)
    assert deliver(state, mail) == DeliveryResult(sent=20)
    lost = deliver(state, mail, after=SETTLED, stopping=lambda _channel: has_claim(state))
    assert lost == DeliveryResult(postponed=1)
    assert len(mail.taken) == 20
    assert deliver(state, mail, after=SETTLED) == DeliveryResult(sent=1)

"""Deliveries on routes: digests at their time, escalations once and only unacknowledged, inhibited alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from support.fakes import NOW
from support.memory_state import MemoryDocuments
from support.routed_alerts import RoutedAlerts

from watcher.delivery.delivery_record import delivery_record
from watcher.delivery.hit_outcomes import HitOutcome
from watcher.errors import DeliveryError
from watcher.model import Level
from watcher.pipeline import DeliveryResult
from watcher.ports import PartialUpdate, StoredDocument
from watcher.routes import parse_matchers
from watcher.routes.route_tree import Escalation, Inhibition, Route, RouteTree
from watcher.timestamps import format_timestamp

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DIGEST = Route(name="low", matchers=parse_matchers("level<=low"), receivers=("mail",), digest=HOUR)
ESCALATION = Route(
    name="all", receivers=("mail",), escalations=(Escalation(after=30 * MINUTE, receivers=("pager", "slack")),)
)
INHIBITION = Inhibition(
    sources=parse_matchers("level=critical"), targets=parse_matchers("level<=low"), equal=("host",), within=HOUR
)


def world(*routes: Route, inhibitions: tuple[Inhibition, ...] = ()) -> RoutedAlerts:
    return RoutedAlerts(RouteTree(routes=routes, inhibitions=inhibitions))


def test_an_alert_goes_to_the_channels_of_its_route_and_stores_it() -> None:
    alerts = world(Route(name="high", matchers=parse_matchers("level=high"), receivers=("pager", "slack")))
    high, low = alerts.open(), alerts.open(Level.LOW)
    assert alerts.deliver() == DeliveryResult(sent=3)
    assert alerts.taken() == {"pager": 1, "slack": 1, "mail": 1}
    assert alerts.states(high) == {"pager": "sent", "slack": "sent"}
    assert alerts.stored(high).document["watcher"]["alert"]["routes"] == ["high"]
    assert alerts.stored(high).document["watcher"]["alert"]["source"] == "windows"
    assert alerts.stored(low).document["watcher"]["alert"]["routes"] == ["default"]


def test_without_routes_nothing_is_stored_about_them() -> None:
    alerts = world()
    own = alerts.stored(alerts.open()).document["watcher"]
    assert {"routes", "source"}.isdisjoint(own["alert"])
    assert [sorted(entry) for entry in own["deliveries"]] == [["attempts", "channel", "due", "state"]]


def test_a_digest_waits_for_its_time_and_contains_all_alerts_of_a_level() -> None:
    alerts = world(DIGEST)
    ids = [alerts.open(Level.LOW, host) for host in ("A", "B", "C")]
    informational = [alerts.open(Level.INFORMATIONAL, host) for host in ("A", "B")]
    assert alerts.deliver(59 * MINUTE) == DeliveryResult()
    assert alerts.deliver(MINUTE) == DeliveryResult(sent=2)
    subjects = [message.subject for message in alerts.channels["mail"].taken]
    assert ["3" in subject for subject in subjects] == [True, False]  # the higher level first
    assert {alerts.states(alert)["mail"] for alert in (*ids, *informational)} == {"sent"}
    assert alerts.deliver(5 * HOUR) == DeliveryResult()


def test_alerts_outside_of_the_digest_do_not_wait_for_it() -> None:
    alerts = world(DIGEST)
    alerts.open(Level.LOW)
    alerts.open(Level.HIGH)
    assert alerts.deliver() == DeliveryResult(sent=1)
    assert alerts.taken() == {"mail": 1}


def test_digests_of_different_hosts_are_different_messages() -> None:
    alerts = world(Route(name="low", receivers=("mail",), digest=HOUR, group_by=("host",)))
    for host in ("A", "A2", "B"):
        alerts.open(Level.LOW, host)
        alerts.open(Level.MEDIUM, host)
    assert alerts.deliver(HOUR) == DeliveryResult(sent=6)


def test_an_update_of_an_alert_in_a_digest_is_in_the_next_digest() -> None:
    alerts = world(DIGEST)
    alert = alerts.open(Level.LOW)
    assert alerts.deliver(HOUR) == DeliveryResult(sent=1)
    assert alerts.open(Level.LOW, command="another shell") == alert
    assert alerts.deliver(59 * MINUTE) == DeliveryResult()
    assert alerts.deliver(MINUTE) == DeliveryResult(sent=1)
    first, second = alerts.channels["mail"].taken
    assert first.key != second.key


def test_a_digest_that_was_claimed_and_not_marked_is_sent_again_under_the_same_key() -> None:
    alerts = world(DIGEST)
    for host in ("A", "B"):
        alerts.open(Level.LOW, host)
    alerts.now += HOUR
    before = dict(alerts.state.documents)
    alerts.deliver()
    alerts.state.documents = before
    alerts.deliver(5 * MINUTE)
    first, second = alerts.channels["mail"].taken
    assert first.key == second.key


def test_a_digest_of_a_route_that_is_resumed_is_not_counted_as_limited() -> None:
    alerts = world(DIGEST)
    ids = [alerts.open(Level.LOW, host) for host in ("A", "B")]
    alerts.channels["mail"].faults = [DeliveryError("451 later", permanent=False)]
    alerts.deliver(HOUR)
    before = dict(alerts.state.documents)
    alerts.deliver(5 * MINUTE)
    alerts.state.documents = before  # the mark as sent was lost
    alerts.deliver(5 * MINUTE)
    for alert in ids:
        (record,) = delivery_record(alerts.stored(alert).document)
        assert dict(record.hits) == {HitOutcome.DIGESTED: 1}


def test_an_unacknowledged_alert_is_escalated_once() -> None:
    alerts = world(ESCALATION)
    alert = alerts.open()
    assert alerts.deliver() == DeliveryResult(sent=1)
    assert alerts.deliver(29 * MINUTE) == DeliveryResult()
    assert alerts.deliver(MINUTE) == DeliveryResult(sent=2)
    assert alerts.deliver(5 * HOUR) == DeliveryResult()
    assert alerts.states(alert) == {"mail": "sent", "pager": "sent", "slack": "sent"}
    assert alerts.taken() == {"mail": 1, "pager": 1, "slack": 1}


@pytest.mark.parametrize("state", ["acknowledged", "closed"])
def test_an_acknowledged_alert_is_never_escalated(state: str) -> None:
    alerts = world(ESCALATION)
    alert = alerts.open()
    alerts.deliver()
    alerts.acknowledge(alert, state)
    assert alerts.deliver(HOUR) == DeliveryResult()
    assert alerts.taken() == {"mail": 1}
    assert alerts.states(alert) == {"mail": "sent", "pager": "acknowledged", "slack": "acknowledged"}
    (entry,) = [
        entry for entry in alerts.stored(alert).document["watcher"]["deliveries"] if entry["channel"] == "pager"
    ]
    assert entry["reason"] == f"not escalated: it was {state} by anna"
    assert alerts.deliver(HOUR) == DeliveryResult()


def test_a_joined_hit_hastens_no_escalation() -> None:
    alerts = world(ESCALATION)
    alerts.open()
    alerts.deliver()
    alerts.open(command="another shell")
    assert alerts.deliver(MINUTE) == DeliveryResult(sent=1)  # the update
    assert alerts.taken() == {"mail": 2}


def test_the_fallback_of_a_channel_that_is_down_gets_its_alerts_once() -> None:
    alerts = world(Route(name="all", receivers=("slack",)))
    alerts.fallbacks = {"slack": "mail"}
    alerts.channels["slack"].faults = [DeliveryError("503", permanent=False)] * 4
    first = alerts.open()
    for after in (0, 1, 2):
        alerts.deliver(after * MINUTE)
    second = alerts.open(host="WEB02")
    assert alerts.taken() == {}
    alerts.deliver(2 * MINUTE)
    alerts.deliver(MINUTE)
    alerts.deliver(MINUTE)
    assert alerts.taken()["mail"] == 2
    assert [alerts.states(alert)["mail"] for alert in (first, second)] == ["sent", "sent"]
    alerts.deliver(HOUR)
    assert alerts.taken() == {"mail": 2, "slack": 2}  # once the channel accepts messages, it has all of them
    assert alerts.deliver(HOUR) == DeliveryResult()


def test_an_alert_falls_back_in_time_however_long_the_service_of_its_channel_asks_to_wait() -> None:
    alerts = world(Route(name="all", receivers=("slack",)))
    alerts.fallbacks = {"slack": "mail"}
    alerts.channels["slack"].faults = [DeliveryError("503", permanent=False, wait=HOUR)]
    alert = alerts.open()
    assert alerts.deliver() == DeliveryResult(postponed=1)
    assert alerts.deliver(4 * MINUTE) == DeliveryResult()
    for _ in range(2):  # the fallback, then its message
        alerts.deliver(MINUTE)
    assert alerts.taken() == {"mail": 1}
    alerts.deliver(HOUR)
    assert alerts.taken() == {"mail": 1, "slack": 1}
    assert alerts.states(alert) == {"slack": "sent", "mail": "sent"}


def test_a_message_that_is_given_up_goes_to_the_fallback_at_once_and_only_once() -> None:
    alerts = world(Route(name="all", receivers=("slack",)))
    alerts.fallbacks = {"slack": "mail"}
    alerts.channels["slack"].faults = [DeliveryError("400", permanent=True)]
    opened = [alerts.open(), alerts.open(host="WEB02")]
    for _ in range(3):
        alerts.deliver(MINUTE)
    states = sorted(map(alerts.states, opened), key=len)
    assert states == [{"slack": "sent"}, {"slack": "failed", "mail": "sent"}]
    assert alerts.taken() == {"slack": 1, "mail": 1}


@pytest.mark.parametrize(("until", "falls_back"), [(4, True), (30, False)])
def test_an_alert_that_a_killed_sidecar_claimed_falls_back_when_the_claim_is_over(
    until: int, *, falls_back: bool
) -> None:
    alerts = world(Route(name="all", receivers=("slack",)))
    alerts.fallbacks = {"slack": "mail"}
    alerts.channels["slack"].faults = [DeliveryError("503", permanent=False)] * 9
    alerts.open(Level.CRITICAL, "DC01")  # the highest level tests the channel
    claimed = alerts.open()
    alerts.deliver()
    due = format_timestamp(alerts.now + until * MINUTE)
    claim = {"channel": "slack", "state": "claimed", "attempts": 1, "due": due}
    alerts.triage(claimed, lambda _: {"deliveries": [claim]})
    for after in (1, 2, 2):
        alerts.deliver(after * MINUTE)
    assert ("mail" in alerts.states(claimed)) is falls_back


@dataclass
class BusyDocuments(MemoryDocuments):
    """A state in which another channel writes to an alert just before its fallback is added."""

    writes: int = 1

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        if self.writes and "fallback_of" in str([change.part for change in changes]):
            self.writes -= 1
            current = self.documents[changes[0].stored.index, changes[0].stored.id]
            self.put(current.index, current.id, current.document, current.seq_no + 1)
        return super().update(changes)


def test_an_alert_that_another_channel_writes_meanwhile_falls_back_in_the_same_round() -> None:
    alerts = RoutedAlerts(RouteTree(routes=(Route(name="all", receivers=("slack",)),)), state=BusyDocuments())
    alerts.fallbacks = {"slack": "mail"}
    alerts.channels["slack"].faults = [DeliveryError("503", permanent=False)] * 9
    opened = [alerts.open(host=host) for host in ("WEB01", "WEB02")]
    for after in (0, 1, 2, 2):
        alerts.deliver(after * MINUTE)
    assert [alerts.states(alert).get("mail") for alert in opened] == ["pending", "pending"]


def test_a_critical_alert_of_the_same_host_inhibits_lows() -> None:
    alerts = world(inhibitions=(INHIBITION,))
    critical = alerts.open(Level.CRITICAL)
    same, other, medium = alerts.open(Level.LOW), alerts.open(Level.LOW, "WEB02"), alerts.open(Level.MEDIUM)
    assert alerts.deliver() == DeliveryResult(sent=3)
    assert alerts.states(same) == {"mail": "inhibited"}
    assert [alerts.states(alert)["mail"] for alert in (critical, other, medium)] == ["sent"] * 3
    (entry,) = alerts.stored(same).document["watcher"]["deliveries"]
    assert entry["reason"] == f"inhibited by the critical alert {critical}"
    assert alerts.deliver(5 * HOUR) == DeliveryResult()


def test_inhibition_ends_with_its_time_or_with_the_alert() -> None:
    alerts = world(inhibitions=(INHIBITION,))
    critical = alerts.open(Level.CRITICAL)
    alerts.deliver()
    alerts.acknowledge(critical)
    alerts.open(Level.LOW)
    assert alerts.deliver(59 * MINUTE) == DeliveryResult()
    assert alerts.taken() == {"mail": 1}
    alerts.now = NOW + HOUR
    alerts.open(Level.INFORMATIONAL)
    assert alerts.deliver() == DeliveryResult(sent=1)
    alerts = world(inhibitions=(INHIBITION,))
    critical = alerts.open(Level.CRITICAL)
    alerts.acknowledge(critical, "closed")
    alerts.open(Level.LOW)
    assert alerts.deliver() == DeliveryResult(sent=2)


def test_an_inhibited_alert_with_something_new_is_asked_again() -> None:
    alerts = world(inhibitions=(INHIBITION,))
    alerts.open(Level.CRITICAL)
    alerts.open(Level.LOW)
    alerts.deliver()
    alerts.now += 30 * MINUTE
    low = alerts.open(Level.LOW, command="another shell")
    alerts.now += 40 * MINUTE
    assert alerts.deliver() == DeliveryResult(sent=1)
    assert alerts.states(low) == {"mail": "sent"}


def test_inhibited_alerts_are_left_out_of_a_digest() -> None:
    alerts = world(DIGEST, inhibitions=(INHIBITION,))
    ids = [alerts.open(Level.LOW, host) for host in ("A", "B", "C")]
    alerts.now += 30 * MINUTE
    alerts.open(Level.CRITICAL, "B")
    assert alerts.deliver() == DeliveryResult(sent=1)
    assert alerts.deliver(30 * MINUTE) == DeliveryResult(sent=1)
    assert [alerts.states(alert)["mail"] for alert in ids] == ["sent", "inhibited", "sent"]
    assert "2" in alerts.channels["mail"].taken[1].subject
    assert alerts.outcomes == {"sent": 2, "inhibited": 1}


def test_nothing_is_sent_of_a_digest_whose_alerts_are_all_inhibited() -> None:
    alerts = world(DIGEST, inhibitions=(INHIBITION,))
    low = alerts.open(Level.LOW)
    alerts.now += 30 * MINUTE
    alerts.open(Level.CRITICAL)
    assert alerts.deliver(30 * MINUTE) == DeliveryResult(sent=1)
    assert alerts.states(low) == {"mail": "inhibited"}

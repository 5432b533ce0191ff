"""Random histories of alerts, routes, silences, triage and failing channels: every hit ends in exactly one outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
from support.fakes import NOW
from support.routed_alerts import RoutedAlerts
from support.routing_reference import (
    HOUR,
    MINUTE,
    OpenedAlert,
    expected_receivers,
    inhibited,
    random_level,
    random_routes,
    random_silencers,
    silencer_holds,
)
from support.seeded import fuzz

from watcher.delivery.delivery_record import delivery_record
from watcher.delivery.hit_outcomes import HitOutcome
from watcher.delivery.silenced_alerts import SilencedAlerts
from watcher.errors import DeliveryError
from watcher.ports import StoredDocument
from watcher.routes import parse_matchers
from watcher.routes.route_tree import Inhibition, Route, RouteTree
from watcher.timestamps import format_timestamp

INHIBITION = Inhibition(
    sources=parse_matchers("level=critical"), targets=parse_matchers("level<=low"), equal=("host",), within=HOUR
)
SLACK = Route(name="slack", receivers=("slack",))  # for alerts that no other route takes
HISTORIES = 20
WITHHELD = ("silenced", "inhibited", "acknowledged")


@dataclass
class History:
    """What a test did to alerts, and the checks of every round of deliveries."""

    alerts: RoutedAlerts
    routes: tuple[Route, ...]
    opened: dict[str, OpenedAlert] = field(default_factory=dict)
    triaged: dict[str, str] = field(default_factory=dict)  # alert → state

    def step(self, random: Random) -> None:
        """Open an alert, deliver later, triage an alert, or let a channel fail."""
        match random.choice(("open", "open", "open", "deliver", "deliver", "triage", "fail", "outage")):
            case "open":
                level, host = random_level(random), random.choice("AAB")
                alert = self.alerts.open(level, host, command=random.choice("xy"))
                self.opened.setdefault(alert, OpenedAlert(level=str(level), host=host, at=self.alerts.now))
            case "deliver":
                self.deliver(random.randint(1, 50) * MINUTE)
            case "triage" if self.opened:
                alert, state = random.choice(list(self.opened)), random.choice(("acknowledged", "closed"))
                self.triaged[alert] = state
                self.alerts.acknowledge(alert, state)
            case "fail":
                fault = DeliveryError("503", permanent=random.random() < 0.5)
                faults = [fault] * random.choice((1, 1, 4))
                self.alerts.channels[random.choice(["mail", "slack", "slack", "pager"])].faults.extend(faults)
            case "outage":
                self.alerts.channels["slack"].faults.extend([DeliveryError("503", permanent=False)] * 20)
                for minutes in (1, random.randint(1, 30), random.randint(1, 30)):
                    self.deliver(minutes * MINUTE)

    def deliver(self, after: timedelta) -> None:
        """Deliver what is due, and check each delivery that this changed."""
        before = {key: dict(entry) for key, entry in self._entries().items()}
        self.alerts.deliver(after)
        for (alert, channel), entry in self._entries().items():
            previous = before.get((alert, channel), {})
            if entry["state"] == "sent" and entry.get("sent") == format_timestamp(self.alerts.now):
                self._check_sent(alert, entry)
            elif entry["state"] in WITHHELD and entry["state"] != previous.get("state"):
                self._check_withheld(alert, entry)

    def check_receivers(self) -> None:
        """Compare the receivers of every alert with the reference."""
        for alert, opened in self.opened.items():
            entries = [entry for (name, _), entry in self._entries().items() if name == alert]
            plans = {entry["channel"]: entry.get("plan") or {} for entry in entries}
            routed = {channel: _planned(plan) for channel, plan in plans.items() if "fallback_of" not in plan}
            assert routed == expected_receivers(self.routes, opened)
            assert {channel for channel, plan in plans.items() if "fallback_of" in plan} <= {"mail"}

    def check_records(self) -> None:
        """Check that each hit has one outcome on each channel, and that all that is silenced is counted."""
        silenced = 0
        for stored in self.alerts.alerts():
            own = stored.document["watcher"]
            for record in delivery_record(stored.document):
                assert sum(record.hits.values()) == int(own["joined"]["count"])
                assert HitOutcome.PENDING not in record.hits
            silenced += any(entry["state"] == "silenced" for entry in own["deliveries"])
        totals = SilencedAlerts(self.alerts.state).totals()
        assert sum(totals.values()) >= silenced
        assert bool(totals) is bool(silenced)

    def check_digests(self) -> None:
        """Check that no alert is in a digest of a route with those of another level."""
        levels: dict[str, set[str]] = {}
        for (alert, _), entry in self._entries().items():
            if entry.get("digest_id") and entry.get("reason") == "digest-of-route":
                levels.setdefault(entry["digest_id"], set()).add(self.opened[alert].level)
        assert all(len(each) == 1 for each in levels.values())

    def ends(self) -> frozenset[str]:
        """Return the states of all deliveries, and whether a fallback took one."""
        entries = self._entries().values()
        fallbacks = {"fallback" for entry in entries if "fallback_of" in (entry.get("plan") or {})}
        return frozenset({str(entry["state"]) for entry in entries} | fallbacks)

    def _check_sent(self, alert: str, entry: Mapping[str, Any]) -> None:
        opened, now = self.opened[alert], self.alerts.now
        assert not any(silencer_holds(silencer, opened, now) for silencer in self.alerts.silencers)
        assert not self._inhibited(alert)
        assert "after" not in (entry.get("plan") or {}) or alert not in self.triaged

    def _check_withheld(self, alert: str, entry: Mapping[str, Any]) -> None:
        opened, now = self.opened[alert], self.alerts.now
        match entry["state"]:
            case "silenced":
                holding = [each.answer for each in self.alerts.silencers if silencer_holds(each, opened, now)]
                assert entry["reason"] in holding
            case "inhibited":
                assert self._inhibited(alert)
            case "acknowledged":
                assert "after" in entry["plan"]
                assert alert in self.triaged

    def _inhibited(self, alert: str) -> bool:
        others = (
            opened for other, opened in self.opened.items() if other != alert and self.triaged.get(other) != "closed"
        )
        return bool(self.alerts.tree.inhibitions) and inhibited(self.opened[alert], others, self.alerts.now)

    def _entries(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        stored: tuple[StoredDocument, ...] = self.alerts.alerts()
        return {
            (alert.id, entry["channel"]): entry for alert in stored for entry in alert.document["watcher"]["deliveries"]
        }


def _planned(plan: Mapping[str, Any]) -> tuple[str, timedelta, timedelta]:
    """Return the route of a stored delivery, its wait for an escalation and the interval of its digest."""
    return plan.get("route", ""), timedelta(seconds=plan.get("after", 0)), timedelta(seconds=plan.get("digest", 0))


def check(random: Random) -> frozenset[str]:
    """Compare a random history with the reference; return the states in which its deliveries ended."""
    routes = (*random_routes(random), *random.choice(((), (SLACK,))))
    inhibitions = (INHIBITION,) if random.random() < 0.7 else ()
    alerts = RoutedAlerts(RouteTree(routes=routes, inhibitions=inhibitions))
    alerts.now = NOW + random.randrange(24) * HOUR
    alerts.silencers = random_silencers(random, alerts.now)
    if random.random() < 0.5:
        alerts.fallbacks["slack"] = "mail"
    history = History(alerts, routes)
    for _ in range(random.randint(4, 16)):
        history.step(random)
    for channel in alerts.channels.values():
        channel.faults.clear()
    for _ in range(4):
        history.deliver(HOUR)
    history.check_receivers()
    history.check_records()
    history.check_digests()
    return history.ends()


@cache
def ends_of(number: int) -> frozenset[str]:
    """Return the states in which the deliveries of a history ended."""
    return check(Random(f"history {number}"))  # noqa: S311 - reproducible inputs, no secrets


@pytest.mark.parametrize("number", range(HISTORIES))
def test_every_hit_ends_in_one_outcome_that_the_reference_explains(number: int) -> None:
    assert ends_of(number) <= {*WITHHELD, "sent", "failed", "fallback"}


def test_the_histories_end_in_each_of_these_ways() -> None:
    ends = frozenset[str]().union(*map(ends_of, range(HISTORIES)))
    assert ends == {*WITHHELD, "sent", "failed", "fallback"}


@pytest.mark.slow
def test_random_histories_end_in_outcomes_that_the_reference_explains() -> None:
    assert fuzz(check) > 5

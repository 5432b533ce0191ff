"""What a house was told in the end, held against what it should have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from support.sandbox import IIS, RuleEvent, Sandbox, rule_events
from watcher.notify.renderer import delivery_key

ATTACK = next(case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name)
RARE = {"quiet_period": "365d"}
"""So long a quiet period that a host has one alert, whenever its events are."""


def attack_on(name: str, host: str) -> RuleEvent:
    """Give an attack on a host."""
    return replace(ATTACK, id=name, event={**ATTACK.event, "host": {"name": host}})


def assert_each_host_once(sandbox: Sandbox) -> None:
    """Let every host have one alert, told one by one."""
    folders = [{"name": "house", "path": str(IIS.parent)}]
    sandbox.changes |= {"rules": {"folders": folders, "select": [{"set": RARE}]}, "rate_limit": {"alerts": 100_000}}


@dataclass(frozen=True, kw_only=True)
class ExpectedDeliveries:
    """What is in the state, and what the channels took."""

    alerts: Counter[str]  # host → alerts
    hits: Counter[str]  # event → hits
    mails: Counter[str]  # idempotency key → mails
    slacks: Counter[str]  # the same → Slack messages
    hosts: dict[str, str]  # key → host

    def lost(self, hosts: Sequence[str], events: Sequence[str]) -> list[str]:
        """Name what is missing anywhere."""
        wanted = {key for key, host in self.hosts.items() if host in hosts}
        return [
            *(f"alert of {host}" for host in hosts if not self.alerts[host]),
            *(f"hit {event}" for event in events if not self.hits[event]),
            *(f"message {self.hosts[key]}" for key in wanted if not self.mails[key] + self.slacks[key]),
        ]

    def doubled(self) -> Counter[str]:
        """Count what is there more than once, by its host, event or key."""
        every = (*self.alerts.items(), *self.hits.items(), *self.mails.items(), *self.slacks.items())
        return Counter({name: count - 1 for name, count in every if count > 1})


def expected_deliveries(sandbox: Sandbox) -> ExpectedDeliveries:
    """Read it all."""
    alerts = sandbox.documents("alerts")
    hosts = {
        delivery_key(alert.id, channel): alert.document["host"]["name"]
        for alert in alerts
        for channel in ("mail", "slack")
    }
    taken = [request.body.decode() for request in list(sandbox.slack.requests)]
    mails = Counter(str(mail.message["Message-ID"])[1:].partition("@")[0] for mail in list(sandbox.smtp.messages))
    slacks = Counter({delivery_key(alert.id, "slack"): sum(alert.id in body for body in taken) for alert in alerts})
    return ExpectedDeliveries(
        alerts=Counter(alert.document["host"]["name"] for alert in alerts),
        hits=Counter(hit.document["watcher"]["hit"]["id"] for hit in sandbox.documents("hits")),
        mails=mails,
        slacks=slacks,
        hosts=hosts,
    )

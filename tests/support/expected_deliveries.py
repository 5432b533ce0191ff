"""The alerts, hits and messages of a sandbox, compared with the expected ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from support.sandbox import IIS, RuleEvent, Sandbox, rule_events
from watcher.notify.renderer import delivery_key

ATTACK = next(case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name)
RARE = {"quiet_period": "365d"}
"""A quiet period so long that all events of a host belong to a single alert."""


def attack_on(name: str, host: str) -> RuleEvent:
    """Return an attack on a host, as that host writes it."""
    winlog = {**ATTACK.event["winlog"], "computer_name": host}
    return replace(ATTACK, id=name, event={**ATTACK.event, "host": {"name": host}, "winlog": winlog})


def alert_each_host_once(sandbox: Sandbox) -> None:
    """Open one alert per host, each delivered in a message of its own."""
    folders = [{"name": "shipped", "path": str(IIS.parent)}]
    sandbox.changes |= {"rules": {"folders": folders, "select": [{"set": RARE}]}, "rate_limit": {"alerts": 100_000}}


@dataclass(frozen=True, kw_only=True)
class ExpectedDeliveries:
    """Counts of the state's documents and of the messages that the channels received."""

    alerts: Counter[str]  # host → alerts
    hits: Counter[str]  # event → hits
    mails: Counter[str]  # idempotency key → mails
    slacks: Counter[str]  # the same → Slack messages
    hosts: dict[str, str]  # key → host

    def lost(self, hosts: Sequence[str], events: Sequence[str]) -> list[str]:
        """Return descriptions of missing alerts, hits and messages."""
        wanted = {key for key, host in self.hosts.items() if host in hosts}
        return [
            *(f"alert of {host}" for host in hosts if not self.alerts[host]),
            *(f"hit {event}" for event in events if not self.hits[event]),
            *(f"message {self.hosts[key]}" for key in wanted if not self.mails[key] + self.slacks[key]),
        ]

    def doubled(self) -> Counter[str]:
        """Return the number of surplus documents and messages by host, event or key."""
        every = (*self.alerts.items(), *self.hits.items(), *self.mails.items(), *self.slacks.items())
        return Counter({name: count - 1 for name, count in every if count > 1})


def expected_deliveries(sandbox: Sandbox) -> ExpectedDeliveries:
    """Return the counts of a sandbox."""
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

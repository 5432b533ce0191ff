"""Routes on an engine: alerts of three levels, five channels with real receivers, and time that passes in the state."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from support.expected_deliveries import RARE, attack_on
from support.receivers import HttpReceiver
from support.sandbox import RuleEvent, Sandbox, wait_until
from watcher.notify.renderer import delivery_key
from watcher.ports import StateQuery
from watcher.timestamps import format_timestamp, parse_timestamp

MINUTE = timedelta(minutes=1)

_RULE = """\
title: {title}
id: 00000000-0000-4000-8000-00000000000{number}
status: test
logsource: {{product: windows, category: process_creation}}
detection:
  selection:
    CommandLine|contains: '{command}'
  condition: selection
level: {level}
"""

_TITLES = {"Critical": "critical", "High": "high", "Low": "low", "Low Too": "low"}

ROUTES: Mapping[str, Any] = {
    "routes": [
        {
            "name": "urgent",
            "matchers": ["level>=high"],
            "receivers": ["desk", "pager"],
            "continue": True,
            "escalate": [{"after": "30m", "to": "boss"}],
        },
        {"name": "servers", "matchers": ["level>=high", 'host=~"srv.*"'], "receivers": "mail"},
        {"name": "low", "match": {"level": "low"}, "receivers": "mail", "digest": "1h", "group_by": ["host"]},
    ],
    "inhibit": [{"source": "level=critical", "target": "level<=low", "within": "1d"}],
    "rate_limit": {"messages": 3},
}

ATTACKS = (
    ("Critical", "DC01"),
    ("High", "SRV1"),
    ("High", "SRV2"),
    ("High", "SRV3"),
    ("High", "WS1"),
    ("Low", "DC01"),
    ("Low", "WS1"),
    ("Low Too", "WS1"),
    ("Low", "WS2"),
)
"""The rule and the host of each alert."""

_AT_ONCE = {"desk": "sent", "reserve": "sent", "pager": "sent"}
_ESCALATED, _ACKNOWLEDGED = {"boss": "sent"}, {"boss": "acknowledged"}

OUTCOMES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("Critical", "DC01"): {**_AT_ONCE, **_ESCALATED},
    ("High", "SRV1"): {**_AT_ONCE, **_ACKNOWLEDGED, "mail": "sent"},
    ("High", "SRV2"): {**_AT_ONCE, **_ESCALATED, "mail": "sent"},
    ("High", "SRV3"): {**_AT_ONCE, **_ESCALATED, "mail": "sent"},
    ("High", "WS1"): {**_AT_ONCE, **_ESCALATED},
    ("Low", "DC01"): {"mail": "inhibited"},
    ("Low", "WS1"): {"mail": "sent"},
    ("Low Too", "WS1"): {"mail": "sent"},
    ("Low", "WS2"): {"mail": "sent"},
}
"""What becomes of each alert where SRV1's is acknowledged, and the desk is down until the reserve got its alerts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedSandbox:
    """A sandbox with routes; `hook` receives the webhooks of the channels, except those of the desk."""

    sandbox: Sandbox
    hook: HttpReceiver
    desk: HttpReceiver

    def attack(self) -> None:
        """Index an event for each alert."""
        self.sandbox.feed([_attack(*attack) for attack in ATTACKS])

    def pass_time(self, by: timedelta) -> None:
        """Let time pass: move back all that alerts and channels store about times."""
        moved: set[str] = (
            set()
        )  # what a killed run wrote last may arrive meanwhile: each alert is moved once all the same
        wait_until(lambda: self._pass(by, moved), what="a moment without other writes to the alerts")
        index, state = f"{self.sandbox.prefix}-state", self.sandbox.admin.state()
        state.refresh(index)
        for channel in state.search(StateQuery(index=index, query={"term": {"kind": "channel"}}, size=100)):
            body = _earlier(channel.document["body"], ("since", "next_try"), by)
            assert state.replace(channel, {**channel.document, "body": body})

    def acknowledge(self, host: str = "SRV1") -> None:
        """Acknowledge the alert of a host as a person does, where it is open."""
        opened = [stored for stored in self.sandbox.documents("alerts") if stored.document["host"]["name"] == host]
        if opened and opened[0].document["watcher"]["alert"]["state"] == "open":
            acknowledged = self.sandbox.call("ack", opened[0].id, "--by", "ada")
            assert acknowledged.returncode == 0, acknowledged.stderr

    def repair_desk(self) -> None:
        """Let the desk accept messages, and forget those that it refused."""
        self.desk.status = 200
        self.desk.requests.clear()

    def outcomes(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """Return what became of each alert, by rule and host: channel → state of its delivery."""
        return {
            (alert.document["rule"]["name"], alert.document["host"]["name"]): {
                entry["channel"]: entry["state"] for entry in alert.document["watcher"]["deliveries"]
            }
            for alert in self.sandbox.documents("alerts")
        }

    def expected_messages(self) -> Mapping[str, str]:
        """Return the key of each message that the state says was sent, with its channel."""
        messages: dict[tuple[str, str], list[str]] = {}  # digest or alert, and channel → alerts
        for alert in self.sandbox.documents("alerts"):
            for entry in alert.document["watcher"]["deliveries"]:
                if entry["state"] == "sent":
                    message = entry.get("digest_id") or alert.id
                    messages.setdefault((message, entry["channel"]), []).append(alert.id)
        return {
            delivery_key(message if len(alerts) > 1 else alerts[0], channel): channel
            for (message, channel), alerts in messages.items()
        }

    def messages(self) -> Counter[str]:
        """Return the keys of the messages that receivers got."""
        mails = (str(mail.message["Message-ID"])[1:].partition("@")[0] for mail in list(self.sandbox.smtp.messages))
        posted = [*list(self.hook.requests), *list(self.desk.requests)]
        return Counter([*mails, *(request.headers["Idempotency-Key"] for request in posted)])

    def posted(self, path: str) -> Sequence[Mapping[str, Any]]:
        """Return the documents that were posted to a path."""
        return [json.loads(request.body) for request in list(self.hook.requests) if request.path == path]

    def _pass(self, by: timedelta, moved: set[str]) -> bool:
        alerts = self.sandbox.documents("alerts")
        for alert in alerts:
            if alert.id in moved:
                continue
            event = _earlier(alert.document["event"], ("created",), by)
            own = alert.document["watcher"]
            entries = [_earlier(entry, ("due", "sent"), by) for entry in own["deliveries"]]
            document = {**alert.document, "event": event, "watcher": {**own, "deliveries": entries}}
            if self.sandbox.admin.state().replace(alert, document):
                moved.add(alert.id)
        return {alert.id for alert in alerts} <= moved


@contextmanager
def routed(sandbox: Sandbox) -> Iterator[RoutedSandbox]:
    """Yield a sandbox with routes, rules and channels; the desk is down."""
    with HttpReceiver() as hook, HttpReceiver(status=503) as desk:
        mail = json.loads(sandbox.settings().read_text(encoding="utf-8"))["channels"]["mail"]
        hooks = {name: {"type": "webhook", "url": hook.url(f"/{name}")} for name in ("pager", "boss", "reserve")}
        channels = {
            "mail": mail,
            **hooks,
            "desk": {"type": "webhook", "url": desk.url("/desk"), "fallback": "reserve"},
        }
        for number, (title, level) in enumerate(_TITLES.items(), start=1):
            text = _RULE.format(title=title, number=number, level=level, command=_command(title))
            sandbox.rule(text, f"{number}.yml")
        sandbox.changes["rules"]["select"] = [{"set": {**RARE, "channels": ["mail"], "enabled": True}}]
        sandbox.changes |= {"channels": channels, **ROUTES}
        sandbox.template()
        yield RoutedSandbox(sandbox=sandbox, hook=hook, desk=desk)


def _attack(title: str, host: str) -> RuleEvent:
    """Return an event on a host that a rule matches."""
    attack = attack_on(f"{title} {host}", host)
    data = {**attack.event["winlog"]["event_data"], "CommandLine": _command(title)}
    return replace(attack, event={**attack.event, "winlog": {**attack.event["winlog"], "event_data": data}})


def _command(title: str) -> str:
    return f"<{title}>"


def _earlier(values: Mapping[str, Any], names: Sequence[str], by: timedelta) -> dict[str, Any]:
    """Return values of which some timestamps are moved back; absent ones stay so."""
    moments = {name: parse_timestamp(str(values.get(name) or "")) for name in names}
    return {**values, **{name: format_timestamp(moment - by) for name, moment in moments.items() if moment is not None}}

"""Events that a collector forwarded, from the index to the list of alerts; and the check of `group_by` on a cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from support.sandbox import IIS, RuleEvent, Sandbox, rule_events

HIT = next(rule_event for rule_event in rule_events(IIS) if rule_event.expect == "hit")


def forwarded(computer: str) -> RuleEvent:
    """Return a hit that a collector received."""
    event: dict[str, Any] = {**HIT.event, "host": {"name": "wec01"}}
    event["winlog"] = {**event["winlog"], "computer_name": computer}
    return replace(HIT, id=f"hit-{computer}", event=event)


def test_each_forwarding_computer_has_an_alert(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed([forwarded(name) for name in ("ws1", "ws2", "dc1")])
    sandbox.once()
    alerts = [json.loads(line) for line in sandbox.call("alerts", "--json").stdout.splitlines()]
    assert {alert["host"]["name"] for alert in alerts} == {"ws1", "ws2", "dc1"}
    assert {tuple(alert["watcher"]["alert"]["key"]) for alert in alerts} == {
        ("host.name=ws1",),
        ("host.name=ws2",),
        ("host.name=dc1",),
    }


def test_a_group_by_field_that_no_event_has_is_reported_by_check_live(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed([forwarded("ws1")])
    folders = [{"name": "own", "path": str(IIS.parent)}]
    for field, codes in (
        ("nonsense.field", {"group-by-field", "group-by-empty"}),
        ("host.name", set()),
        ("User", set()),
    ):
        sandbox.changes["rules"] = {"folders": folders, "select": [{"set": {"group_by": [field]}}]}
        report = json.loads(sandbox.call("check", "--live", "--json").stdout)
        reported = {finding["code"] for finding in report["findings"] if finding["code"].startswith("group-by")}
        assert reported == codes

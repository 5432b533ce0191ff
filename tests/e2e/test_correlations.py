"""Correlations on an engine: alerted once, live and in a backfill, with the history before a start."""

from __future__ import annotations

import json
from datetime import timedelta

from support.sandbox import Sandbox

from watcher.model import EventDocument

RULES = """\
title: Failed Logon
name: failed_logon
id: 11111111-1111-4111-8111-111111111111
status: test
level: high
logsource: {product: windows, service: security}
detection:
  selection: {EventID: 4625}
  condition: selection
---
title: Many Failed Logons
id: 22222222-2222-4222-8222-222222222222
status: test
level: high
correlation:
  type: event_count
  rules: [failed_logon]
  group-by: [IpAddress]
  timespan: 10m
  condition: {gte: 3}
"""


def failed_logon(number: int, address: str) -> EventDocument:
    """Return a failed logon from an address."""
    event = {
        "@timestamp": "2026-11-28T00:00:00.000Z",
        "host": {"name": "DC01"},
        "event": {"code": "4625", "provider": "Microsoft-Windows-Security-Auditing"},
        "winlog": {
            "channel": "Security",
            "event_id": "4625",
            "computer_name": "DC01",
            "event_data": {"IpAddress": address, "TargetUserName": f"user{number}"},
        },
    }
    return EventDocument(index="", id=f"{address}-{number}", event=event)


def test_a_correlation_alerts_once_and_its_base_rule_does_not(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.rule(RULES)
    sandbox.feed([failed_logon(1, "10.0.0.1"), failed_logon(2, "10.0.0.1")], ago=timedelta(minutes=9))
    sandbox.feed([failed_logon(1, "10.0.0.2")], ago=timedelta(minutes=9))
    sandbox.once()
    assert sandbox.documents("alerts") == []
    sandbox.feed([failed_logon(3, "10.0.0.1"), failed_logon(2, "10.0.0.2")], ago=timedelta(minutes=1))
    for number, seconds in ((4, 50), (5, 40)):
        sandbox.feed([failed_logon(number, "10.0.0.1")], ago=timedelta(seconds=seconds))
    sandbox.once()
    sandbox.once()
    (alert,) = sandbox.documents("alerts")
    assert alert.document["rule"]["name"] == "Many Failed Logons"
    assert alert.document["watcher"]["alert"]["key"] == ["IpAddress=10.0.0.1"]
    # each event that completes a match is a hit of the alert
    assert [hit.document["rule"]["name"] for hit in sandbox.documents("hits")] == 3 * ["Many Failed Logons"]
    evidence = alert.document["watcher"]["correlation"]
    counted = [hit.document["watcher"]["correlation"]["count"] for hit in sandbox.documents("hits")]
    assert sorted(counted) == [3, 4, 5]
    assert (evidence["type"], evidence["count"], evidence["number"]) == ("event_count", 5, 5.0)  # the fullest window
    assert [(rule["title"], rule["count"]) for rule in evidence["rules"]] == [("Failed Logon", 5)]
    assert [event["id"] for event in evidence["events"]] == [f"10.0.0.1-{number}" for number in range(1, 6)]
    assert (evidence["first"], evidence["last"]) == (evidence["events"][0]["time"], evidence["events"][-1]["time"])
    query = {"term": {"watcher.correlation.rules.title": "Failed Logon"}}
    assert sandbox.admin.state().count(f"{sandbox.prefix}-alerts-*", query) == 1
    shown = sandbox.call("alerts", alert.id)
    assert "5 of `Failed Logon`" in shown.stdout
    assert "10.0.0.1-1" in shown.stdout
    (message,) = sandbox.smtp.messages
    text = message.message.get_body(("plain",)).get_content()
    assert "IpAddress: 10.0.0.1" in text
    assert "Failed Logon: 3 events" in text
    assert all(f"10.0.0.1-{number}" in text for number in (1, 2, 3))


def test_a_backfill_finds_the_same_correlations_and_delivers_none_again(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    sandbox.template()
    sandbox.rule(RULES)
    now = sandbox.admin.events().now()
    sandbox.source(slice="10m")
    # the first slice of a backfill ends between the events of one correlation
    for number, minutes in enumerate((185, 180, 178, 30, 29, 28)):
        sandbox.feed([failed_logon(number, "10.0.0.9")], ago=timedelta(minutes=minutes))
    shown = sandbox.call("preview", "Many Failed Logons", "--days", "2", "--json")
    assert shown.returncode == 0, shown.stderr
    preview = json.loads(shown.stdout)
    assert (preview["hits"], preview["alerts"], preview["groups"]) == (2, 2, {"IpAddress: 10.0.0.9": 2})
    assert (sum(preview["days"].values()), preview["base_hits"]) == (2, {"Failed Logon": 6})
    assert [sample["count"] for sample in preview["samples"]] == [3, 3]
    assert sandbox.documents("alerts") == []
    start = (now - timedelta(hours=6)).isoformat()
    done = sandbox.call("backfill", "--from", start, "--to", (now - timedelta(minutes=10)).isoformat())
    assert done.returncode == 0, done.stderr
    alerts = {alert.id for alert in sandbox.documents("alerts")}
    assert len(alerts) == 2
    assert len(sandbox.smtp.messages) == 1  # the digest of the backfill
    again = sandbox.call("backfill", "--from", start, "--to", (now - timedelta(minutes=10)).isoformat())
    assert again.returncode == 0, again.stderr
    assert {alert.id for alert in sandbox.documents("alerts")} == alerts
    assert len(sandbox.smtp.messages) == 1

"""New values, spikes and absences on an engine: each alerts once, with the history before the first search."""

from __future__ import annotations

from datetime import timedelta

from support.sandbox import Sandbox

from watcher.model import EventDocument

BASE = """\
title: Logon
name: logon
id: 11111111-1111-4111-8111-111111111111
status: test
level: informational
logsource: {product: windows, service: security}
detection:
  selection: {EventID: 4624}
  condition: selection
"""
NEW_VALUE = """\
title: New User
id: 22222222-2222-4222-8222-222222222222
status: test
level: high
watcher: {type: new_value, rules: [logon], group-by: [Computer], field: TargetUserName, timespan: 1h}
"""
ABSENCE = """\
title: Silent Computer
id: 33333333-3333-4333-8333-333333333333
status: test
level: high
watcher: {type: absence, rules: [logon], group-by: [Computer], timespan: 2m, groups: [dc02]}
"""
SPIKE = """\
title: Many Logons
id: 44444444-4444-4444-8444-444444444444
status: test
level: high
watcher:
  type: spike
  rules: [logon]
  group-by: [TargetUserName]
  timespan: 5m
  windows: 3
  minimum: 3
  condition: {gte: 2}
"""


def logon(number: int, user: str) -> EventDocument:
    """Return a logon on DC01."""
    event = {
        "@timestamp": "2026-11-28T00:00:00.000Z",
        "host": {"name": "DC01"},
        "event": {"code": "4624", "provider": "Microsoft-Windows-Security-Auditing"},
        "winlog": {
            "channel": "Security",
            "event_id": "4624",
            "computer_name": "DC01",
            "event_data": {"TargetUserName": user},
        },
    }
    return EventDocument(index="", id=f"{user}-{number}", event=event)


def test_new_values_spikes_and_absences_alert_once(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.rule(f"{BASE}---\n{NEW_VALUE}---\n{ABSENCE}---\n{SPIKE}")
    start = sandbox.admin.events().now() - timedelta(minutes=25)
    sandbox.source(overlap="5m", start=start.isoformat())
    sandbox.feed([logon(1, "alice")], ago=timedelta(minutes=50))  # before the search begins
    sandbox.feed([logon(2, "alice"), logon(3, "alice"), logon(4, "ALICE"), logon(1, "bob")], ago=timedelta(minutes=12))
    sandbox.once()
    sandbox.once()
    alerts = {
        (alert.document["rule"]["name"], *alert.document["watcher"]["alert"]["key"])
        for alert in sandbox.documents("alerts")
    }
    assert alerts == {
        ("New User", "Computer=DC01", "TargetUserName=bob"),
        ("Many Logons", "TargetUserName=ALICE"),
        ("Silent Computer", "Computer=dc02"),
        ("Silent Computer", "Computer=DC01"),
    }

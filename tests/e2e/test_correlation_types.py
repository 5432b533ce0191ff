"""New values, spikes and absences on an engine: each alerts once, with the history before the first search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from support.sandbox import Sandbox, wait_until

from watcher.model import EventDocument
from watcher.ports import StoredDocument

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


def logon(number: int, user: str, host: str = "DC01") -> EventDocument:
    """Return a logon."""
    event = {
        "@timestamp": "2026-11-28T00:00:00.000Z",
        "host": {"name": host},
        "event": {"code": "4624", "provider": "Microsoft-Windows-Security-Auditing"},
        "winlog": {
            "channel": "Security",
            "event_id": "4624",
            "computer_name": host,
            "event_data": {"TargetUserName": user},
        },
    }
    return EventDocument(index="", id=f"{user}-{number}", event=event)


def test_new_values_spikes_and_absences_alert_once(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.rule(f"{BASE}---\n{NEW_VALUE}---\n{ABSENCE}---\n{SPIKE}")
    start = sandbox.admin.events().now() - timedelta(minutes=25)
    sandbox.source(overlap="2s", start=start.isoformat())
    sandbox.feed([logon(1, "alice")], ago=timedelta(minutes=50))  # before the search begins
    sandbox.feed([logon(2, "alice"), logon(3, "alice"), logon(4, "ALICE"), logon(1, "bob")], ago=timedelta(minutes=12))
    expected = {
        ("New User", "Computer=DC01", "TargetUserName=bob"),
        ("Many Logons", "TargetUserName=ALICE"),
        ("Silent Computer", "Computer=dc02"),
        ("Silent Computer", "Computer=DC01"),
    }

    def is_alerted() -> bool:  # after the `overlap` of the first search
        sandbox.once()
        return keys(sandbox.documents("alerts")) >= expected

    wait_until(is_alerted, what="an alert of each type")
    assert keys(sandbox.documents("alerts")) == expected
    assert len(sandbox.documents("alerts")) == len(expected)


def keys(alerts: Sequence[StoredDocument]) -> set[tuple[str, ...]]:
    """Return the rule and the key of each alert."""
    return {(alert.document["rule"]["name"], *alert.document["watcher"]["alert"]["key"]) for alert in alerts}


def test_a_host_without_any_index_is_absent_until_it_writes(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.rule(f"{BASE}---\n{ABSENCE}")
    start = sandbox.admin.events().now() - timedelta(minutes=5)
    sandbox.source(overlap="2s", start=start.isoformat())

    def is_alerted() -> bool:
        sandbox.once()
        return bool(sandbox.documents("alerts"))

    wait_until(is_alerted, what="an alert of the listed host")
    sandbox.feed([logon(1, "alice", host="DC02")], ago=timedelta(seconds=1))
    sandbox.once()
    (alert,) = sandbox.documents("alerts")
    (entry,) = alert.document["watcher"]["history"]
    assert (alert.document["watcher"]["alert"]["state"], entry["action"], entry["by"]) == (
        "closed",
        "resolved",
        "watcher",
    )
    assert "seen again at" in sandbox.call("alerts", alert.id).stdout


@pytest.mark.slow
def test_a_value_in_a_closed_index_is_not_new_and_a_new_one_waits_for_the_index(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.rule(f"{BASE}---\n{NEW_VALUE.replace('timespan: 1h', 'timespan: 6d')}---\n{SPIKE}")
    now = sandbox.admin.events().now()
    sandbox.source(overlap="2s", start=(now - timedelta(minutes=25)).isoformat())
    old = f"winlogbeat-{sandbox.name}-{now - timedelta(days=4):%Y.%m.%d}"
    sandbox.feed([logon(1, "alice")], ago=timedelta(days=4), index=old)
    sandbox.ask("POST", f"/{old}/_close")
    sandbox.feed([logon(2, "alice"), *(logon(number, "bob") for number in range(3))], ago=timedelta(minutes=12))

    def is_alerted(*names: str) -> Callable[[], bool]:
        def look() -> bool:  # each search begins without memory
            sandbox.once()
            return {name for name, *_ in keys(sandbox.documents("alerts"))} == set(names)

        return look

    wait_until(is_alerted("Many Logons"), what="the spike, which the closed index does not concern")
    sandbox.once()
    assert {name for name, *_ in keys(sandbox.documents("alerts"))} == {"Many Logons"}
    sandbox.ask("POST", f"/{old}/_open?wait_for_active_shards=1")
    wait_until(is_alerted("Many Logons", "New User"), what="the new value, once the index is open")
    assert keys(sandbox.documents("alerts")) == {
        ("Many Logons", "TargetUserName=bob"),
        ("New User", "Computer=DC01", "TargetUserName=bob"),
    }

"""`watcher ack`, `close`, `reopen`, `comment` and `assign` on engines."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from support.expected_deliveries import alert_each_host_once, attack_on
from support.sandbox import Sandbox

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage, TriageResult, history_of
from watcher.alerts.alert_triage import AlertTriage
from watcher.clock import SystemClock
from watcher.model import TriageAction


def test_alerts_are_triaged_by_id_and_by_filter_and_two_people_at_once_lose_no_comment(
    sandbox_of_either: Sandbox,
) -> None:
    sandbox = sandbox_of_either
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.feed([attack_on(f"attack-{host}", host) for host in ("WEB01", "WEB02")])
    sandbox.once()
    lines = sandbox.call("alerts", "--json").stdout.splitlines()
    ids = {alert["host"]["name"]: alert["id"] for alert in map(json.loads, lines)}
    web01 = ids["WEB01"]

    assert sandbox.call("ack").returncode == 2  # neither an id nor a filter
    assert sandbox.call("ack", "no-such-id").returncode == 2
    asked = sandbox.call("close", "--reason", "benign", "--host", "web02")
    assert (asked.returncode, "1 alert: 1 open" in asked.stdout, "add `--yes`" in asked.stdout) == (2, True, True)

    def comment(number: int) -> list[TriageResult]:
        alert_triage = AlertTriage(sandbox.admin.state(), sandbox.prefix)
        selected = alert_triage.select(AlertFilter(ids=(web01,)), most=1)
        together.wait()  # all of them read the alert before any of them writes to it
        entry = Triage(action=TriageAction.COMMENT, by=f"p{number}", comment=f"c{number}")
        return [result.result for result in alert_triage.change(selected, entry, now=SystemClock().now())]

    together = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(comment, range(3))) == [[TriageResult.CHANGED]] * 3
    acknowledged = sandbox.call("ack", web01, "--by", "alice", "-m", "mine")
    assert (acknowledged.returncode, "alerts changed: 1" in acknowledged.stdout) == (0, True)
    assert sandbox.call("close", "--reason", "benign", "--host", "web02", "--yes").returncode == 0
    assert sandbox.call("ack", ids["WEB02"]).returncode == 1  # it is closed
    documents = {stored.id: stored.document for stored in sandbox.documents("alerts")}
    history = history_of(documents[web01])
    assert sorted((entry.by, entry.comment) for entry in history) == [
        ("alice", "mine"), ("p0", "c0"), ("p1", "c1"), ("p2", "c2"),
    ]  # fmt: skip
    assert documents[ids["WEB02"]]["watcher"]["alert"]["reason"] == "benign"
    shown = " ".join(sandbox.call("alerts", web01, COLUMNS="200").stdout.split())
    assert "first alert of this rule" in shown
    for text in ("acknowledged, since", "by alice", "p1: commented: c1", "1 hit: 1 sent. A message of its own."):
        assert text in shown

    limited = sandbox.call("alerts", "--json", "--limit", "1").stdout.splitlines()
    assert (len(lines), len(limited)) == (2, 1)
    totals = json.loads(sandbox.call("alerts", "--deliveries", "--json").stdout)
    assert totals == {
        "alerts": 2,
        "hits": 2,
        "alerts_without_channels": 0,
        "channels": {"mail": {"hits": 2, "sent": 2}, "slack": {"hits": 2, "sent": 2}},
    }
    closed = sandbox.call("alerts", "--deliveries", "--status", "closed").stdout
    assert "1 alert with 1 hit; no channel hears of 0" in closed

    sandbox.changes |= {
        "calendars": [{"name": "always", "hours": ["00:00-24:00"]}],
        "maintenance_windows": [{"name": "web01", "matchers": ["host=WEB01"], "during": "always"}],
    }
    shown = sandbox.call("silences", "preview", COLUMNS="200").stdout
    assert "it would have held back 1 of 2 alerts" in shown
    assert "it would have held back 50 % of all alerts" in shown
    (previewed,) = json.loads(sandbox.call("silences", "preview", "web01", "--json").stdout)
    assert (previewed["held_back"], previewed["hosts"]) == (1, {"WEB01": 1})
    unknown = sandbox.call("silences", "preview", "web02")
    assert (unknown.returncode, "settings have `web01`" in unknown.stderr) == (2, True)

"""Late events and events with future timestamps: found, and delivered once."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import killed_runs
from support.sandbox import SMALL_TEMPLATE, RuleEvent, Sandbox


def ingested(event: RuleEvent, sandbox: Sandbox) -> RuleEvent:
    """Return the event with `event.ingested` set to now."""
    inner = {**event.event["event"], "ingested": (sandbox.admin.events().now() - timedelta(seconds=2)).isoformat()}
    return RuleEvent(rule="", expect="hit", name="", id=event.id, event={**event.event, "event": inner})


def test_late_and_future_events_are_delivered_once(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    start = sandbox.admin.events().now() - timedelta(hours=6)
    sandbox.source(overlap="1m", start=start.isoformat())
    with killed_runs(sandbox) as runs:
        for _ in range(2):
            runs.run()
            sandbox.hasten_gaps()
        late = {
            "overlap": timedelta(seconds=30),
            "late-event check": timedelta(hours=2),
            "ahead": timedelta(hours=-3),
            "edge": timedelta(hours=5, minutes=59),
        }
        for host, ago in late.items():
            sandbox.feed([attack_on(host, host)], ago=ago)
        for _ in range(3):
            sandbox.hasten_gaps()
            runs.run()
    deliveries = expected_deliveries(sandbox)
    assert deliveries.lost([*late], [*late]) == []
    assert not deliveries.doubled()


def test_old_events_match_on_arrival_with_event_ingested_as_time_field(opensearch_sandbox: Sandbox) -> None:
    alert_each_host_once(opensearch_sandbox)
    mapped = {**SMALL_TEMPLATE["template"]["mappings"]["properties"]}
    mapped["event"] = {"properties": {"ingested": {"type": "date"}}}
    mappings = {**SMALL_TEMPLATE["template"]["mappings"], "properties": mapped}
    opensearch_sandbox.template({"template": {**SMALL_TEMPLATE["template"], "mappings": mappings}})
    opensearch_sandbox.source(time_field="event.ingested")
    now = opensearch_sandbox.admin.events().now()
    with killed_runs(opensearch_sandbox) as runs:
        runs.run()
        old = ingested(attack_on("old", "old"), opensearch_sandbox)
        document = {**old.event, "@timestamp": (now - timedelta(days=300)).isoformat()}
        opensearch_sandbox.ask("PUT", f"/{opensearch_sandbox.index}/_create/old?refresh=true", document)
        runs.run()
        runs.run()
    deliveries = expected_deliveries(opensearch_sandbox)
    assert deliveries.lost(["old"], ["old"]) == []
    assert not deliveries.doubled()
    (hit,) = opensearch_sandbox.documents("hits")
    assert hit.index.endswith(f"{now - timedelta(days=300):%Y.%m}")  # the event's own month


def test_live_windows_at_random_times_open_the_alerts_of_a_single_search(opensearch_sandbox: Sandbox) -> None:
    """Also for quiet periods that end and begin in between."""
    sandbox = opensearch_sandbox
    alert_each_host_once(sandbox)
    sandbox.changes["rules"]["select"] = [{"set": {"quiet_period": "7m"}}]
    sandbox.changes["channels"] = None
    sandbox.template()
    start = sandbox.admin.events().now() - timedelta(hours=2)
    sandbox.source(overlap="1m", start=start.isoformat(), slice="20m")
    chance = random.Random(7)  # noqa: S311 - a test, not a secret
    with killed_runs(sandbox) as runs:
        for number in range(12):
            for hit in range(chance.randint(1, 4)):
                ago = timedelta(seconds=chance.randint(0, 7000))
                sandbox.feed([attack_on(f"{number}-{hit}", f"host-{number % 3}")], ago=ago)
            runs.run()
            if chance.random() < 0.5:
                sandbox.hasten_gaps()
        for _ in range(8):
            sandbox.hasten_gaps()
            runs.run()
        live = hits_by_alert(sandbox)
        for kind in ("alerts", "hits", "state"):
            sandbox.ask("DELETE", f"/{sandbox.prefix}-{kind}*")
        sandbox.source(overlap="3h")
    with killed_runs(sandbox) as runs:
        runs.run()
    assert hits_by_alert(sandbox) == live
    assert len(live) > 3


def hits_by_alert(sandbox: Sandbox) -> Counter[tuple[str, ...]]:
    """Return the alerts, each with its hits."""
    hits: dict[str, list[str]] = {}
    for hit in sandbox.documents("hits"):
        hits.setdefault(hit.document["watcher"]["alert"]["id"], []).append(hit.id)
    assert {alert.id for alert in sandbox.documents("alerts")} == set(hits)
    return Counter((name, *sorted(own)) for name, own in hits.items())

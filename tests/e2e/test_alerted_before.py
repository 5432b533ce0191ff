"""An alert is delivered once: across months, with changed settings and rules, and under another index name."""

from __future__ import annotations

from datetime import timedelta

from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.killed_runs import killed_runs
from support.sandbox import IIS, Sandbox

from watcher.ports import NewDocument, StateQuery


def test_a_slot_across_the_turn_of_a_month_opens_a_single_alert(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    now = sandbox.admin.events().now()
    edge = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sandbox.source(start=(edge - timedelta(minutes=10)).isoformat(), slice="40d")
    before = sandbox.index.replace("2026.11", "before")
    sandbox.feed([attack_on("before", "one")], index=before, ago=now - edge + timedelta(seconds=20))
    sandbox.feed([attack_on("after", "one")], ago=now - edge - timedelta(seconds=20))
    with killed_runs(sandbox) as runs:
        for _ in range(3):
            runs.run()
            sandbox.hasten_gaps()
        assert sandbox.gaps() == []
    deliveries = expected_deliveries(sandbox)
    assert deliveries.lost(["one"], ["before", "after"]) == []
    assert not deliveries.doubled()
    months = {hit.document["watcher"]["hit"]["id"]: hit.index[-7:] for hit in sandbox.documents("hits")}
    assert months == {"before": f"{edge - timedelta(days=1):%Y.%m}", "after": f"{edge:%Y.%m}"}
    assert len({hit.document["watcher"]["alert"]["id"] for hit in sandbox.documents("hits")}) == 1


def test_changed_quiet_periods_group_by_channels_and_rule_texts_deliver_nothing_twice(sandbox: Sandbox) -> None:
    sandbox.template()
    text = IIS.read_text(encoding="utf-8").replace("status:", "id: 0f5e2e0a-2f0d-4a2e-9a0c-2f6d8f3f4b12\nstatus:")
    file = sandbox.rule(text)
    sandbox.feed([attack_on("a", "one"), attack_on("b", "two")])
    sandbox.once()
    once = (len(sandbox.documents("alerts")), len(sandbox.smtp.messages), len(sandbox.slack.requests))
    assert once == (2, 2, 2)
    rules = dict(sandbox.changes["rules"])
    for changed in (
        {"quiet_period": "2d"},
        {"group_by": ["user.name"]},
        {"group_by": "event", "quiet_period": "1m"},
        {"channels": ["slack"]},
    ):
        sandbox.changes["rules"] = {**rules, "select": [{"set": changed}]}
        sandbox.once()
    file.write_text(
        text.replace("title: ", "title: Another ").replace("- install", "- install\n      - module"), "utf-8"
    )
    sandbox.once()
    assert (len(sandbox.documents("alerts")), len(sandbox.smtp.messages), len(sandbox.slack.requests)) == once
    assert len(sandbox.documents("hits")) == 2


def test_events_copied_to_another_index_deliver_nothing_twice(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.feed([attack_on("a", "one"), attack_on("b", "two")])
    sandbox.once()
    state = sandbox.admin.state()
    kept = state.search(StateQuery(index=sandbox.index, query={"match_all": {}}, size=10))
    other = f"{sandbox.index}-shrunk"
    assert all(
        result.new
        for result in state.create([NewDocument(index=other, id=event.id, document=event.document) for event in kept])
    )
    state.refresh(other)
    sandbox.once()
    sandbox.ask("DELETE", f"/{sandbox.index}")
    sandbox.once()
    deliveries = expected_deliveries(sandbox)
    assert deliveries.lost(["one", "two"], ["a", "b"]) == []
    assert not deliveries.doubled()


def test_a_forged_event_of_the_same_id_and_time_hides_no_attack(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.feed([attack_on("a", "forged")])
    sandbox.once()
    state = sandbox.admin.state()
    (forged,) = state.search(StateQuery(index=sandbox.index, query={"match_all": {}}, size=10))
    other = f"{sandbox.index}-real"
    real = {**attack_on("a", "real").event, "@timestamp": forged.document["@timestamp"]}
    assert state.create([NewDocument(index=other, id=forged.id, document=real)])[0].new
    state.refresh(other)
    sandbox.once()
    assert {hit.document["watcher"]["hit"]["index"] for hit in sandbox.documents("hits")} == {sandbox.index, other}
    assert len(sandbox.documents("alerts")) == len(sandbox.smtp.messages) == 2


def test_an_alert_contains_the_hash_and_the_version_of_its_rule(opensearch_sandbox: Sandbox) -> None:
    text = IIS.read_text(encoding="utf-8").replace("status:", "date: 2022/12/01\nmodified: 2025-06-30\nstatus:")
    opensearch_sandbox.rule(text)
    opensearch_sandbox.feed([attack_on("a", "one")])
    opensearch_sandbox.once()
    (alert,) = opensearch_sandbox.documents("alerts")
    assert alert.document["rule"]["version"] == "2025-06-30"
    assert len(alert.document["watcher"]["rule"]["hash"]) == 64

"""An alert with everything that the state knows of it."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryState

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.match.event_view import EventView
from watcher.match.match_explainer import MatchExplainer
from watcher.model import PriorAlerts
from watcher.present.alert_details import alert_details
from watcher.taxonomy.logsources import events_of
from watcher.usecases.triage import AlertRecord, AlertSurroundings


def test_an_alert_is_shown_with_the_hits_that_joined_it_and_its_deliveries() -> None:
    second = event_document(2, time="2026-11-23T11:59:40.000Z", SubjectUserName="b2")
    first = event_document(1, SubjectUserName="a1")
    grouped = [grouped_hit(rule(), effective(), entry) for entry in (first, second)]
    explainer = MatchExplainer(rule().node, events_of(rule().logsource))
    matched = explainer.matched(EventView(first.event))
    grouped[0] = replace(grouped[0], hit=replace(grouped[0].hit, matched=matched))
    alert_store = AlertStore(MemoryState())
    alert_store.record(
        alerts_of_hits(rule(), effective(), grouped, origin="live"), [entry.hit for entry in grouped], now=NOW
    )
    (stored,) = alert_store.alerts(size=10)
    output = io.StringIO()
    record = AlertRecord(id=stored.id, index=stored.index, document=stored.document)
    other = AlertRecord(id="later", index=stored.index, document={**stored.document, "@timestamp": "2026-11-23T12:30Z"})
    surroundings = AlertSurroundings(
        prior=PriorAlerts(anywhere=3, on_host=2, in_week=1), host="WEB01", around=(other,), has_more=False
    )
    Console(file=output, width=200).print(alert_details(record, surroundings))
    shown = output.getvalue()
    assert "2nd alert of this rule on WEB01 in 7 days" in shown
    assert shown.index("2026-11-23T11:59:30.000Z this alert") < shown.index("2026-11-23T12:30Z")
    joined = ("2, from 2026-11-23T11:59:30.000Z", "a1, b2", "new user b2", "mail pending; due 2026-11-23")
    assert "because it contains `shell`" in shown
    assert f"CommandLine: {matched[0].values[0].text}" in shown
    assert [text for text in (stored.id, "WEB01", "open", "winlogbeat-1 / e1", *joined) if text not in shown] == []

"""Which alerts a filter selects."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryState

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_pages import PAGE
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.ports import NewDocument


def store() -> AlertStore:
    """Return two alerts: of WEB01 with the users alice and bob, and of DC01 with carol."""
    documents = [
        event_document(1, SubjectUserName="alice"),
        event_document(2, SubjectUserName="bob"),
        event_document(3, host="DC01", SubjectUserName="carol"),
    ]
    grouped = [grouped_hit(rule(), effective(), entry) for entry in documents]
    alert_store = AlertStore(MemoryState())
    alerts = alerts_of_hits(rule(), effective(), grouped, origin="live")
    alert_store.record(alerts, [entry.hit for entry in grouped], now=NOW)
    return alert_store


@pytest.mark.parametrize(
    ("selected", "hosts"),
    [
        (AlertFilter(), {"WEB01", "DC01"}),
        (AlertFilter(host="dc01"), {"DC01"}),
        (AlertFilter(user="bob"), {"WEB01"}),
        (AlertFilter(user="bob", host="DC01"), set()),
        (AlertFilter(levels=(str(rule().level), "low")), {"WEB01", "DC01"}),
        (AlertFilter(levels=("low",)), set()),
        (AlertFilter(rule=rule().title), {"WEB01", "DC01"}),
        (AlertFilter(rule=rule().id), {"WEB01", "DC01"}),
        (AlertFilter(states=("closed",)), set()),
        (AlertFilter(states=("open", "closed")), {"WEB01", "DC01"}),
        (AlertFilter(tag="attack.t9999"), set()),
        (AlertFilter(since=NOW), {"WEB01", "DC01"}),
        (AlertFilter(since=NOW + timedelta(seconds=1)), set()),
    ],
)
def test_alerts_are_selected_by_what_they_and_their_hits_have(selected: AlertFilter, hosts: set[str]) -> None:
    assert {stored.document["host"]["name"] for stored in store().alerts(size=10, selected=selected)} == hosts


def test_all_alerts_are_read_page_by_page_in_the_order_of_their_times() -> None:
    state = MemoryState()
    count = 2 * PAGE + 1
    for number in range(count):  # some at the same time
        alert = {
            "@timestamp": f"2026-11-23T12:{number // 60:02}:00.000Z",
            "watcher": {"alert": {"id": f"a{number:03}"}},
        }
        state.create([NewDocument(index="watcher-alerts-2026.11", id=f"a{number:03}", document=alert)])
    ids = [stored.id for stored in AlertStore(state).each_alert()]
    assert len(ids) == len(set(ids)) == count
    newest = AlertStore(state).alerts(size=count)
    assert ids == [stored.id for stored in newest]

"""What a correlation counted is stored with its hits and alerts, and kept when further hits join."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from support.fakes import NOW, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.restored_alert import restore_alert
from watcher.model.correlation_evidence import ContributingEvent, CorrelationEvidence, CountedRule
from watcher.ports import StoredDocument


def evidence(first: int, count: int) -> CorrelationEvidence:
    """Return the evidence of some events, a minute apart."""
    events = tuple(
        ContributingEvent(rule="base", time=NOW + timedelta(minutes=number), index="winlogbeat", event_id=f"e{number}")
        for number in range(first, first + count)
    )
    return CorrelationEvidence(
        type="event_count",
        count=count,
        number=Decimal(count),
        first=events[0].time,
        last=events[-1].time,
        rules=(CountedRule(id="base", title="Base", count=count),),
        events=events,
    )


def record(state: MemoryDocuments, number: int, counted: CorrelationEvidence | None) -> None:
    settings = effective(channels=("mail",), quiet_period=timedelta(days=400))
    grouped = grouped_hit(rule(), settings, event_document(number, time=f"2026-11-23T11:59:{number:02}.000Z"))
    grouped = replace(grouped, hit=replace(grouped.hit, correlation=counted))
    alerts = alerts_of_hits(rule(), settings, [grouped], origin="live")
    AlertStore(state).record(alerts, [grouped.hit], now=NOW)


def alert(state: MemoryDocuments) -> StoredDocument:
    (stored,) = [entry for (index, _), entry in state.documents.items() if "alerts" in index]
    return stored


def counted(state: MemoryDocuments) -> dict[str, Any]:
    values: dict[str, Any] = alert(state).document["watcher"]["correlation"]
    return values


def test_evidence_is_read_as_it_was_stored() -> None:
    for stored in (
        evidence(0, 3),
        replace(evidence(0, 3), number=None),
        replace(evidence(0, 1), number=Decimal("0.5")),
    ):
        assert CorrelationEvidence.from_document(stored.as_document()) == stored


def test_a_number_that_no_field_holds_is_left_out() -> None:
    assert "number" not in replace(evidence(0, 3), number=Decimal(10) ** 400).as_document()


def test_the_alert_keeps_the_fuller_window_from_the_first_to_the_last_event() -> None:
    fuller, other = evidence(0, 4), evidence(3, 3)
    for joined in (fuller.joined(other), other.joined(fuller)):
        assert (joined.count, joined.rules[0].count, joined.number) == (4, 4, Decimal(4))
        assert (joined.first, joined.last) == (fuller.first, other.last)
        assert [event.event_id for event in joined.events] == [f"e{number}" for number in range(6)]
    many = evidence(0, 8).joined(evidence(5, 8))
    assert [event.event_id for event in many.events] == [f"e{n}" for n in (0, 1, 2, 3, 4, 8, 9, 10, 11, 12)]


def test_an_alert_and_its_hits_store_what_was_counted() -> None:
    state = MemoryDocuments()
    record(state, 1, evidence(0, 3))
    (hit,) = [entry for (index, _), entry in state.documents.items() if "hits" in index]
    assert hit.document["watcher"]["correlation"] == counted(state) == evidence(0, 3).as_document()
    assert restore_alert(alert(state)).first.correlation == evidence(0, 3)
    record(state, 2, evidence(2, 5))
    assert counted(state) == evidence(0, 3).joined(evidence(2, 5)).as_document()
    record(state, 2, evidence(2, 5))  # again: it is recorded already
    assert counted(state)["count"] == 5


def test_other_rules_store_no_correlation() -> None:
    state = MemoryDocuments()
    record(state, 1, None)
    assert "correlation" not in alert(state).document["watcher"]
    assert restore_alert(alert(state)).first.correlation is None

"""Silences as people read them, and the routes of an alert."""

from __future__ import annotations

import io
from datetime import timedelta

from rich.console import Console, RenderableType
from support.fakes import NOW
from support.routed_alerts import RoutedAlerts

from watcher.delivery.delivery_record import delivery_record
from watcher.present.alert_details import alert_details
from watcher.present.silence_tables import silences_table
from watcher.routes import parse_matchers
from watcher.routes.route_tree import Escalation, Route, RouteTree
from watcher.routes.silences import SilencePhase, StoredSilence
from watcher.usecases.silence_requests import ListedSilence
from watcher.usecases.triage import AlertRecord


def shown(part: RenderableType) -> str:
    output = io.StringIO()
    Console(file=output, width=200).print(part)
    return output.getvalue()


def test_the_reason_of_a_silence_is_on_a_line_of_its_own_and_cannot_add_one() -> None:
    silence = StoredSilence(
        id="1a2b3c4d",
        matchers=parse_matchers("host=DC01"),
        start=NOW,
        until=NOW + timedelta(hours=2),
        by="ada",
        reason="patch\nnight",
        created=NOW,
    )
    text = shown(silences_table([ListedSilence(silence=silence, phase=SilencePhase.ACTIVE, alerts=3)]))
    (first, second) = (line for line in text.splitlines() if 'host="DC01"' in line or "night" in line)
    assert "ada" in first
    assert "patch\\x0anight" in second


def test_the_routes_of_an_alert_are_shown_and_that_an_acknowledged_one_will_not_escalate() -> None:
    stages = (Escalation(after=timedelta(minutes=30), receivers=("pager",)),)
    inner = Route(name="night", receivers=("mail",), escalations=stages)
    alerts = RoutedAlerts(RouteTree(routes=(Route(name="servers", routes=(inner,)),)))
    alert = alerts.open()
    answers = {record.channel: record.answer for record in delivery_record(alerts.stored(alert).document)}
    assert answers["pager"].startswith("It escalates at 2026-11-23T12:30:00.000Z, unless")
    alerts.acknowledge(alert)
    stored = alerts.stored(alert)
    text = shown(alert_details(AlertRecord(id=stored.id, index=stored.index, document=stored.document)))
    assert "servers, night" in text
    assert "It will not escalate: the alert is acknowledged." in text

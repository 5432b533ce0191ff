"""The table of alerts: what an attacker writes does not fill the terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from support.routed_alerts import RoutedAlerts

from watcher.present.alert_tables import alerts_table
from watcher.routes.route_tree import RouteTree
from watcher.usecases.triage import AlertRecord


def test_a_long_name_of_a_host_is_shortened() -> None:
    alerts = RoutedAlerts(RouteTree())
    stored = alerts.stored(alerts.open(host="H" * 8_000))
    console = Console(width=80, file=StringIO())
    with console.capture() as captured:
        console.print(alerts_table([AlertRecord(id=stored.id, index=stored.index, document=stored.document)]))
    text = captured.get()
    assert 200 < text.count("H") < 300
    assert "…" in text

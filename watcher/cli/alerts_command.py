"""`watcher alerts`."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, open_watcher, read_settings, terminal, write_json
from watcher.present.alert_tables import alert_json, alerts_table


def alerts(
    *,
    settings_file: SettingsFile = None,
    limit: Annotated[int, typer.Option(help="Maximum number of alerts.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest alerts."""
    with open_watcher(read_settings(settings_file)) as app:
        newest = app.alerts(limit=limit)
    if as_json:
        write_json([alert_json(alert) for alert in newest])
    else:
        terminal().print(alerts_table(newest) if newest else "no alerts")

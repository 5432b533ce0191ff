"""`watcher alerts`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from watcher.alerts.alert_filter import AlertFilter
from watcher.app import App
from watcher.cli.alert_options import (
    Host,
    Levels,
    RuleName,
    Since,
    Statuses,
    Tag,
    User,
    advise_on_rule,
    alert_filter,
)
from watcher.cli.common import (
    AsJsonLines,
    SettingsFile,
    open_watcher,
    read_settings,
    terminal,
    write_json_lines,
)
from watcher.delivery.delivery_totals import DeliveryTotals
from watcher.present.alert_details import alert_details
from watcher.present.alert_tables import alert_json, alerts_table
from watcher.present.delivery_tables import delivery_totals_json, delivery_totals_lines

_SHOWN = 50  # alerts of a table


def alerts(  # noqa: PLR0913 - each is an option
    *,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of alerts, shown with all details.")] = None,
    since: Since = None,
    levels: Levels = None,
    rule: RuleName = "",
    host: Host = "",
    user: User = "",
    status: Statuses = None,
    tag: Tag = "",
    settings_file: SettingsFile = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of alerts (default: 50; with `--json`, all of them).")
    ] = None,
    deliveries: Annotated[
        bool, typer.Option("--deliveries", help="Show what became of the hits of all these alerts, by channel.")
    ] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Show the newest alerts.

    With ids: these alerts, with the hits that joined them. With `--json`: all alerts, or those that the filters
    select, page by page.
    """
    selected = alert_filter(
        ids=ids, since=since, levels=levels, rule=rule, host=host, user=user, status=status, tag=tag
    )
    settings = read_settings(settings_file)
    with open_watcher(settings) as app:
        if deliveries:
            _show_deliveries(app.total_deliveries(selected), as_json=as_json)
        elif as_json:
            write_json_lines(map(alert_json, islice(app.each_alert(selected), limit)))
        else:
            _show(app, selected, limit=limit or _SHOWN)
        if rule and not app.alerts(selected, limit=1):
            advise_on_rule(selected, settings)


def _show_deliveries(totals: DeliveryTotals, *, as_json: bool) -> None:
    if as_json:
        write_json_lines([delivery_totals_json(totals)])
        return
    for line in delivery_totals_lines(totals):
        terminal().print(line)


def _show(app: App, selected: AlertFilter, *, limit: int) -> None:
    """Show alerts in a table, or with all details where their ids are given."""
    newest = app.alerts(selected, limit=max(limit, len(selected.ids)))
    if selected.ids:
        for alert in newest:
            terminal().print(alert_details(alert, app.alert_surroundings(alert)))
    else:
        terminal().print(alerts_table(newest) if newest else "no alerts")

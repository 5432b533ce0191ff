"""`watcher alerts`."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher.cli.alert_options import Host, Levels, RuleName, Since, Statuses, Tag, User, alert_filter
from watcher.cli.common import (
    AsJsonLines,
    SettingsFile,
    open_watcher,
    read_settings,
    terminal,
    write_json_lines,
)
from watcher.present.alert_details import alert_details
from watcher.present.alert_tables import alert_json, alerts_table


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
    limit: Annotated[int, typer.Option(help="Maximum number of alerts.")] = 50,
    as_json: AsJsonLines = False,
) -> None:
    """Show the newest alerts.

    With ids: these alerts, with the hits that joined them.
    """
    selected = alert_filter(
        ids=ids, since=since, levels=levels, rule=rule, host=host, user=user, status=status, tag=tag
    )
    with open_watcher(read_settings(settings_file)) as app:
        newest = app.alerts(selected, limit=limit)
        shows_details = bool(selected.ids) and not as_json
        around = [app.alert_surroundings(alert) for alert in newest] if shows_details else []
    if as_json:
        write_json_lines(alert_json(alert) for alert in newest)
    elif selected.ids:
        for alert, surroundings in zip(newest, around, strict=True):
            terminal().print(alert_details(alert, surroundings))
    else:
        terminal().print(alerts_table(newest) if newest else "no alerts")

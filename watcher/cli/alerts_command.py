"""`watcher alerts`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from watcher.alerts.alert_filter import AlertFilter
from watcher.cli.common import AsJson, SettingsFile, open_watcher, parse_since, read_settings, terminal, write_json
from watcher.model import Level
from watcher.present.alert_details import alert_details
from watcher.present.alert_tables import alert_json, alerts_table


class _Status(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


def alerts(  # noqa: PLR0913 - each is an option
    *,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of alerts, shown with all details.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Opened since then: `24h`, `2026-11-01`, or a timestamp.")
    ] = None,
    levels: Annotated[list[Level] | None, typer.Option("--level", help="Level; may be repeated.")] = None,
    rule: Annotated[str, typer.Option("--rule", help="Id or title of a rule.")] = "",
    host: Annotated[str, typer.Option("--host", help="Computer of any hit of the alert.")] = "",
    user: Annotated[str, typer.Option("--user", help="Account of any hit, as the alert lists it.")] = "",
    status: Annotated[list[_Status] | None, typer.Option("--status", help="Status; may be repeated.")] = None,
    tag: Annotated[str, typer.Option("--tag", help="Tag of the rule, e.g. `attack.t1543.003`.")] = "",
    settings_file: SettingsFile = None,
    limit: Annotated[int, typer.Option(help="Maximum number of alerts.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest alerts.

    With ids: these alerts, with the hits that joined them.
    """
    selected = AlertFilter(
        ids=tuple(dict.fromkeys(ids or ())),
        since=parse_since(since) if since else None,
        levels=tuple(map(str, levels or ())),
        states=tuple(map(str, status or ())),
        rule=rule,
        host=host,
        user=user,
        tag=tag,
    )
    with open_watcher(read_settings(settings_file)) as app:
        newest = app.alerts(selected, limit=limit)
    if as_json:
        write_json([alert_json(alert) for alert in newest])
    elif selected.ids:
        for alert in newest:
            terminal().print(alert_details(alert))
    else:
        terminal().print(alerts_table(newest) if newest else "no alerts")

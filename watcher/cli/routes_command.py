"""`watcher routes`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, open_watcher, read_settings, terminal, write_json
from watcher.cli.explain_command import explain_events
from watcher.clock import SystemClock
from watcher.errors import InputError
from watcher.model import Rule
from watcher.present.route_tables import print_routed, print_routes, routed_json, routes_json
from watcher.settings import Settings
from watcher.settings.effective import default_channels
from watcher.settings.effective_routes import route_tree
from watcher.settings.formats import parse_start
from watcher.usecases.explain_event import index_and_id, is_in_file
from watcher.usecases.named_rules import NamedCorrelation, find_any_rule
from watcher.usecases.route_correlation import route_correlated_events
from watcher.usecases.route_event import RoutedEvent, route_file_event


class RoutesAction(StrEnum):
    """What to do with the routes."""

    TEST = "test"


def routes(  # noqa: PLR0913 - the options of the command line
    action: Annotated[RoutesAction | None, typer.Argument(help="`test` shows the path of an event's alert.")] = None,
    *,
    settings_file: SettingsFile = None,
    rule: Annotated[
        str | None, typer.Option(help="With `test`: rule file, or the id, title or path of a rule of settings.")
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            "-e",
            help="With `test`: a file, FILE:LINE, `-` (standard input) or index/_id of the cluster; "
            "may be repeated for a correlation rule.",
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="With `test`: when the alert is opened, with a time zone (default: now).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the tree of routes, or show which route an alert takes.

    `watcher routes test` shows each step with its reason, and the receivers: what a run would do at that time.
    Inhibitions and silences depend on other alerts, and are not shown.
    """
    settings = read_settings(settings_file)
    if action is None:
        _draw(settings, as_json=as_json)
        return
    if rule is None or not events:
        raise InputError("the path of an alert depends on its event", fix="pass `--rule` and `--event`")
    routed = _routed(rule, events, at, settings)
    if as_json:
        write_json([routed_json(item) for item in routed])
    else:
        print_routed(terminal(), routed)


def _draw(settings: Settings, *, as_json: bool) -> None:
    tree = route_tree(settings)
    if as_json:
        write_json(routes_json(tree))
    else:
        print_routes(terminal(), tree, default_channels(settings))


def _routed(name: str, events: Sequence[str], at: str | None, settings: Settings) -> tuple[RoutedEvent, ...]:
    try:
        moment = SystemClock().now() if at is None else parse_start(at)
    except ValueError as fault:
        raise InputError(f"`--at {at}`: {fault}", fix="write it as `2026-11-28T20:00:00+01:00`") from fault
    named = find_any_rule(name, settings)
    if isinstance(named, NamedCorrelation):
        return route_correlated_events(explain_events(named, events, settings), settings, at=moment)
    if len(events) > 1:
        raise InputError(
            f"`{named.title}` matches single events, and {len(events)} are named",
            fix="name one of them; correlation rules take several",
        )
    return _routed_event(named, events[0], moment, settings)


def _routed_event(rule: Rule, event: str, moment: datetime, settings: Settings) -> tuple[RoutedEvent, ...]:
    if is_in_file(event):
        return route_file_event(rule, event, settings, at=moment)
    index_and_id(event)  # a wrong reference is reported before a cluster that does not answer
    with open_watcher(settings) as app:
        return app.route_event(rule, event, at=moment)

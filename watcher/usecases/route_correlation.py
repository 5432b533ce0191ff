"""Where the alerts of a correlation rule go: the routes that a run would take, for the hits of some events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from watcher.alerts.correlated_hits import alert_of, correlated_hit
from watcher.alerts.grouping import GroupedHit, alerts_of_hits
from watcher.errors import InputError
from watcher.match.event_view import EventView
from watcher.model.correlation_hits import CorrelationHit
from watcher.routes import alert_labels
from watcher.routes.routing import route_alert
from watcher.settings import Settings
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.settings.effective_routes import route_tree
from watcher.usecases.explain_correlated_events import ExplainedEvents
from watcher.usecases.route_event import RoutedEvent


def route_correlated_events(explained: ExplainedEvents, settings: Settings, *, at: datetime) -> tuple[RoutedEvent, ...]:
    """Return the route of each alert that the events would open, as events of the first source of settings.

    Raises InputError where they open none.
    """
    rule = explained.named.rule
    effective = rule_settings(rule, settings)
    alerts = alerts_of_hits(rule, effective, _grouped(explained, effective), origin="live")
    if not alerts:
        raise InputError(
            f"the events open no alert of `{rule.title}`",
            fix="name all events that it counts; `watcher explain` with the same events shows its windows",
        )
    tree, source = route_tree(settings), settings.sources[0].name
    routed = []
    for alert in alerts:
        labels = alert_labels(alert, source)
        routing = route_alert(labels, at=at, tree=tree, default=alert.channels)
        routed.append(RoutedEvent(source=source, at=at, labels=labels, routing=routing))
    return tuple(routed)


def _grouped(explained: ExplainedEvents, effective: RuleSettings) -> Iterator[GroupedHit]:
    """Yield the hits of the correlation rule, each with the last event that it counts."""
    named = explained.named
    for hit in explained.correlated.hits:
        view = _last_event(hit, explained)
        yield correlated_hit(hit, named.rule, alert_of(hit, effective), view, named.plan.titles)


def _last_event(hit: CorrelationHit, explained: ExplainedEvents) -> EventView:
    number = hit.completing.event_id
    # a listed group of an absence may have no event
    return explained.events[int(number)].view if hit.completing.index else EventView({})

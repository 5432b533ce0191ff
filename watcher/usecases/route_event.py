"""Where the alert of an event goes: the route that a run would take at a time, by the same functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.alerts.grouping import alerts_of_hits, group
from watcher.errors import InputError
from watcher.match.event_view import EventView
from watcher.model import Alert, EventDocument, Rule
from watcher.routes import Labels, alert_labels
from watcher.routes.routing import Routing, route_alert
from watcher.ruletests.referenced_test import referenced_test
from watcher.ruletests.suites import event_of
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.settings.effective_routes import route_tree
from watcher.sigma.rule_test_files import is_test_file
from watcher.taxonomy.logsources import events_of
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import paths_of
from watcher.usecases.explain_event import index_and_id, numbered_file, read_event

if TYPE_CHECKING:
    from watcher.components import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedEvent:
    """The route of the alert that an event of a source would open."""

    source: str
    at: datetime  # when the alert would be opened
    labels: Labels
    routing: Routing


def route_file_event(rule: Rule, reference: str, settings: Settings, *, at: datetime) -> tuple[RoutedEvent, ...]:
    """Return the route of an event of a file, `FILE:LINE`, or standard input (`-`), for every source of settings.

    Raises InputError where there is no such event, or several that the reference fits.
    """
    path, line = numbered_file(reference) or (Path(reference), None)
    if not is_test_file(path):
        document = EventDocument(index="", id=reference, event=read_event(reference))
        documents = [(source, document) for source in settings.sources]
    else:
        test = referenced_test(path, line)
        documents = [
            (source, EventDocument(index="", id=reference, event=event))
            for source in settings.sources
            for event in (event_of(test, events_of(rule.logsource, source.logsources)),)
        ]
    return tuple(
        _route(rule, document, EventView(document.event, source.fields), settings, source=source, at=at)
        for source, document in documents
    )


def route_stored_event(rule: Rule, reference: str, components: Components, *, at: datetime) -> tuple[RoutedEvent, ...]:
    """Return the route of an event of the cluster, `index/_id`, for every source of settings."""
    index, name = index_and_id(reference)
    (stored,) = components.connections.events.state().get([(index, name)])
    if stored is None:
        raise InputError(f"the index `{index}` holds no event `{name}`", fix="copy `_index` and `_id` of the event")
    document = EventDocument(index=stored.index, id=stored.id, event=stored.document)
    routed = []
    for source in components.settings.sources:
        reader = EventReader(source, components.events().mapping(source.index, paths_of((rule,), source)))
        view = reader.view(document)
        routed.append(_route(rule, document, view, components.settings, source=source, at=at))
    return tuple(routed)


def _route(  # noqa: PLR0913 - an event, its rule, and what decides about its alert
    rule: Rule, document: EventDocument, view: EventView, settings: Settings, *, source: Source, at: datetime
) -> RoutedEvent:
    alert = _alert(rule, document, view, settings)
    labels = alert_labels(alert, source.name)
    routing = route_alert(labels, at=at, tree=route_tree(settings), default=alert.channels)
    return RoutedEvent(source=source.name, at=at, labels=labels, routing=routing)


def _alert(rule: Rule, document: EventDocument, view: EventView, settings: Settings) -> Alert:
    """Return the alert that an event would open; one without a time gets a time that routes do not ask for."""
    effective = rule_settings(rule, settings)
    if not view.at("@timestamp"):
        timed = {**document.event, "@timestamp": _NO_TIME}
        document, view = replace(document, event=timed), EventView(timed)
    (alert,) = alerts_of_hits(rule, effective, [group(rule, effective, document, view)], origin="live")
    return alert


_NO_TIME = "1970-01-01T00:00:00Z"

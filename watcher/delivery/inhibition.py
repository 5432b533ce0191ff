"""Inhibition: alerts that are held back while there is an alert of a higher level with equal labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher.delivery.restored_alert import restore_alert
from watcher.model import Level, Query
from watcher.ports import DocumentReader, StateQuery
from watcher.routes import Labels, alert_labels
from watcher.routes.label_matchers import LEVEL
from watcher.routes.route_tree import Inhibition
from watcher.routes.routing import inhibits
from watcher.timestamps import format_timestamp

_MOST = 500  # alerts that may hold others back; of more, the oldest hold back nothing
_FRESH = timedelta(seconds=5)  # for how long what was read counts


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitingAlert:
    """An alert that may hold others back."""

    id: str
    opened: datetime
    labels: Labels


@dataclass(slots=True, kw_only=True)
class Inhibitor:
    """Decides which alerts are held back, by the alerts of the state that are not closed."""

    documents: DocumentReader
    prefix: str
    inhibitions: Sequence[Inhibition] = ()
    _read: datetime | None = field(default=None, init=False)
    _alerts: tuple[InhibitingAlert, ...] = field(default=(), init=False)

    def reason(self, alert: str, labels: Labels, *, now: datetime) -> str:
        """Return what holds an alert with an id back, as a clause; empty where nothing does."""
        for inhibition in self.inhibitions:
            for source in self._sources(now):
                is_near = source.opened > now - inhibition.within
                if is_near and source.id != alert and inhibits(inhibition, source.labels, labels):
                    return f"inhibited by the {source.labels[LEVEL][0]} alert {source.id}"
        return ""

    def _sources(self, now: datetime) -> tuple[InhibitingAlert, ...]:
        if self._read is None or not now - _FRESH < self._read <= now:
            self._alerts, self._read = tuple(self._search(now)), now
        return self._alerts

    def _search(self, now: datetime) -> Iterator[InhibitingAlert]:
        since = now - max(inhibition.within for inhibition in self.inhibitions)
        filters: list[Query] = [
            {"range": {"event.created": {"gte": format_timestamp(since)}}},
            {"terms": {"watcher.rule.level": _source_levels(self.inhibitions)}},
        ]
        query = {"bool": {"filter": filters, "must_not": [{"term": {"watcher.alert.state": "closed"}}]}}
        newest = ({"event.created": "desc"}, {"watcher.alert.id": "asc"})
        pattern = f"{self.prefix}-alerts-*"
        for stored in self.documents.search(StateQuery(index=pattern, query=query, size=_MOST, sort=newest)):
            alert = restore_alert(stored)
            if alert.opened is not None:
                yield InhibitingAlert(id=alert.id, opened=alert.opened, labels=alert_labels(alert))


def _source_levels(inhibitions: Sequence[Inhibition]) -> list[str]:
    """Return the levels of which an alert may hold others back."""
    return [
        str(level)
        for level in Level
        if any(
            all(matcher.matches({LEVEL: (str(level),)}) for matcher in inhibition.sources if matcher.label == LEVEL)
            for inhibition in inhibitions
        )
    ]

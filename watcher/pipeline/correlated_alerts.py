"""Hits of correlations → the hits that open alerts or join them, with their last event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter

from watcher.alerts.correlated_hits import alert_of, correlated_hit
from watcher.alerts.grouping import GroupedHit
from watcher.alerts.stored_event import stored_event
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.match.event_view import EventView
from watcher.model import EventDocument, RuleMetadata
from watcher.model.correlation_hits import CorrelationHit
from watcher.pipeline.detection_scope import PreparedCorrelation
from watcher.ports import DocumentReader
from watcher.timestamps import moment_at

_READ_TOGETHER = 500  # events that hits are recorded with


@dataclass(frozen=True, slots=True)
class CorrelatedAlerts:
    """What makes alerts of the hits of correlations."""

    plan: CorrelationPlan
    rules: Mapping[str, PreparedCorrelation]  # by id of the correlation rule
    events: DocumentReader

    def grouped(
        self, completed: Sequence[CorrelationHit], since: Mapping[str, datetime]
    ) -> Iterator[tuple[RuleMetadata, Sequence[GroupedHit]]]:
        """Yield the hits that alert by correlation rule, some at a time, in the order of their times.

        `since` is the time before which a correlation rule has no hits.
        """
        alerting = [hit for hit in completed if self._alerts(hit, since.get(hit.rule_id))]
        for rule_id, hits in groupby(sorted(alerting, key=_order), key=attrgetter("rule_id")):
            prepared = self.rules[rule_id]
            while some := tuple(islice(hits, _READ_TOGETHER)):
                yield (
                    prepared.rule,
                    [
                        correlated_hit(hit, prepared.rule, alert_of(hit, prepared.effective), view, self.plan.titles)
                        for hit, view in zip(some, self._views(some), strict=True)
                    ],
                )

    def _alerts(self, hit: CorrelationHit, since: datetime | None) -> bool:
        return hit.rule_id in self.plan.alerting and (since is None or moment_at(hit.time) >= since)

    def _views(self, hits: Sequence[CorrelationHit]) -> Iterator[EventView]:
        """Yield the last event of each hit, as it is stored; an empty one where it was deleted meanwhile."""
        last = [hit.completing for hit in hits]
        keys = list(dict.fromkeys((base.index, base.event_id) for base in last if base.index))
        documents = dict(zip(keys, self.events.get(keys) if keys else (), strict=True))
        for base in last:
            stored = documents.get((base.index, base.event_id))  # a listed group may have no event
            event = {} if stored is None else stored.document
            yield EventView(stored_event(EventDocument(index=base.index, id=base.event_id, event=event)))


def _order(hit: CorrelationHit) -> tuple[str, int, str]:
    return hit.rule_id, hit.time, hit.hit_id

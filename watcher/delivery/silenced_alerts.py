"""Counts of the alerts that silences held back, from the deliveries themselves: nothing is counted twice or lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watcher.model import Query
from watcher.ports import DocumentReader
from watcher.state.visible_writes import refresh_where_allowed
from watcher.timestamps import format_timestamp

_REASON = "watcher.deliveries.reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencedCounts:
    """What one silence held back."""

    alerts: int
    rules: Mapping[str, int]  # title → alerts, the most first
    hosts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SilencedAlerts:
    """Counts alerts whose deliveries are silenced; one whose message was sent later counts no more."""

    documents: DocumentReader
    prefix: str = "watcher"

    def totals(self) -> Mapping[str, int]:
        """Return the number of alerts by the answer of their silence."""
        refresh_where_allowed(self.documents, self._alerts)
        silenced: Query = {"term": {"watcher.deliveries.state": "silenced"}}
        return self.documents.counts(self._alerts, silenced, _REASON)

    def of(self, answer: str, *, since: datetime | None = None) -> SilencedCounts:
        """Return what a silence held back, of the alerts that were opened since a time or of all."""
        refresh_where_allowed(self.documents, self._alerts)
        filters: list[Query] = [{"term": {_REASON: answer}}, {"term": {"watcher.deliveries.state": "silenced"}}]
        if since is not None:
            filters.append({"range": {"event.created": {"gte": format_timestamp(since)}}})
        query: Query = {"bool": {"filter": filters}}
        return SilencedCounts(
            alerts=self.documents.count(self._alerts, query),
            rules=self._counts(query, "rule.name"),
            hosts=self._counts(query, "host.name"),
        )

    @property
    def _alerts(self) -> str:
        return f"{self.prefix}-alerts-*"

    def _counts(self, query: Query, field: str) -> Mapping[str, int]:
        counts = self.documents.counts(self._alerts, query, field)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

"""Counts the alerts of a rule before an alert: three counts, whatever the size of the state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from watcher.errors import ClusterError
from watcher.model import PriorAlerts, Query
from watcher.ports import DocumentReader, StoredDocument
from watcher.timestamps import format_timestamp, parse_timestamp

log = structlog.get_logger(__name__)

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PriorAlertCounts:
    """Counts the prior alerts of stored alerts."""

    documents: DocumentReader
    prefix: str = "watcher"

    def __call__(self, stored: StoredDocument) -> PriorAlerts | None:
        """Return the counts; None where they cannot be read: a message is sent without them."""
        document = stored.document
        opened = parse_timestamp(str((document.get("event") or {}).get("created") or ""))
        if opened is None:
            return None
        rule: Query = {"term": {"rule.id": str(document["rule"]["id"])}}
        before: Query = {"range": {"event.created": {"lt": format_timestamp(opened)}}}
        in_week: Query = {"range": {"event.created": {"gte": format_timestamp(opened - WEEK)}}}
        host = str((document.get("host") or {}).get("name") or "")
        on_host: Query = {"term": {"host.name": host}}
        try:
            anywhere = self._count(rule, before)
            of_host = self._count(rule, before, on_host) if anywhere and host else 0
            recent = self._count(rule, before, on_host, in_week) if of_host else 0
        except ClusterError as fault:
            log.warning("alert.prior_unknown", alert=stored.id, error=str(fault))
            return None
        return PriorAlerts(anywhere=anywhere, on_host=of_host, in_week=recent)

    def _count(self, *filters: Query) -> int:
        return self.documents.count(f"{self.prefix}-alerts-*", {"bool": {"filter": list(filters)}})

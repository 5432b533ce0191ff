"""Alerts and hits in the state: each is created once, whichever process finds it and however often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from watcher.alerts.alert_documents import (
    alert_document,
    hit_document,
    monthly_index,
    without_event,
    without_event_fields,
)
from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_joins import AlertJoins, Joining
from watcher.alerts.alert_pages import NEWEST, PAGE, each_alert
from watcher.model import Alert, AlertKind, Hit
from watcher.ports import Documents, NewDocument, StateQuery, StoredDocument
from watcher.state.visible_writes import refresh_where_allowed

log = structlog.get_logger(__name__)

_ALL = AlertFilter()

EnsureIndex = Callable[[str], None]
"""Raises a ClusterError if an index neither exists nor has a template."""


def _assume_index(_index: str) -> None:
    """Assume that an index may be created."""


def _complete(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document


_REDUCTIONS = (_complete, without_event_fields, without_event)
"""What is created of a document: less of the event where the engine refused more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedHit:
    """A hit that the state does not accept, or whose alert it does not accept."""

    hit: Hit
    error: str

    def __str__(self) -> str:
        return (
            f"the state refuses the hit on `{self.hit.event_id}` of `{self.hit.index}`: {self.error}; "
            "call `watcher setup`, then it is searched again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResult:
    """The outcome of recording hits."""

    hits: int = 0  # recorded for the first time
    alerts: tuple[str, ...] = ()  # ids of the alerts that were opened
    refused: tuple[RefusedHit, ...] = ()  # that are not recorded

    def __add__(self, other: RecordResult) -> RecordResult:
        return RecordResult(
            hits=self.hits + other.hits, alerts=self.alerts + other.alerts, refused=self.refused + other.refused
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Created:
    """The outcome of creating documents."""

    new: tuple[str, ...] = ()  # ids
    refused: Mapping[str, str] = field(default_factory=dict)  # id → why


@dataclass(frozen=True, slots=True)
class AlertStore:
    """The alerts and hits of the state, written with create-only requests."""

    documents: Documents
    prefix: str = "watcher"
    store: str = "whole"
    ensure_index: EnsureIndex = _assume_index  # called before documents are created in an index

    def unknown(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """Return the hits that are not recorded yet, by this version or an older one; the others open nothing."""
        keys = [self._hit_keys(hit) for hit in hits]
        if not keys:
            return ()
        every = [key for own in keys for key in own]
        recorded = {key for key, exists in zip(every, self.documents.exist(every), strict=True) if exists}
        return tuple(hit for hit, own in zip(hits, keys, strict=True) if recorded.isdisjoint(own))

    def _hit_keys(self, hit: Hit) -> tuple[tuple[str, str], ...]:
        index = monthly_index(self.prefix, "hits", hit.time)
        return tuple((index, hit_id) for hit_id in (hit.id, hit.former_id) if hit_id)

    def record(self, alerts: Sequence[Alert], hits: Sequence[Hit], *, now: datetime) -> RecordResult:
        """Open alerts with their deliveries, then record the hits; in this order, so that a crash between loses none.

        An alert that exists counts the hits that join it, and what is new about them is an update. One that a backfill
        opened without deliveries gets those of a live hit. A document that the engine refuses is created again with
        less of the event; where it is refused even so, its hit is named and not recorded, and the others are.
        """
        by_alert: dict[str, list[Hit]] = {}
        for hit in hits:
            by_alert.setdefault(hit.alert, []).append(hit)
        opened = self._create([self._draft(alert, by_alert.get(alert.id, ()), now) for alert in alerts])
        AlertJoins(self.documents, self.prefix).join(
            [
                Joining(index=self._index_of(alert), alert=alert, hits=tuple(by_alert.get(alert.id, ())))
                for alert in alerts
                if alert.id not in opened.new and alert.id not in opened.refused
            ],
            now=now,
        )
        new = self._create(
            [
                NewDocument(
                    index=monthly_index(self.prefix, "hits", hit.time),
                    id=hit.id,
                    document=hit_document(hit, store=self.store),
                )
                for hit in hits
                if hit.alert not in opened.refused  # recorded, it would never open its alert
            ]
        )
        recorded = frozenset(new.new)
        errors = {**opened.refused, **new.refused}
        refused = [hit for hit in hits if hit.alert in opened.refused or hit.id in new.refused]
        return RecordResult(
            hits=sum(hit.kind is AlertKind.MATCH for hit in hits if hit.id in recorded),
            alerts=opened.new,
            refused=tuple(RefusedHit(hit=hit, error=errors.get(hit.id) or errors[hit.alert]) for hit in refused),
        )

    def alerts(self, *, size: int, selected: AlertFilter = _ALL) -> tuple[StoredDocument, ...]:
        """Return the newest alerts that a filter selects."""
        pattern = self._refreshed_alerts()
        return tuple(self.documents.search(StateQuery(index=pattern, query=selected.query, size=size, sort=NEWEST)))

    def each_alert(self, selected: AlertFilter = _ALL, *, only: Sequence[str] = ()) -> Iterator[StoredDocument]:
        """Yield all alerts that a filter selects, the newest first; `only` are the paths that are read."""
        pattern = self._refreshed_alerts()
        pages = StateQuery(index=pattern, query=selected.query, size=PAGE, sort=NEWEST, only=only)
        return each_alert(self.documents, pages)

    def alert(self, alert_id: str) -> StoredDocument | None:
        """Return the alert of an id, or None."""
        pattern = self._refreshed_alerts()
        query = {"ids": {"values": [alert_id]}}
        return next(iter(self.documents.search(StateQuery(index=pattern, query=query, size=1))), None)

    def _refreshed_alerts(self) -> str:
        """Return the pattern of the alerts, refreshed where the user may."""
        pattern = f"{self.prefix}-alerts-*"
        refresh_where_allowed(self.documents, pattern)
        return pattern

    def _index_of(self, alert: Alert) -> str:
        return monthly_index(self.prefix, "alerts", alert.slot)

    def _draft(self, alert: Alert, hits: Sequence[Hit], now: datetime) -> NewDocument:
        document = alert_document(alert, now=now, hits=hits)
        return NewDocument(index=self._index_of(alert), id=alert.id, document=document)

    def _create(self, drafts: Sequence[NewDocument]) -> _Created:
        for index in sorted({draft.index for draft in drafts}):
            self.ensure_index(index)
        new: list[str] = []
        refused: dict[str, str] = {}
        remaining = list(drafts)
        for reduced in _REDUCTIONS:
            if not remaining:
                break
            outcomes = self.documents.create([replace(draft, document=reduced(draft.document)) for draft in remaining])
            new += [outcome.id for outcome in outcomes if outcome.new]
            refused = {outcome.id: outcome.error for outcome in outcomes if outcome.error}
            remaining = [draft for draft in remaining if draft.id in refused]
            for document_id, error in refused.items():
                log.warning("state.refused", id=document_id, error=error)
        return _Created(new=tuple(new), refused=refused)

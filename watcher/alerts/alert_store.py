"""Alerts and their hits: each written once, whoever finds them and however often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from watcher.alerts.alert_documents import (
    alert_document,
    hit_document,
    monthly_index,
    pending_deliveries,
    without_event_fields,
)
from watcher.errors import Refused
from watcher.model import Alert, Hit
from watcher.ports import NewDocument, PartialUpdate, State, StateQuery, StoredDocument

log = structlog.get_logger(__name__)


EnsureIndex = Callable[[str], None]
"""Raises a ClusterError where an index neither is there nor has a template."""


def _assume_index(_index: str) -> None:
    """Take it for granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordResult:
    """What some hits came to."""

    hits: int = 0  # new ones
    alerts: tuple[str, ...] = ()  # ids of those that were opened

    def __add__(self, other: RecordResult) -> RecordResult:
        return RecordResult(hits=self.hits + other.hits, alerts=self.alerts + other.alerts)


@dataclass(frozen=True, slots=True)
class AlertStore:
    """The alerts and hits of the state, behind conditional writes."""

    state: State
    prefix: str = "watcher"
    store: str = "whole"
    ensure_index: EnsureIndex = _assume_index  # asked before documents are created in an index

    def unknown(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """Give the hits that are not recorded yet; what is recorded opens nothing."""
        if not hits:
            return ()
        found = self.state.get([(monthly_index(self.prefix, "hits", hit.time), hit.id) for hit in hits])
        return tuple(hit for hit, stored in zip(hits, found, strict=True) if stored is None)

    def record(self, alerts: Sequence[Alert], hits: Sequence[Hit], *, now: datetime) -> RecordResult:
        """Open alerts with what they owe, then record their hits: in this order, so that a crash between loses none.

        What exists already stays as it is, but for an alert that a backfill opened and that owes nobody: a live hit
        adds what it owes. A document that the engine refuses is written again as text alone.
        """
        opened = self._create(
            [
                NewDocument(index=self._home(alert), id=alert.id, document=alert_document(alert, now=now))
                for alert in alerts
            ]
        )
        self._owe([alert for alert in alerts if alert.id not in opened and alert.origin == "live"], now=now)
        new = self._create(
            [
                NewDocument(
                    index=monthly_index(self.prefix, "hits", hit.time),
                    id=hit.id,
                    document=hit_document(hit, store=self.store),
                )
                for hit in hits
            ]
        )
        return RecordResult(hits=len(new), alerts=opened)

    def alerts(self, *, size: int) -> tuple[StoredDocument, ...]:
        """Give the newest alerts."""
        pattern = f"{self.prefix}-alerts-*"
        self.state.refresh(pattern)
        newest = ({"@timestamp": "desc"}, {"watcher.alert.id": "asc"})
        return tuple(self.state.search(StateQuery(index=pattern, query={"match_all": {}}, size=size, sort=newest)))

    def _home(self, alert: Alert) -> str:
        return monthly_index(self.prefix, "alerts", alert.slot)

    def _owe(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        """Let alerts that a backfill opened owe what a live hit of them owes."""
        left = [alert for alert in alerts if alert.channels]
        while left:
            found = self.state.get([(self._home(alert), alert.id) for alert in left])
            silent = [
                (alert, stored)
                for alert, stored in zip(left, found, strict=True)
                if stored is not None and _has_no_deliveries(stored)
            ]
            changes = [
                PartialUpdate(
                    stored=stored,
                    part={"watcher": {"deliveries": pending_deliveries(alert, now=now), "alert": {"origin": "live"}}},
                )
                for alert, stored in silent
            ]
            made = self.state.update(changes) if changes else ()
            left = [alert for (alert, _), after in zip(silent, made, strict=True) if after is None]

    def _create(self, drafts: Sequence[NewDocument]) -> tuple[str, ...]:
        if not drafts:
            return ()
        for index in sorted({draft.index for draft in drafts}):
            self.ensure_index(index)
        outcomes = self.state.create(drafts)
        new = [outcome.id for outcome in outcomes if outcome.new]
        refused = [draft for draft, outcome in zip(drafts, outcomes, strict=True) if outcome.error]
        if refused:
            for outcome in outcomes:
                if outcome.error:
                    log.warning("state.refused", id=outcome.id, error=outcome.error)
            again = self.state.create(
                [
                    NewDocument(index=draft.index, id=draft.id, document=without_event_fields(draft.document))
                    for draft in refused
                ]
            )
            for outcome in again:
                if outcome.error:
                    raise Refused(f"the state refuses a document even as text: {outcome.error}")
                new.extend([outcome.id] if outcome.new else [])
        return tuple(new)


def _has_no_deliveries(stored: StoredDocument) -> bool:
    own = stored.document["watcher"]
    return own["alert"]["origin"] == "backfill" and not own.get("deliveries")

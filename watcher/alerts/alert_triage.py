"""Alerts as people change them: every write is conditional, and repeated on top of what others wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage, TriageResult, triaged
from watcher.alerts.alert_pages import NEWEST, each_alert
from watcher.ports import Documents, PartialUpdate, Progress, StateQuery, StoredDocument, no_progress

_PAGE = 500
_FIELDS = ("watcher.alert", "watcher.history", "watcher.deliveries", "watcher.rule.level", "rule.name", "host.name")

Part = Mapping[str, Any]
Also = Callable[[StoredDocument], Part]
"""A stored alert that changes → what else is written under `watcher` in the same write."""


def _nothing(_stored: StoredDocument) -> Part:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TriagedAlert:
    """What an action did to an alert."""

    alert: StoredDocument  # as it was selected
    result: TriageResult


@dataclass(frozen=True, slots=True)
class AlertTriage:
    """Selects alerts, and changes their status and history."""

    documents: Documents
    prefix: str = "watcher"
    also: Also = _nothing

    def select(self, selected: AlertFilter, *, most: int) -> tuple[StoredDocument, ...]:
        """Return the alerts that a filter selects, the newest first and `most` at the most, without their events."""
        pattern = f"{self.prefix}-alerts-*"
        self.documents.refresh(pattern)
        pages = StateQuery(index=pattern, query=selected.query, size=_PAGE, sort=NEWEST, only=_FIELDS)
        return tuple(islice(each_alert(self.documents, pages), most))

    def change(
        self, alerts: Sequence[StoredDocument], triage: Triage, *, now: datetime, progress: Progress = no_progress
    ) -> tuple[TriagedAlert, ...]:
        """Do an action to alerts, and return what it did to each, in their order."""
        return self.change_each([(alert, triage) for alert in alerts], now=now, progress=progress)

    def change_each(
        self, actions: Sequence[tuple[StoredDocument, Triage]], *, now: datetime, progress: Progress = no_progress
    ) -> tuple[TriagedAlert, ...]:
        """Do an action of its own to each alert, and return what it did, in their order."""
        results: dict[str, TriageResult] = {}
        for start in range(0, len(actions), _PAGE):
            progress(start, len(actions))
            results |= self._change(actions[start : start + _PAGE], now)
        progress(len(actions), len(actions))
        return tuple(TriagedAlert(alert=alert, result=results[alert.id]) for alert, _ in actions)

    def _change(self, actions: Sequence[tuple[StoredDocument, Triage]], now: datetime) -> dict[str, TriageResult]:
        by_alert = {alert.id: triage for alert, triage in actions}
        results: dict[str, TriageResult] = {}
        remaining = [alert for alert, _ in actions]
        while remaining:
            changes: list[PartialUpdate] = []
            for stored in remaining:
                results[stored.id], part = triaged(stored.document, by_alert[stored.id], now=now)
                if part:
                    written = {"watcher": {**part, **self.also(stored)}}
                    changes.append(PartialUpdate(stored=stored, part=written))
            conflicts = [
                change.stored
                for change, after in zip(changes, self.documents.update(changes) if changes else (), strict=True)
                if after is None
            ]
            remaining = list(self._read_again(conflicts, results))
        return results

    def _read_again(
        self, conflicts: Sequence[StoredDocument], results: dict[str, TriageResult]
    ) -> Iterator[StoredDocument]:
        """Yield alerts that another process changed as they are now; those that were deleted are missing."""
        current = self.documents.get([(stored.index, stored.id) for stored in conflicts]) if conflicts else ()
        for stored, after in zip(conflicts, current, strict=True):
            if after is None:
                results[stored.id] = TriageResult.MISSING
            else:
                yield after

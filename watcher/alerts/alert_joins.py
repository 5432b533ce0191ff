"""Hits that join stored alerts: each counts once and is in one message, whichever process joins it.

An alert is changed before its new hits are recorded, and remembers which ones it counted. A crash between the two
changes nothing: the hits come again, and are counted already. Every write is conditional, so two sidecars that join
the same hits count them once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from watcher.alerts.alert_documents import correlation_values, joined_evidence, joined_values, pending_deliveries
from watcher.alerts.joining import hit_key, joined, stored_hits
from watcher.alerts.shown_counts import with_counts_due
from watcher.errors import Refused
from watcher.model import Alert, Hit, JoinedHits, RoutedReceiver
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.ports import Documents, PartialUpdate, StoredDocument
from watcher.timestamps import format_timestamp

log = structlog.get_logger(__name__)

_DONE = frozenset({"sent", "failed", "silenced", "inhibited"})  # states of deliveries that an update makes due again
_HELD_BACK = frozenset({"silenced"})  # states that any further hit makes pending again


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Hits that join an alert which exists."""

    index: str
    alert: Alert  # as it would have been opened by them
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class AlertJoins:
    """Changes stored alerts by the hits that join them."""

    documents: Documents
    prefix: str = "watcher"

    def join(self, joinings: Sequence[Joining], *, now: datetime) -> None:
        """Join hits; where another process writes to an alert meanwhile, it is read and changed again."""
        remaining = list(joinings)
        while remaining:
            stored = self.documents.get([(joining.index, joining.alert.id) for joining in remaining])
            pairs = [(joining, alert) for joining, alert in zip(remaining, stored, strict=True) if alert is not None]
            # after the alerts are read: what another process recorded since is counted in what it wrote to them
            recorded = self._recorded(pairs)
            changed = [
                (joining, PartialUpdate(stored=alert, part={"watcher": part}))
                for joining, alert in pairs
                if (part := _changes(joining, alert, recorded, now))
            ]
            written = self._write([change for _, change in changed])
            remaining = [joining for (joining, _), after in zip(changed, written, strict=True) if after is None]

    def _recorded(self, pairs: Sequence[tuple[Joining, StoredDocument]]) -> frozenset[str]:
        """Return which of the hits, and of those that the alerts counted last, are recorded."""
        keys = {hit_key(hit) for joining, _ in pairs for hit in joining.hits}
        keys |= {key for _, alert in pairs for key in _recent(alert)}
        ordered = sorted(keys)
        exist = self.documents.exist([self._document(key) for key in ordered]) if ordered else ()
        return frozenset(key for key, exists in zip(ordered, exist, strict=True) if exists)

    def _document(self, key: str) -> tuple[str, str]:
        month, _, hit_id = key.partition("/")
        return f"{self.prefix}-hits-{month}", hit_id

    def _write(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        """Write changes; where the engine refuses what events wrote, the numbers alone."""
        try:
            return self.documents.update(changes) if changes else ()
        except Refused as fault:
            log.warning("alert.join_refused", alerts=[change.stored.id for change in changes], error=str(fault))
            return self.documents.update([_numbers_alone(change) for change in changes])


def _changes(joining: Joining, stored: StoredDocument, recorded: Collection[str], now: datetime) -> dict[str, Any]:
    """Return what changes in an alert under `watcher`; nothing where it counted the hits already."""
    part: dict[str, Any] = {}
    if joining.alert.origin == "live" and joining.alert.channels and _has_no_deliveries(stored):
        part = {"deliveries": pending_deliveries(joining.alert, now=now), "alert": {"origin": "live"}}
    before = stored_hits(stored.document)
    after = joined(before, joining.hits, closed=_closed(stored), recorded=recorded)
    if after is before:
        return part
    states = _DONE if len(after.updates) > len(before.updates) else _HELD_BACK
    if not part and any(entry["state"] in states for entry in _deliveries(stored)):
        part = {"deliveries": _due_again(stored, states, now)}
    entries = part.get("deliveries") or _deliveries(stored)
    shown = with_counts_due(entries, history=len(stored.document["watcher"].get("history") or ()), now=now)
    if shown != list(entries):
        part = {**part, "deliveries": shown}
    return {**part, **joined_values(after), **correlation_values(joined_evidence(_evidence(stored), joining.hits))}


def _evidence(stored: StoredDocument) -> CorrelationEvidence | None:
    counted = stored.document["watcher"].get("correlation")
    return CorrelationEvidence.from_document(counted) if counted else None


def _deliveries(stored: StoredDocument) -> Sequence[Mapping[str, Any]]:
    return stored.document["watcher"].get("deliveries") or ()


def _due_again(stored: StoredDocument, states: Collection[str], now: datetime) -> list[Mapping[str, Any]]:
    """Return the deliveries of an alert for an update: what ended is due again, and no part of a digest.

    A message that is not sent yet will contain the update. One that is being sent becomes due when it is marked as
    sent. Recipients that were tried on their own get the update with all others. A message that a silence held back is
    due after any hit: it is held back again, or sent where the silence is over.
    """
    return [
        {**{key: value for key, value in entry.items() if key not in ("digest_id", "error")}, **_pending(entry, now)}
        if entry["state"] in states and "/" not in entry["channel"]
        else entry
        for entry in _deliveries(stored)
    ]


def _pending(entry: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    receiver = RoutedReceiver.from_document(str(entry["channel"]), entry.get("plan") or {})
    return {"state": "pending", "attempts": 0, "due": format_timestamp(receiver.update_due(now))}


def _numbers_alone(change: PartialUpdate) -> PartialUpdate:
    before = stored_hits(change.stored.document)
    own = change.part["watcher"]
    if "joined" not in own:
        return change
    numbers: JoinedHits = replace(
        before,
        count=own["joined"]["count"],
        further=before.further + 1,
        recent=tuple(own["joined"]["recent"]),
    )
    return replace(change, part={"watcher": {"joined": numbers.as_document()}})


def _recent(stored: StoredDocument) -> Sequence[str]:
    recent = (stored.document["watcher"].get("joined") or {}).get("recent") or ()
    return list(map(str, recent))


def _closed(stored: StoredDocument) -> str:
    """Return when a person closed the alert, empty where it is not closed."""
    alert = stored.document["watcher"]["alert"]
    return str(alert.get("changed") or "") if alert.get("state") == "closed" else ""


def _has_no_deliveries(stored: StoredDocument) -> bool:
    own = stored.document["watcher"]
    return own["alert"]["origin"] == "backfill" and not own.get("deliveries")

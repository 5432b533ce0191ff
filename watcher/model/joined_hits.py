"""The hits of an alert: how many, since when, and whom and what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from watcher.model.event_summary import EventSummary
from watcher.model.matched_fields import MatchedField

KINDS_OF_VALUES = ("users", "processes", "parents", "agents", "hosts")
"""What an alert lists of its hits."""


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUpdate:
    """A hit that joined an alert and is worth a message: it has a value that no earlier hit had."""

    time: datetime  # of the hit
    index: str
    event_id: str
    news: tuple[tuple[str, str], ...]  # kind of value, value; none where it follows the closing of the alert alone
    summary: EventSummary
    matched: tuple[MatchedField, ...] = ()
    event: str = ""  # as JSON; empty where it is large
    closed: str = ""  # when the alert had been closed, where this is the first hit afterwards

    def as_document(self) -> dict[str, Any]:
        """Return the update as JSON, as it is stored."""
        return {
            "time": _text(self.time),
            "index": self.index,
            "id": self.event_id,
            "news": [{"kind": kind, "value": value} for kind, value in self.news],
            "summary": self.summary.as_document(),
            "matched": [entry.as_document() for entry in self.matched],
            "event": self.event,
            "closed": self.closed,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AlertUpdate:
        """Return the update that `as_document` wrote."""
        return cls(
            time=datetime.fromisoformat(str(document["time"])),
            index=str(document["index"]),
            event_id=str(document["id"]),
            news=tuple((str(entry["kind"]), str(entry["value"])) for entry in document.get("news", ())),
            summary=EventSummary.from_document(document.get("summary") or {}),
            matched=tuple(map(MatchedField.from_document, document.get("matched", ()))),
            event=str(document.get("event") or ""),
            closed=str(document.get("closed") or ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedHits:
    """What an alert knows of all its hits."""

    count: int
    first: datetime
    last: datetime
    values: Mapping[str, tuple[str, ...]]  # kind → distinct values, the oldest first
    unlisted: int = 0  # hits with values that no list had room for
    updates: tuple[AlertUpdate, ...] = ()
    further: int = 0  # hits with new values after the last update that an alert may have
    recent: tuple[str, ...] = field(default=())  # keys of hits that are counted, and perhaps not recorded yet

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON without the updates, as it is stored."""
        values: dict[str, Any] = {kind: list(self.values.get(kind, ())) for kind in KINDS_OF_VALUES}
        return values | {
            "count": self.count,
            "first": _text(self.first),
            "last": _text(self.last),
            "unlisted": self.unlisted,
            "updates": len(self.updates),
            "further": self.further,
            "recent": list(self.recent),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], updates: tuple[Mapping[str, Any], ...]) -> JoinedHits:
        """Return what `as_document` wrote, with the stored updates."""
        return cls(
            count=int(document["count"]),
            first=datetime.fromisoformat(str(document["first"])),
            last=datetime.fromisoformat(str(document["last"])),
            values={kind: tuple(map(str, document.get(kind) or ())) for kind in KINDS_OF_VALUES},
            unlisted=int(document.get("unlisted") or 0),
            updates=tuple(map(AlertUpdate.from_document, updates)),
            further=int(document.get("further") or 0),
            recent=tuple(map(str, document.get("recent") or ())),
        )

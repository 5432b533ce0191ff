"""What a hit of a correlation counted, as alerts and hits store it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_AT_EACH_END = 5  # contributing events that are named, the earliest and the latest
_LARGEST = Decimal(10) ** 300  # larger numbers do not fit the field of an index


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRule:
    """How many events of a base rule were counted."""

    id: str
    title: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributingEvent:
    """An event that was counted."""

    rule: str  # id of the base rule
    time: datetime
    index: str
    event_id: str

    def as_document(self) -> dict[str, Any]:
        """Return the event as JSON, as it is stored."""
        return {"rule": self.rule, "time": _text(self.time), "index": self.index, "id": self.event_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationEvidence:
    """The contributing events of a correlation's hit, or of the fullest hit of an alert."""

    type: str  # of the correlation
    count: int  # of contributing events
    number: Decimal | None  # what the condition compared; None: nothing
    first: datetime  # times of the contributing events
    last: datetime
    rules: tuple[CountedRule, ...] = ()
    events: tuple[ContributingEvent, ...] = ()  # some of them: the earliest and the latest

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON, as it is stored."""
        is_stored = self.number is not None and abs(self.number) < _LARGEST
        return {
            "type": self.type,
            "count": self.count,
            **({"number": float(self.number)} if self.number is not None and is_stored else {}),
            "first": _text(self.first),
            "last": _text(self.last),
            "rules": [{"id": rule.id, "title": rule.title, "count": rule.count} for rule in self.rules],
            "events": [event.as_document() for event in self.events],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> CorrelationEvidence:
        """Return what `as_document` wrote."""
        number = document.get("number")
        return cls(
            type=str(document["type"]),
            count=int(document["count"]),
            number=None if number is None else Decimal(str(number)),
            first=datetime.fromisoformat(str(document["first"])),
            last=datetime.fromisoformat(str(document["last"])),
            rules=tuple(
                CountedRule(id=str(rule["id"]), title=str(rule["title"]), count=int(rule["count"]))
                for rule in document.get("rules") or ()
            ),
            events=tuple(
                ContributingEvent(
                    rule=str(event["rule"]),
                    time=datetime.fromisoformat(str(event["time"])),
                    index=str(event["index"]),
                    event_id=str(event["id"]),
                )
                for event in document.get("events") or ()
            ),
        )

    def joined(self, other: CorrelationEvidence) -> CorrelationEvidence:
        """Return the evidence of an alert that another hit joins: of the fuller one, from the first to the last."""
        events = {(event.rule, event.index, event.event_id): event for event in (*self.events, *other.events)}
        ordered = sorted(events.values(), key=lambda event: (event.time, event.rule, event.event_id))
        middle = min(_AT_EACH_END, len(ordered))
        return replace(
            other if other.count > self.count else self,
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            events=(*ordered[:middle], *ordered[max(middle, len(ordered) - _AT_EACH_END) :]),
        )

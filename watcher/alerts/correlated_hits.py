"""Hits of correlations as alerts group them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher.alerts.grouping import GroupedHit, milliseconds, slot_start
from watcher.digests import digest
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView
from watcher.model import Hit
from watcher.model.correlation_hits import CorrelationHit
from watcher.model.correlation_rules import CorrelationRule
from watcher.settings.effective import RuleSettings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(at: int) -> datetime:
    """Return the moment of some milliseconds since 1970."""
    return _EPOCH + at * timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class AlertPlace:
    """The alert that a hit of a correlation belongs to."""

    alert: str
    slot: datetime


def alert_of(hit: CorrelationHit, effective: RuleSettings) -> AlertPlace:
    """Return the alert of a hit: a digest of the rule, the group and the slot of its time."""
    parts = [text for name, value in hit.group for text in (name, f"={value.casefold()}")]
    slot = slot_start(time_of(hit.time), effective.quiet_period, digest(hit.rule_id, *parts))
    return AlertPlace(digest(hit.rule_id, *parts, str(milliseconds(slot))), slot)


def correlated_hit(hit: CorrelationHit, rule: CorrelationRule, place: AlertPlace, view: EventView) -> GroupedHit:
    """Return a hit of a correlation with its alert; `view` is the last event that it counts."""
    return GroupedHit(
        hit=Hit(
            id=hit.hit_id,
            rule=rule,
            index=hit.completing.index,
            event_id=hit.completing.event_id,
            time=time_of(hit.time),
            event=view.event,
            summary=summarize(view),
            alert=place.alert,
            correlation=hit,
        ),
        alert=place.alert,
        key=tuple(hit.group),
        slot=place.slot,
    )

"""Hits of correlations as alerts group them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.alerts.grouping import GroupedHit, slot_start
from watcher.counted_nouns import counted
from watcher.digests import digest
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView
from watcher.model import Hit
from watcher.model.correlation_evidence import ContributingEvent, CorrelationEvidence, CountedRule
from watcher.model.correlation_hits import MAX_COMBINATIONS, CorrelationHit
from watcher.model.correlation_rules import CorrelationRule
from watcher.settings.effective import RuleSettings
from watcher.timestamps import format_since_1970, milliseconds, moment_at


@dataclass(frozen=True, slots=True)
class AlertPlace:
    """The alert that a hit of a correlation belongs to."""

    alert: str
    slot: datetime


def alert_of(hit: CorrelationHit, effective: RuleSettings) -> AlertPlace:
    """Return the alert of a hit: a digest of the rule, the group and the slot of its time.

    Each absence has an alert of its own, which is resolved when the group is seen again.
    """
    parts = [text for name, value in hit.group for text in (name, f"={value.casefold()}")]
    if hit.is_absence:
        return AlertPlace(digest(hit.rule_id, *parts, "absence", str(hit.time)), moment_at(hit.time))
    slot = slot_start(moment_at(hit.time), effective.quiet_period, digest(hit.rule_id, *parts))
    return AlertPlace(digest(hit.rule_id, *parts, str(milliseconds(slot))), slot)


def correlated_hit(
    hit: CorrelationHit, rule: CorrelationRule, place: AlertPlace, view: EventView, titles: Mapping[str, str]
) -> GroupedHit:
    """Return a hit of a correlation with its alert; `view` is the last event that it counts.

    `titles` are those of the base rules, by id.
    """
    summary = summarize(view)
    return GroupedHit(
        hit=Hit(
            id=hit.hit_id,
            rule=rule,
            index=hit.completing.index,
            event_id=hit.completing.event_id,
            time=moment_at(hit.time),
            event=view.event,
            summary=replace(summary, details=(*_details(hit, titles), *summary.details)),
            alert=place.alert,
            correlation=_evidence(hit, rule, titles),
        ),
        alert=place.alert,
        key=tuple(hit.group),
        slot=place.slot,
    )


def _evidence(hit: CorrelationHit, rule: CorrelationRule, titles: Mapping[str, str]) -> CorrelationEvidence:
    return CorrelationEvidence(
        type=str(rule.section.type),
        count=sum(hit.counts.values()),
        number=hit.number,
        first=moment_at(hit.first),
        last=moment_at(hit.last),
        rules=tuple(
            CountedRule(id=rule_id, title=titles.get(rule_id, rule_id), count=count)
            for rule_id, count in hit.counts.items()
        ),
        events=tuple(
            ContributingEvent(
                rule=sample.rule_id, time=moment_at(sample.time), index=sample.index, event_id=sample.event_id
            )
            for sample in hit.samples
        ),
    )


def _details(hit: CorrelationHit, titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what a correlation counted, as labels and values of messages."""
    yield from hit.group
    if hit.number is not None:
        yield "counted", f"{hit.number:,}"
    if hit.usual is not None:
        yield "usual", f"{hit.usual.normalize():,f}"
    for rule_id, count in hit.counts.items():
        yield titles.get(rule_id, rule_id), counted(count, "event")
    if hit.cut_until is not None or hit.cut_values:
        yield "incomplete", "; ".join(_incomplete(hit))
    yield "first", format_since_1970(hit.first)
    yield "last", format_since_1970(hit.last)
    yield "events", "\n".join(f"{sample.index}/{sample.event_id}" for sample in hit.samples)


def _incomplete(hit: CorrelationHit) -> Iterator[str]:
    """Yield what is not counted."""
    if hit.cut_until is not None:
        yield f"earlier events up to {format_since_1970(hit.cut_until)} are not counted: memory is limited"
    if hit.cut_values:
        yield f"of events with very many values, {MAX_COMBINATIONS:,} combinations are counted"

"""Results of the cases of correlation rules: which alerts were opened, and which were expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.correlate.counted_values import counted_of, counts_values, groups_of
from watcher.match.event_explanation import explain
from watcher.match.event_view import EventView
from watcher.model import Event, Rule
from watcher.model.correlation_hits import CorrelationHit
from watcher.model.correlation_rules import CorrelationRule
from watcher.ruletests.correlated_events import CorrelatedEvents, EventCorrelator, LabelledEvent
from watcher.ruletests.suites import event_of
from watcher.settings import Source
from watcher.sigma.correlation_cases import CaseEvent, CorrelationCase, ExpectedAlert
from watcher.taxonomy.logsources import events_of
from watcher.timestamps import format_milliseconds, milliseconds, moment_at

_Group = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAlert:
    """An alert that a correlation opens in a case: the hits of a group that follow each other."""

    group: Mapping[str, str]
    first: datetime  # of the contributing events
    last: datetime
    count: int  # of contributing events
    hits: int

    def __str__(self) -> str:
        group = ", ".join(f"{name}: {value}" for name, value in self.group.items())
        times = f"first {format_milliseconds(self.first)}, last {format_milliseconds(self.last)}"
        return f"{{{group}}}, {times}, count {self.count}, hits {self.hits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """The result of one case."""

    rule: CorrelationRule
    case: CorrelationCase
    correlated: CorrelatedEvents
    alerts: tuple[CaseAlert, ...]
    missing: tuple[ExpectedAlert, ...]  # expected alerts that were not opened
    unexpected: tuple[CaseAlert, ...]  # alerts that were opened and not expected
    titles: Mapping[str, str]  # of rules, by id

    @property
    def passed(self) -> bool:
        """Whether the alerts are those that the case expects."""
        return not self.missing and not self.unexpected

    @property
    def reason(self) -> str:
        """The reason of a failure, in one sentence."""
        expected, opened = len(self.case.alerts), len(self.alerts)
        if self.missing and self.unexpected:
            return "an alert is not the one that is expected"
        if self.missing:
            return f"{_alerts(opened)} opened, and {expected} expected"
        return f"{_alerts(opened)} opened, and {expected or 'none'} expected"


def _alerts(count: int) -> str:
    return f"{count or 'no'} {'alert is' if count == 1 else 'alerts are' if count else 'alert is'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRunner:
    """Evaluates the cases of one correlation rule."""

    rule: CorrelationRule
    rules: Sequence[Rule]  # base rules, those of inner correlations too
    correlator: EventCorrelator
    quiet_period: timedelta  # hits of a group that are further apart open two alerts
    source: Source
    titles: Mapping[str, str]

    def run(self, case: CorrelationCase) -> CaseResult:
        """Evaluate a case in memory."""
        events = (
            LabelledEvent(label=f"event {event.number}", view=EventView(self._document(event), self.source.fields))
            for event in case.events
        )
        end = None if case.end is None else milliseconds(case.end)
        correlated = self.correlator.evaluate(events, begin=milliseconds(case.start), end=end)
        alerts = tuple(alerts_of(correlated, self.quiet_period))
        missing, unexpected = _differences(case.alerts, alerts)
        return CaseResult(
            rule=self.rule,
            case=case,
            correlated=correlated,
            alerts=alerts,
            missing=missing,
            unexpected=unexpected,
            titles=self.titles,
        )

    def _document(self, event: CaseEvent) -> Event:
        """Return the document of an event; a sketch gets the log source of its base rule, or of one that matches it."""
        if not event.sketch:
            return event.event
        named = [rule for rule in self.rules if event.rule.lower() in _names(rule)] if event.rule else self.rules
        documents = [(rule, event_of(event, events_of(rule.logsource, self.source.logsources))) for rule in named]
        matching = (document for rule, document in documents if self._matches(rule, document))
        return next(matching, documents[0][1] if documents else event.event)

    def _matches(self, rule: Rule, document: Event) -> bool:
        scope = events_of(rule.logsource, self.source.logsources)
        return explain(rule, scope, EventView(document, self.source.fields)).holds


def _names(rule: Rule) -> tuple[str, str, str]:
    return rule.id.lower(), rule.name.lower(), rule.title.lower()


def alerts_of(correlated: CorrelatedEvents, quiet_period: timedelta) -> Iterator[CaseAlert]:
    """Yield the alerts of the hits, by time: hits of a group join one that is at most a quiet period old.

    Each absence has an alert of its own.
    """
    joined: list[list[CorrelationHit]] = []
    newest: dict[_Group, list[CorrelationHit]] = {}
    for hit in sorted(correlated.hits, key=lambda entry: (entry.time, entry.hit_id)):
        key = _folded(hit)
        earlier = None if hit.is_absence else newest.get(key)
        if earlier is not None and moment_at(hit.time) - moment_at(earlier[-1].time) <= quiet_period:
            earlier.append(hit)
            continue
        newest[key] = [hit]
        joined.append(newest[key])
    for hits in joined:
        yield CaseAlert(
            group=dict(hits[0].group),
            first=moment_at(min(hit.first for hit in hits)),
            last=moment_at(max(hit.last for hit in hits)),
            count=_contributing(correlated, hits),
            hits=len(hits),
        )


def _folded(hit: CorrelationHit) -> _Group:
    return tuple((name, value.casefold()) for name, value in hit.group)


def _contributing(correlated: CorrelatedEvents, hits: Sequence[CorrelationHit]) -> int:
    """Return how many different base hits some hits of a group count."""
    correlation, key = correlated.correlation, tuple(value.casefold() for _, value in hits[0].group)
    own = (
        base
        for base in correlated.base_hits
        if key in groups_of(correlation, base).spellings
        and (not counts_values(correlation) or counted_of(correlation, base))
    )
    return sum(any(hit.first <= base.time <= hit.last and base.rule_id in hit.counts for hit in hits) for base in own)


# --------------------------------------------------------------------------- expected alerts


def _differences(
    expected: Sequence[ExpectedAlert], opened: Sequence[CaseAlert]
) -> tuple[tuple[ExpectedAlert, ...], tuple[CaseAlert, ...]]:
    """Return the expected alerts that were not opened, and the opened ones that were not expected."""
    partners: dict[int, int] = {}  # number of an opened alert → number of the expected one
    missing = tuple(
        alert for number, alert in enumerate(expected) if not _assign(number, expected, opened, partners, set())
    )
    return missing, tuple(alert for number, alert in enumerate(opened) if number not in partners)


def _assign(
    number: int,
    expected: Sequence[ExpectedAlert],
    opened: Sequence[CaseAlert],
    partners: dict[int, int],
    tried: set[int],
) -> bool:
    """Assign an expected alert to an opened one, where others may take another one instead."""
    for place, alert in enumerate(opened):
        if place in tried or not _fits(expected[number], alert):
            continue
        tried.add(place)
        if place not in partners or _assign(partners[place], expected, opened, partners, tried):
            partners[place] = number
            return True
    return False


def _fits(expected: ExpectedAlert, alert: CaseAlert) -> bool:
    group = {name.lower(): value.casefold() for name, value in alert.group.items()}
    return (
        all(group.get(name.lower()) == value.casefold() for name, value in expected.group.items())
        and expected.first in (None, alert.first)
        and expected.last in (None, alert.last)
        and expected.count in (None, alert.count)
        and expected.hits in (None, alert.hits)
    )


def expected_text(expected: ExpectedAlert) -> str:
    """Return an expected alert as text, with what is compared."""
    group = ", ".join(f"{name}: {value}" for name, value in expected.group.items())
    parts = [f"{{{group}}}"]
    parts.extend(
        f"{name} {format_milliseconds(moment)}"
        for name, moment in (("first", expected.first), ("last", expected.last))
        if moment is not None
    )
    numbers = (("count", expected.count), ("hits", expected.hits))
    parts.extend(f"{name} {number}" for name, number in numbers if number is not None)
    return ", ".join(parts)

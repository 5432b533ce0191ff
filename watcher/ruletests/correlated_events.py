"""What correlations find in a few events: base rules of each, hits, and the windows that come near."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watcher.alerts.base_hits import field_values
from watcher.correlate import correlate
from watcher.correlate.correlation_plan import CorrelationPlan
from watcher.correlate.hit_builder import base_hit
from watcher.correlate.trailing_windows import TrailingWindow, trailing_windows
from watcher.match.compiled_rule import CompiledRule
from watcher.match.event_view import EventView
from watcher.match.ruleset import Ruleset
from watcher.model import Rule
from watcher.model.correlation_hits import BaseHit, CorrelationHit
from watcher.model.correlations import Correlation
from watcher.settings import Source
from watcher.timestamps import latest_timestamp, milliseconds
from watcher.translate.plan import rule_predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledEvent:
    """An event as base rules see it."""

    label: str  # e.g. its file and line
    view: EventView


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedEvent:
    """An event with the base rules that match it."""

    label: str
    time: int | None  # in milliseconds since 1970; None: it has no time, and is not counted
    rules: tuple[Rule, ...]
    undecided: tuple[Rule, ...]  # not decided within the time limit
    base_hits: tuple[BaseHit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedEvents:
    """What a correlation finds in some events."""

    correlation: Correlation
    events: tuple[EvaluatedEvent, ...]
    base_hits: tuple[BaseHit, ...]  # of the correlation: events, and hits of inner correlations
    hits: tuple[CorrelationHit, ...]
    undecided: tuple[CorrelationHit, ...]  # what later events could end

    def windows(self) -> tuple[TrailingWindow, ...]:
        """Return the trailing window of each base hit."""
        return trailing_windows(self.correlation, self.base_hits)


class EventCorrelator:
    """Evaluates a correlation on events that are given at once."""

    def __init__(self, correlation: Correlation, plan: CorrelationPlan, rules: Sequence[Rule], source: Source) -> None:
        """Compile the base rules; `plan` has the inner correlations too."""
        self._correlation = correlation
        self._plan = plan
        self._ruleset = Ruleset([CompiledRule(rule, rule_predicate(rule, source)) for rule in rules], source.fields)

    def evaluate(
        self, events: Iterable[LabelledEvent], *, begin: int | None = None, end: int | None = None
    ) -> CorrelatedEvents:
        """Return what the correlation finds.

        `begin` is the time from which on listed groups of absences are expected. `end` is the time up to which events
        are complete; None: the last one.
        """
        evaluated = tuple(self._evaluated(number, event) for number, event in enumerate(events))
        times = [event.time for event in evaluated if event.time is not None]
        arrived = [hit for event in evaluated for hit in event.base_hits]
        last = end if end is not None else max(times, default=0)
        correlated = correlate(self._plan.correlations, arrived, begin=begin, end=last)
        own = self._correlation.rule_id
        by_id = {entry.rule_id: entry for entry in self._plan.correlations}
        inner = (hit for hit in correlated.matches if hit.rule_id in self._correlation.base_rules)
        arrived.extend(base_hit(by_id[hit.rule_id], hit) for hit in inner)
        return CorrelatedEvents(
            correlation=self._correlation,
            events=evaluated,
            base_hits=tuple(hit for hit in arrived if hit.rule_id in self._correlation.base_rules),
            hits=tuple(hit for hit in correlated.matches if hit.rule_id == own),
            undecided=tuple(hit for hit in correlated.undecided if hit.rule_id == own),
        )

    def _evaluated(self, number: int, event: LabelledEvent) -> EvaluatedEvent:
        verdict = self._ruleset.verdict(event.view)
        moment = latest_timestamp(event.view.at("@timestamp"))
        time = None if moment is None else milliseconds(moment)
        hits = () if time is None else tuple(self._base_hit(rule, event, number, time) for rule in verdict.rules)
        return EvaluatedEvent(
            label=event.label, time=time, rules=verdict.rules, undecided=verdict.undecided, base_hits=hits
        )

    def _base_hit(self, rule: Rule, event: LabelledEvent, number: int, time: int) -> BaseHit:
        return BaseHit(
            rule_id=rule.id,
            hit_id=f"{number:012}",
            time=time,
            values=field_values(event.view, self._plan.roles[rule.id].fields),
            index=event.label,
            event_id=str(number),
        )

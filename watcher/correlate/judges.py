"""Whether a correlation's condition holds at a moment of a group."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from watcher.correlate.comparisons import all_hold, is_absence, is_monotone
from watcher.correlate.counted_values import counts_values
from watcher.correlate.ordered_rules import longest_run, stand_in_order
from watcher.correlate.rule_terms import RuleTerm, asked_rules, rule_terms
from watcher.correlate.timeline import Timeline
from watcher.model.correlations import Correlation, CorrelationType, RuleCondition

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far around a time base hits may change what holds there, in milliseconds."""

    behind: int = 0
    ahead: int = 0

    @property
    def length(self) -> int:
        """All of it."""
        return self.behind + self.ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A match of a group, as far as its base hits are there."""

    time: int
    contributing: tuple[int, int]  # indices of the timeline, half-open
    completing: tuple[int, int]  # the same
    number: Decimal | None = None  # what was compared
    is_certain: bool = False  # no further base hit can end it


class Judge(Protocol):
    """Evaluates the condition of a correlation at times of a timeline."""

    @property
    def reach(self) -> Reach:
        """What decides the condition at a time."""

    @property
    def hit_reach(self) -> Reach:
        """What decides whether a correlation hit has a time."""

    @property
    def has_certain_matches(self) -> bool:
        """Whether a match can be certain before its reach was searched."""

    @property
    def has_uncertain_matches(self) -> bool:
        """Whether a match may need a reach that was searched."""

    @property
    def completing_rules(self) -> frozenset[str]:
        """Base rules whose hits are counted and complete matches."""

    @property
    def single_rules(self) -> frozenset[str]:
        """Base rules whose times are looked at one by one."""

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""


class _TrailingJudge:
    """A judge of the trailing window alone."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._timespan = milliseconds(correlation.timespan)
        self._is_monotone = is_monotone(correlation)
        self.reach = Reach(behind=self._timespan)
        self.hit_reach = self.reach
        self.has_certain_matches = self._is_monotone
        self.has_uncertain_matches = not self._is_monotone
        self.completing_rules = frozenset(correlation.base_rules)
        self.single_rules: frozenset[str] = frozenset()

    def _match(self, timeline: Timeline, time: int, number: Decimal | None) -> Judgement:
        window = timeline.move_window(time - self._timespan, time)
        return Judgement(
            time=time,
            contributing=(window.start, window.end),
            completing=indices_at(timeline, time),
            number=number,
            is_certain=self._is_monotone,
        )

    def _count(self, timeline: Timeline, time: int, count: int) -> Judgement | None:
        if not self._correlation.comparisons:
            return self._match(timeline, time, None) if count == len(self._correlation.base_rules) else None
        number = Decimal(count)
        return self._match(timeline, time, number) if all_hold(self._correlation.comparisons, number) else None


class CountJudge(_TrailingJudge):
    """Counts the base hits, or the different base rules, of the trailing window."""

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        window = timeline.move_window(time - self._timespan, time)
        counts_rules = self._correlation.type is CorrelationType.TEMPORAL
        return self._count(timeline, time, len(window.rules) if counts_rules else len(window))


class MeasureJudge(_TrailingJudge):
    """Compares a measure of the values of the trailing window."""

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        measure = timeline.move_window(time - self._timespan, time).measure
        if measure is None or not measure.satisfies(self._correlation.comparisons):
            return None
        return self._match(timeline, time, measure.number())


class OrderedJudge(_TrailingJudge):
    """Looks for base rules in their order."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.single_rules = self.completing_rules

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        run = longest_run(timeline, self._correlation.base_rules, time - self._timespan, time)
        return self._count(timeline, time, run)


class BooleanJudge(_TrailingJudge):
    """Evaluates a boolean condition: some base rules in the trailing window, others nowhere near it."""

    def __init__(self, correlation: Correlation, condition: RuleCondition) -> None:
        super().__init__(correlation)
        self._terms = terms = rule_terms(condition)
        self._is_ordered = correlation.type is CorrelationType.TEMPORAL_ORDERED
        self.completing_rules = asked_rules(condition)
        excluded = frozenset[str]().union(*(term.excluded for term in terms))
        self.single_rules = excluded | (self.completing_rules if self._is_ordered else frozenset())
        self.has_certain_matches = any(not term.excluded for term in terms)
        self.has_uncertain_matches = bool(excluded)
        if excluded:
            self.reach = Reach(behind=2 * self._timespan, ahead=self._timespan)
            self.hit_reach = self.reach

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        terms = [term for term in self._terms if self._has_asked_rules(term, timeline, time)]
        if not terms:
            return None
        window = timeline.move_window(time - self._timespan, time)
        around = (timeline.times[window.start] - self._timespan, time + self._timespan)
        holding = [term for term in terms if not any(timeline.has_hit_of(rule, *around) for rule in term.excluded)]
        if not holding:
            return None
        return Judgement(
            time=time,
            contributing=(window.start, window.end),
            completing=indices_at(timeline, time),
            is_certain=any(not term.excluded for term in holding),
        )

    def _has_asked_rules(self, term: RuleTerm, timeline: Timeline, time: int) -> bool:
        start = time - self._timespan
        if self._is_ordered:
            rules = [rule for rule in self._correlation.base_rules if rule in term.asked]
            return stand_in_order(timeline, rules, start, time)
        return term.asked <= timeline.move_window(start, time).rules.keys()


class AbsenceJudge(_TrailingJudge):
    """Looks for gaps of more than the timespan after a base hit."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.reach = Reach(ahead=self._timespan)
        self.hit_reach = Reach(behind=self._timespan)

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the absence that begins after a time, if any."""
        start, end = indices_at(timeline, time)
        if end < len(timeline.times) and timeline.times[end] <= time + self._timespan:
            return None
        if timeline.reported.find(1, start, end) >= 0:
            return None  # a base hit of the same millisecond came late
        last = (end - 1, end)
        return Judgement(time=time + self._timespan, contributing=last, completing=last, number=Decimal(0))


def judge_of(correlation: Correlation) -> Judge:
    """Return the judge of a correlation."""
    if correlation.boolean is not None:
        return BooleanJudge(correlation, correlation.boolean)
    if is_absence(correlation):
        return AbsenceJudge(correlation)
    if counts_values(correlation):
        return MeasureJudge(correlation)
    if correlation.type is CorrelationType.TEMPORAL_ORDERED:
        return OrderedJudge(correlation)
    return CountJudge(correlation)


def indices_at(timeline: Timeline, time: int) -> tuple[int, int]:
    """Return the range of the base hits of a time."""
    return bisect_left(timeline.times, time), bisect_right(timeline.times, time)


def milliseconds(duration: timedelta) -> int:
    """Return a duration in milliseconds."""
    return duration // _MILLISECOND

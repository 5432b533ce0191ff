"""Whether a correlation's condition holds at a moment of a group."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from watcher.correlate.comparisons import all_hold, is_antitone, is_monotone, least_count
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
    usual: Decimal | None = None  # what it was compared with, where base hits decide that too
    once: str = ""  # what happens once at a time, however many base hits have it; empty: each of them completes
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
    def changed_reach(self) -> Reach:
        """Around which times a new base hit may begin a match that waits."""

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

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> int | None:
        """Return the time from first to last before which there is no certain match; None if there is none at all."""


class TrailingJudge:
    """A judge of the trailing window alone."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._timespan = milliseconds(correlation.timespan)
        self._is_monotone = is_monotone(correlation)
        self.reach = Reach(behind=self._timespan)
        self.hit_reach = self.reach
        self.changed_reach = Reach() if is_antitone(correlation) else self.reach
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


class CountJudge(TrailingJudge):
    """Compares a count of the trailing window."""

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        count = self._count(timeline, time - self._timespan, time)
        if not self._holds(count):
            return None
        return self._match(timeline, time, Decimal(count) if self._correlation.comparisons else None)

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> int | None:
        """Return the first time if a window that contains all the trailing ones satisfies the condition."""
        return first if self._holds(self._count(timeline, first - self._timespan, last)) else None

    def _holds(self, count: int) -> bool:
        if not self._correlation.comparisons:
            return count == len(self._correlation.base_rules)
        return all_hold(self._correlation.comparisons, Decimal(count))

    def _count(self, timeline: Timeline, start: int, end: int) -> int:
        raise NotImplementedError


class HitCountJudge(CountJudge):
    """Counts the base hits of the trailing window."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self._least = least_count(correlation.comparisons)

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> int | None:
        """Return the first time at which enough base hits were there since the earliest trailing window began."""
        index = bisect_left(timeline.times, first - self._timespan) + self._least - 1
        if index >= len(timeline.times) or timeline.times[index] > last:
            return None
        return max(first, timeline.times[index])

    def _count(self, timeline: Timeline, start: int, end: int) -> int:
        return bisect_right(timeline.times, end) - bisect_left(timeline.times, start)


class RuleCountJudge(CountJudge):
    """Counts the different base rules of the trailing window."""

    def _count(self, timeline: Timeline, start: int, end: int) -> int:
        return len(timeline.move_window(start, end).rules)


class OrderedJudge(CountJudge):
    """Counts the base rules that stand in their order in the trailing window."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.single_rules = self.completing_rules

    def _count(self, timeline: Timeline, start: int, end: int) -> int:
        return longest_run(timeline, self._correlation.base_rules, start, end)


class MeasureJudge(TrailingJudge):
    """Compares a measure of the values of the trailing window."""

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        measure = timeline.move_window(time - self._timespan, time).measure
        if measure is None or not measure.satisfies(self._correlation.comparisons):
            return None
        return self._match(timeline, time, measure.number())

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> int | None:
        """Return the first time if a window that contains all the trailing ones satisfies the condition."""
        measure = timeline.move_window(first - self._timespan, last).measure
        return first if measure is not None and measure.satisfies(self._correlation.comparisons) else None


class BooleanJudge(TrailingJudge):
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
            self.hit_reach = self.changed_reach = self.reach

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        start = time - self._timespan
        terms = [term for term in self._terms if self._has_asked_rules(term, timeline, start, time)]
        if not terms:
            return None
        window = timeline.move_window(start, time)
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

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> int | None:
        """Return the first time if a window that contains all the trailing ones has the rules of a certain term."""
        terms = (term for term in self._terms if not term.excluded)
        may_hold = any(self._has_asked_rules(term, timeline, first - self._timespan, last) for term in terms)
        return first if may_hold else None

    def _has_asked_rules(self, term: RuleTerm, timeline: Timeline, start: int, end: int) -> bool:
        if self._is_ordered:
            rules = [rule for rule in self._correlation.base_rules if rule in term.asked]
            return stand_in_order(timeline, rules, start, end)
        return term.asked <= timeline.move_window(start, end).rules.keys()


class AbsenceJudge(TrailingJudge):
    """Looks for gaps of more than the timespan after a base hit."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.reach = self.changed_reach = Reach(ahead=self._timespan)
        self.hit_reach = Reach(behind=self._timespan)

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the absence that begins after a time, if any."""
        start, end = indices_at(timeline, time)
        if end < len(timeline.times) and timeline.times[end] <= time + self._timespan:
            return None
        if timeline.reported.find(1, start, end) >= 0:
            return None  # a base hit of the same millisecond came late
        last = (end - 1, end)
        return Judgement(
            time=time + self._timespan, contributing=last, completing=last, number=Decimal(0), once="absence"
        )

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> None:
        """Return None: an absence always waits."""


def indices_at(timeline: Timeline, time: int) -> tuple[int, int]:
    """Return the range of the base hits of a time."""
    return bisect_left(timeline.times, time), bisect_right(timeline.times, time)


def milliseconds(duration: timedelta) -> int:
    """Return a duration in milliseconds."""
    return duration // _MILLISECOND

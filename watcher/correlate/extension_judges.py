"""Judges of the types that Sigma does not have: values that were not seen before, and counts above the usual."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from decimal import Decimal

from watcher.correlate.comparisons import EXACT
from watcher.correlate.judges import Judgement, Reach, TrailingJudge, indices_at
from watcher.correlate.timeline import Timeline
from watcher.model.correlations import Correlation


class NewValueJudge(TrailingJudge):
    """Looks for base hits with no earlier one in the trailing window; the values are a part of the group."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.changed_reach = Reach()  # a base hit ends later matches, and begins its own at most

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any: that of its first base hit."""
        start, end = indices_at(timeline, time)
        if start > 0 and timeline.times[start - 1] >= time - self._timespan:
            return None
        if timeline.reported.find(1, start, end) >= 0:
            return None  # a base hit of the same millisecond came late
        first = (start, start + 1)
        return Judgement(time=time, contributing=first, completing=first, once="new value")

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> None:
        """Return None: a match always waits until the time before it was searched."""


class SpikeJudge(TrailingJudge):
    """Compares the count of the trailing window with the median count of the windows before it.

    Each window is as long as the trailing one, and ends a millisecond before the next one begins.
    """

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self.reach = Reach(behind=self._timespan + correlation.windows * (self._timespan + 1))
        self.hit_reach = self.reach

    def judge(self, timeline: Timeline, time: int) -> Judgement | None:
        """Return the match at a time, if any."""
        count = self._count(timeline, time)
        if count < self._correlation.minimum:
            return None
        usual = self._usual(timeline, time)
        if not all(
            replace(comparison, value=EXACT.multiply(comparison.value, usual)).holds(Decimal(count))
            for comparison in self._correlation.comparisons
        ):
            return None
        return replace(self._match(timeline, time, Decimal(count)), usual=usual)

    def first_candidate(self, timeline: Timeline, first: int, last: int) -> None:
        """Return None: a match always waits until the time before it was searched."""

    def _usual(self, timeline: Timeline, time: int) -> Decimal:
        """Return the median count of the earlier windows; of an even number of them the mean of the middle two."""
        ends = (time - number * (self._timespan + 1) for number in range(1, self._correlation.windows + 1))
        counts = sorted(self._count(timeline, end) for end in ends)
        middle = counts[(len(counts) - 1) // 2] + counts[len(counts) // 2]
        return EXACT.multiply(Decimal(middle), Decimal("0.5"))

    def _count(self, timeline: Timeline, end: int) -> int:
        return bisect_right(timeline.times, end) - bisect_left(timeline.times, end - self._timespan)

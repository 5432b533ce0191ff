"""The base hits of a group in the order of their times, with a running window over them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

from watcher.correlate.counted_values import Counted
from watcher.correlate.measures import Measure
from watcher.correlate.spans import Spans
from watcher.model.correlation_hits import BaseHit


class RunningWindow:
    """A range of a timeline that moves, with the hits of each rule and a measure."""

    __slots__ = ("end", "measure", "rules", "start")

    def __init__(self, measure: Measure | None) -> None:
        self.start = 0
        self.end = 0
        self.rules: Counter[str] = Counter()
        self.measure = measure

    def __len__(self) -> int:
        return self.end - self.start

    def enter(self, hit: BaseHit, counted: Counted) -> None:
        """Add a base hit to the counters; the range is moved by the caller."""
        self.rules[hit.rule_id] += 1
        if self.measure is not None:
            self.measure.enter(counted)

    def leave(self, hit: BaseHit, counted: Counted) -> None:
        """Remove a base hit from the counters; the range is moved by the caller."""
        self.rules[hit.rule_id] -= 1
        if not self.rules[hit.rule_id]:
            del self.rules[hit.rule_id]
        if self.measure is not None:
            self.measure.leave(counted)


class Timeline:
    """The base hits of a group, sorted by time, rule and id."""

    __slots__ = ("_counted", "hits", "pending", "reported", "rule_times", "times", "window")

    def __init__(self, measure: Measure | None) -> None:
        self.times: array[int] = array("q")
        self.hits: list[BaseHit] = []
        self.reported = bytearray()  # 1 for each base hit whose match was returned
        self._counted: list[Counted] = []  # empty where no values are counted
        self.rule_times: dict[str, array[int]] = {}  # sorted, for the types that look at single rules
        self.window = RunningWindow(measure)
        self.pending = Spans()  # times whose matches wait until they were searched

    def insert(self, hit: BaseHit, counted: Counted = ()) -> bool:
        """Insert a base hit; return False for one that is there already."""
        start = bisect_left(self.times, hit.time)
        end = bisect_right(self.times, hit.time)
        index = end if start == end else bisect_left(self.hits, _key(hit), start, end, key=_key)
        if index < end and _key(self.hits[index]) == _key(hit):
            return False
        self.times.insert(index, hit.time)
        self.hits.insert(index, hit)
        self.reported.insert(index, 0)
        if self.window.measure is not None:
            self._counted.insert(index, counted)
        self._make_room(index, hit, counted)
        return True

    def _make_room(self, index: int, hit: BaseHit, counted: Counted) -> None:
        window = self.window
        if index <= window.start:
            window.start += 1
            window.end += 1
        elif index < window.end:
            window.end += 1
            window.enter(hit, counted)

    def insert_time(self, rule_id: str, time: int) -> None:
        """Insert a time of a rule that is looked at by itself."""
        times = self.rule_times.setdefault(rule_id, array("q"))
        times.insert(bisect_right(times, time), time)

    def has_hit_of(self, rule_id: str, start: int, end: int) -> bool:
        """Return whether a rule has a hit from `start` to `end`, both included."""
        time = self.next_time(rule_id, start)
        return time is not None and time <= end

    def next_time(self, rule_id: str, start: int) -> int | None:
        """Return the time of the first hit of a rule at or after a time."""
        times = self.rule_times.get(rule_id)
        if times is None:
            return None
        index = bisect_left(times, start)
        return times[index] if index < len(times) else None

    def move_window(self, start_time: int, end_time: int) -> RunningWindow:
        """Return the running window from one time to another, both included; it costs as much as it moves."""
        start, end = bisect_left(self.times, start_time), bisect_right(self.times, end_time)
        window = self.window
        if start >= window.end or end <= window.start:
            self._clear_window(start)
        while window.end < end:
            window.enter(self.hits[window.end], self._counted_at(window.end))
            window.end += 1
        while window.start > start:
            window.start -= 1
            window.enter(self.hits[window.start], self._counted_at(window.start))
        while window.end > end:
            window.end -= 1
            window.leave(self.hits[window.end], self._counted_at(window.end))
        self._move_start(start)
        return window

    def _counted_at(self, index: int) -> Counted:
        return self._counted[index] if self._counted else ()

    def _clear_window(self, index: int) -> None:
        self._move_start(self.window.end)
        self.window.start = self.window.end = index

    def unreported(self, spans: Spans) -> Iterator[int]:
        """Yield the indices of base hits within spans whose match was not returned, in order."""
        for start_time, end_time in spans:
            index, end = bisect_left(self.times, start_time), bisect_left(self.times, end_time)
            while (index := self.reported.find(0, index, end)) >= 0:
                yield index
                index += 1

    def clip(self, spans: Spans) -> Spans:
        """Return spans without the parts that hold no base hit."""
        ranges = [(bisect_left(self.times, start), bisect_left(self.times, end)) for start, end in spans]
        return Spans.of((self.times[start], self.times[end - 1] + 1) for start, end in ranges if start < end)

    def forget(self, before: int) -> None:
        """Drop all base hits before a time."""
        count = bisect_left(self.times, before)
        self._move_start(count)
        self.window.start -= count
        self.window.end -= count
        del self.times[:count], self.hits[:count], self.reported[:count], self._counted[:count]
        for times in self.rule_times.values():
            del times[: bisect_left(times, before)]

    def _move_start(self, index: int) -> None:
        """Let all base hits before an index leave the running window."""
        window = self.window
        while window.start < min(index, window.end):
            window.leave(self.hits[window.start], self._counted_at(window.start))
            window.start += 1
        if window.start < index:
            window.start = window.end = index

    def is_empty(self) -> bool:
        """Return whether nothing is left."""
        return not self.times and not any(self.rule_times.values())


def _key(hit: BaseHit) -> tuple[str, str]:
    return hit.rule_id, hit.hit_id

"""The base hits of a group in the order of their times, with a running window over them.

A process keeps many groups, most of them with a single base hit: a timeline that rests is a `FrozenTimeline`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from watcher.correlate.counted_values import Counted, counted_of, counts_values
from watcher.correlate.measures import Measure, measure_of
from watcher.correlate.packed_hits import HitPacker, PackedHit, PackedHits, time_of
from watcher.correlate.spans import Spans
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation

FrozenTimeline = PackedHit | tuple[PackedHit, ...]
"""One base hit, or a few, without anything that the timeline would have to remember of them."""

_MOST_FROZEN = 4  # base hits: longer timelines take little more room than their base hits
_NOTHING = Spans()


@dataclass(frozen=True, slots=True)
class TimelineContents:
    """How the timelines of a correlation read their base hits."""

    correlation: Correlation
    packer: HitPacker
    single_rules: frozenset[str] = frozenset()  # base rules whose times are looked at one by one

    @property
    def counts_values(self) -> bool:
        """Whether windows have a measure."""
        return counts_values(self.correlation)

    def new_window(self) -> RunningWindow:
        """Return an empty window."""
        return RunningWindow(measure_of(self.correlation) if self.counts_values else None)

    def entry(self, packed: PackedHit) -> tuple[str, Counted]:
        """Return the rule of a base hit, and what it adds to the measure."""
        if not self.counts_values:
            return self.packer.rule_of(packed), ()
        hit = self.packer.unpack(packed)
        return hit.rule_id, counted_of(self.correlation, hit)


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

    def enter(self, rule_id: str, counted: Counted) -> None:
        """Add a base hit to the counters; the range is moved by the caller."""
        self.rules[rule_id] += 1
        if self.measure is not None:
            self.measure.enter(counted)

    def leave(self, rule_id: str, counted: Counted) -> None:
        """Remove a base hit from the counters; the range is moved by the caller."""
        self.rules[rule_id] -= 1
        if not self.rules[rule_id]:
            del self.rules[rule_id]
        if self.measure is not None:
            self.measure.leave(counted)


class Timeline:
    """The base hits of a group, sorted by time, rule and id."""

    __slots__ = ("_contents", "_window", "cut_until", "hits", "pending", "reported", "rule_times", "times")

    def __init__(self, contents: TimelineContents, packed: FrozenTimeline = ()) -> None:
        frozen = (packed,) if isinstance(packed, bytes) else packed
        self._contents = contents
        self.times: array[int] = array("q", map(time_of, frozen))
        self.hits = PackedHits(contents.packer, list(frozen))
        self.reported = bytearray(len(frozen))  # 1 for each base hit whose match was returned
        self.rule_times: dict[str, array[int]] = {}  # sorted, for the types that look at single rules
        for entry in frozen if contents.single_rules else ():
            self.insert_time(contents.packer.rule_of(entry), time_of(entry))
        self._window: RunningWindow | None = None
        self.pending = _NOTHING  # times whose matches wait until they were searched
        self.cut_until: int | None = None  # the time of the newest base hit that the limit of memory dropped

    def frozen(self) -> FrozenTimeline | None:
        """Return what a resting timeline needs; None where it is more than a few base hits."""
        packed = self.hits.packed
        if not 0 < len(packed) <= _MOST_FROZEN or self.pending or 1 in self.reported or self.cut_until is not None:
            return None
        if self.rule_times:
            rules, single = map(self._contents.packer.rule_of, packed), self._contents.single_rules
            if sum(map(len, self.rule_times.values())) != sum(rule in single for rule in rules):
                return None  # rules that are excluded have times, and no base hits
        return packed[0] if len(packed) == 1 else tuple(packed)

    def insert(self, hit: BaseHit) -> bool:
        """Insert a base hit; return False for one that is there already."""
        start = bisect_left(self.times, hit.time)
        end = bisect_right(self.times, hit.time)
        index = end if start == end else bisect_left(self.hits, _key(hit), start, end, key=_key)
        if index < end and _key(self.hits[index]) == _key(hit):
            return False
        self.times.insert(index, hit.time)
        self.hits.packed.insert(index, self._contents.packer.pack(hit))
        self.reported.insert(index, 0)
        self._make_room(index)
        return True

    @property
    def window(self) -> RunningWindow:
        """The running window where it was moved to last."""
        if self._window is None:
            self._window = self._contents.new_window()
        return self._window

    def _make_room(self, index: int) -> None:
        window = self._window
        if window is None:
            return
        if index <= window.start:
            window.start += 1
            window.end += 1
        elif index < window.end:
            window.end += 1
            window.enter(*self._entry(index))

    def insert_time(self, rule_id: str, time: int) -> None:
        """Insert a time of a rule, if it is looked at by itself."""
        if rule_id not in self._contents.single_rules:
            return
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

    def first_after(self, time: int) -> int | None:
        """Return the time of the first event after a time; that a listed group is expected is no event."""
        for index in range(bisect_right(self.times, time), len(self.times)):
            if self.hits[index].hit_id:
                return self.times[index]
        return None

    def move_window(self, start_time: int, end_time: int) -> RunningWindow:
        """Return the running window from one time to another, both included; it costs as much as it moves."""
        start, end = bisect_left(self.times, start_time), bisect_right(self.times, end_time)
        window = self.window
        if start >= window.end or end <= window.start:
            window = self._window = self._contents.new_window()
            window.start = window.end = start
        while window.end < end:
            window.enter(*self._entry(window.end))
            window.end += 1
        while window.start > start:
            window.start -= 1
            window.enter(*self._entry(window.start))
        while window.end > end:
            window.end -= 1
            window.leave(*self._entry(window.end))
        self._move_start(window, start)
        return window

    def _entry(self, index: int) -> tuple[str, Counted]:
        return self._contents.entry(self.hits.packed[index])

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
        if self.cut_until is not None and self.cut_until < before:
            self.cut_until = None
        self._drop(bisect_left(self.times, before))
        for times in self.rule_times.values():
            del times[: bisect_left(times, before)]

    def cut(self, count: int) -> None:
        """Drop the oldest base hits, although later ones may need them."""
        self.cut_until = self.times[count - 1]
        self._drop(count)
        for times in self.rule_times.values():
            del times[: bisect_right(times, self.cut_until)]

    def _drop(self, count: int) -> None:
        if self._window is not None:
            self._move_start(self._window, count)
            self._window.start -= count
            self._window.end -= count
        del self.times[:count], self.hits.packed[:count], self.reported[:count]

    def _move_start(self, window: RunningWindow, index: int) -> None:
        """Let all base hits before an index leave the running window."""
        while window.start < min(index, window.end):
            window.leave(*self._entry(window.start))
            window.start += 1
        if window.start < index:
            window.start = window.end = index

    def is_empty(self) -> bool:
        """Return whether nothing is left."""
        return not self.times and not any(self.rule_times.values())


def _key(hit: BaseHit) -> tuple[str, str]:
    return hit.rule_id, hit.hit_id

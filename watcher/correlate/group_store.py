"""The timelines of a correlation by group: what is due is looked at, whatever the number of groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from watcher.correlate.counted_values import GroupValues
from watcher.correlate.packed_hits import count_rules, time_of
from watcher.correlate.spans import END, Spans
from watcher.correlate.timeline import FrozenTimeline, Timeline, TimelineContents
from watcher.model.correlation_hits import BaseHit

_MOST_RESTING = 64  # base hits of a group that cannot complete a match yet: they need no timeline
_PARTS = 8  # of the history of a group, which is dropped part by part
_SHORTEST_PART = 10_000  # milliseconds


class GroupStore:
    """Holds the timelines; those that rest are frozen."""

    def __init__(self, contents: TimelineContents, length: int, least_rules: int = 1) -> None:
        """Create a store of groups whose base hits count for `length` milliseconds.

        A group without base hits of at least so many rules completes no match.
        """
        self._contents = contents
        self._least_rules = least_rules
        self._length = length
        self._part = max(length // _PARTS, _SHORTEST_PART) + 1
        self.kept = 0  # base hits
        self.cut_groups: dict[GroupValues, int] = {}  # those that lack base hits up to a time
        self._timelines: dict[GroupValues, Timeline | FrozenTimeline] = {}
        self._awake: dict[GroupValues, Timeline] = {}  # since the last call of `freeze`
        self._parts: defaultdict[int, list[GroupValues]] = defaultdict(list)  # part of time → groups with base hits
        self._due: list[tuple[int, GroupValues]] = []  # a heap: from when on a group waits for a decision

    def __len__(self) -> int:
        return len(self._timelines)

    def __getitem__(self, key: GroupValues) -> Timeline:
        """Return the timeline of a group, a new one where there is none."""
        timeline = self._awake.get(key)
        if timeline is None:
            kept = self._timelines.get(key, ())
            timeline = kept if isinstance(kept, Timeline) else Timeline(self._contents, kept)
            self._timelines[key] = self._awake[key] = timeline
        return timeline

    def first_after(self, key: GroupValues, time: int) -> int | None:
        """Return the time of the first event of a group after a time, None where there is none."""
        kept = self._awake.get(key) or self._timelines.get(key)
        if kept is None:
            return None
        return (kept if isinstance(kept, Timeline) else Timeline(self._contents, kept)).first_after(time)

    def freeze(self) -> None:
        """Let all groups rest."""
        for key, timeline in self._awake.items():
            if timeline.is_empty():
                del self._timelines[key]
                continue
            frozen = timeline.frozen()
            if frozen is not None:
                self._timelines[key] = frozen
        self._awake.clear()

    def adds_resting(self, key: GroupValues, hit: BaseHit, most: int) -> bool:
        """Append a base hit to a group that rests, and return True; else leave the group as it is.

        It rests with at most so many base hits, or with those of too few rules, all of them earlier ones.
        """
        kept = self._timelines.get(key, ())
        if isinstance(kept, Timeline):
            return False
        resting = (kept,) if isinstance(kept, bytes) else kept
        last = time_of(resting[-1]) if resting else None
        if len(resting) >= _MOST_RESTING or (last is not None and last >= hit.time):
            return False
        packed = self._contents.packer.pack(hit)
        if len(resting) >= most and count_rules((*resting, packed)) >= self._least_rules:
            return False
        self._timelines[key] = (*resting, packed) if resting else packed
        self.kept += 1
        if last is None or last // self._part != hit.time // self._part:
            self._parts[hit.time // self._part].append(key)
        return True

    def note(self, key: GroupValues, time: int) -> None:
        """Note that a group got a base hit of a time, so that it is dropped when it is too old."""
        self.kept += 1
        groups = self._parts[time // self._part]
        if not groups or groups[-1] is not key:
            groups.append(key)

    def set_pending(self, key: GroupValues, pending: Spans) -> None:
        """Set the times of a group that wait for a decision; those without a base hit are left out."""
        timeline = self[key]
        noted = timeline.pending.spans[:1]
        timeline.pending = timeline.clip(pending)
        if timeline.pending and (not noted or noted[0][0] != timeline.pending.spans[0][0]):
            heappush(self._due, (timeline.pending.spans[0][0], key))

    def pending_before(self, time: int) -> Sequence[GroupValues]:
        """Return the groups that wait for a decision from before a time on."""
        due: dict[GroupValues, int] = {}
        while self._due and self._due[0][0] < time:
            start, key = heappop(self._due)
            if key in self._timelines and self._first_pending(key) == start:
                due[key] = start
        for key, start in due.items():
            heappush(self._due, (start, key))  # until its pending times change
        return tuple(due)

    def _first_pending(self, key: GroupValues) -> int | None:
        kept = self._awake.get(key) or self._timelines[key]
        return kept.pending.spans[0][0] if isinstance(kept, Timeline) and kept.pending else None

    def forget(self, before: int) -> None:
        """Drop base hits that count for nothing from a time on, and what waits for a decision before it."""
        oldest = before - self._length
        for key in [key for key, until in self.cut_groups.items() if until < oldest]:
            del self.cut_groups[key]
        parts = [part for part in self._parts if (part + 1) * self._part <= oldest]
        for key in {key for part in parts for key in self._parts.pop(part)}:
            kept = self._timelines.get(key)
            if isinstance(kept, Timeline):
                self._forget(key, kept, before)
            elif kept is not None:
                resting = (kept,) if isinstance(kept, bytes) else kept
                rest = tuple(hit for hit in resting if time_of(hit) >= oldest)
                self.kept -= len(resting) - len(rest)
                if rest:
                    self._timelines[key] = rest
                else:
                    del self._timelines[key]
        if len(self._due) > 2 * len(self._timelines) + _PARTS:
            self._due = list({entry for entry in self._due if entry[1] in self._timelines})
            heapify(self._due)

    def _forget(self, key: GroupValues, timeline: Timeline, before: int) -> None:
        count = len(timeline.times)
        timeline.forget(before - self._length)
        self.kept -= count - len(timeline.times)
        self.set_pending(key, timeline.pending.within(before, END))
        self.freeze()

    def sizes(self) -> Counter[int]:
        """Return how many groups have how many base hits."""
        return Counter(map(_size, self._timelines.values()))

    def cut(self, most: int) -> None:
        """Drop the oldest base hits of groups that have more than `most`, at least one."""
        for key in [key for key, kept in self._timelines.items() if _size(kept) > most]:
            timeline = self[key]
            count = len(timeline.times) - most
            timeline.cut(count)
            self.kept -= count
            self.cut_groups[key] = timeline.cut_until or 0
            self.set_pending(key, timeline.pending)
        self.freeze()


def _size(kept: Timeline | FrozenTimeline) -> int:
    if isinstance(kept, Timeline):
        return len(kept.times)
    return 1 if isinstance(kept, bytes) else len(kept)

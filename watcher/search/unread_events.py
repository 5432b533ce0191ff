"""Which events of a window the previous search did not read, proven by tallies of both snapshots.

A slice whose tally did not change holds the same documents. Where events were added to it, those with higher sequence
numbers are read, if old and new tally prove that they are all that is new; else the slice is read again completely.
So no order of the sequence numbers is taken for granted: several shards, copies that lag behind, deletions and
updates only cause more to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, pairwise
from operator import itemgetter

from watcher.model import Window
from watcher.ports import EventSpan, FieldType, IndexMapping, Tallies, Tally

# Spans of one selection: each is up to three clauses of every query, and engines limit them.
_SPANS_OF_INDICES = 24
_SPANS_OF_GROUPS = 24
_SPANS_READ_AGAIN = 15

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SLICES = 300  # of an overlap, at most
_STEPS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 25, 30, 50, 60, 75, 100, 150, 300)  # seconds; each divides five minutes
_NO_EVENTS = Tally(events=0, total=0, highest=None, milliseconds=0)

_Slice = tuple[str, datetime]  # an index, and the start of a slice
_Grown = Mapping[_Slice, tuple[Tally, int]]  # what was read of a slice before, and its highest number
_Propose = Callable[[_Grown, timedelta], list[EventSpan]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedEvents:
    """The events that a complete search of a window read; the window begins on the grid of five minutes."""

    window: Window
    step: timedelta
    tallies: Tallies
    mapping: IndexMapping

    @property
    def end(self) -> datetime:
        """The end of the last complete slice."""
        return _EPOCH + (self.window.end - _EPOCH) // self.step * self.step

    def continues_in(self, later: SearchedEvents) -> bool:
        """Whether a later search of a window may leave out what this one read."""
        return (
            self.step == later.step
            and self.window.start <= later.window.start < self.end <= later.window.end
            and _types(self.mapping) == _types(later.mapping)
        )

    def tally(self, index: str, start: datetime, mapping: IndexMapping) -> Tally | None:
        """Return what was read of a slice; None where that is nothing, or where the numbering may have restarted."""
        incarnation = self.mapping.incarnations.get(index)
        if incarnation is None or incarnation != mapping.incarnations.get(index):
            return None
        return self.tallies.get((index, start))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchMemory:
    """What the next search of a window may leave out."""

    step: timedelta  # of the slices that are compared
    searched: SearchedEvents | None = None  # by the previous search; None: everything is read


def step_of(overlap: timedelta) -> timedelta:
    """Return the length of the slices that are compared: a second, longer for a long overlap."""
    return _step(overlap.total_seconds() / _SLICES) or timedelta(seconds=_STEPS[-1])


def coarser(step: timedelta) -> timedelta | None:
    """Return a length of which a window has far fewer slices, None where there is none."""
    return _step(step.total_seconds() * 8)


def _step(least: float) -> timedelta | None:
    return next((timedelta(seconds=seconds) for seconds in _STEPS if seconds >= least), None)


def _types(mapping: IndexMapping) -> Mapping[str, frozenset[FieldType]]:
    """Return how paths are mapped, whatever the indices: an index that is added alike changes nothing."""
    return {path: frozenset(replace(mapped, indices=()) for mapped in types) for path, types in mapping.fields.items()}


def unread_spans(
    before: SearchedEvents, current: SearchedEvents, tallies_of: Callable[[Sequence[EventSpan]], Tallies]
) -> tuple[EventSpan, ...]:
    """Return spans that hold every event of the current snapshot that `before` did not read.

    `tallies_of` returns the tallies of spans of the current snapshot.
    """
    grown, again = _changed(before, current)
    is_new = before.end < current.window.end
    spans = [EventSpan(window=Window(start=before.end, end=current.window.end))] if is_new else []
    proposals: tuple[_Propose, ...] = (partial(_by_index, before), _by_group)
    for propose in proposals:
        proposed = propose(grown, current.step)
        if not proposed:
            break
        seen = tallies_of(proposed)
        proven = {
            place for place, (tally, _) in grown.items() if _is_sum(current.tallies[place], tally, seen.get(place))
        }
        spans += [span for span in proposed if any(_covers(span, place) for place in proven)]
        grown = {place: read for place, read in grown.items() if place not in proven}
    return (*spans, *_read_again(sorted({*again, *grown}), current.step))


def _changed(before: SearchedEvents, current: SearchedEvents) -> tuple[_Grown, list[_Slice]]:
    """Return the slices that changed since they were read, and those of which nothing was read."""
    grown: dict[_Slice, tuple[Tally, int]] = {}
    again: list[_Slice] = []
    for place, tally in current.tallies.items():
        if place[1] >= before.end:
            continue
        read = before.tally(*place, current.mapping)
        if read is None or read.highest is None or tally.highest is None:
            again.append(place)
        elif read != tally:
            grown[place] = read, read.highest
    return grown, again


def _is_sum(current: Tally, read: Tally, unread: Tally | None) -> bool:
    """Whether a slice holds what was read and what is to be read, and nothing else."""
    unread = unread or _NO_EVENTS
    if current.events != read.events + unread.events or current.total != read.total + unread.total:
        return False
    times = (current.milliseconds, read.milliseconds, unread.milliseconds)
    return None in times or times[0] == sum(time for time in times[1:] if time is not None)


def _covers(span: EventSpan, place: _Slice) -> bool:
    return place[0] in span.indices and span.window.start <= place[1] < span.window.end


def _by_index(before: SearchedEvents, grown: _Grown, step: timedelta) -> list[EventSpan]:
    """Return a span for each index: what has higher numbers than all events that were read there."""
    highest: dict[str, int] = {}
    for (index, start), tally in before.tallies.items():
        if start < before.end and tally.highest is not None:
            highest[index] = max(highest.get(index, 0), tally.highest)
    spans = [
        replace(_above(list(places), grown, step), above=highest[index])
        for index, places in groupby(sorted(grown), key=itemgetter(0))
    ]
    return spans[:_SPANS_OF_INDICES]


def _by_group(grown: _Grown, step: timedelta) -> list[EventSpan]:
    """Return spans of some slices each: the shards of an index count each for itself."""
    places = sorted(grown)
    size = max(1, -(-len(places) // _SPANS_OF_GROUPS))
    groups = [
        list(group)[start : start + size]
        for _, members in groupby(places, key=itemgetter(0))
        for group in [list(members)]
        for start in range(0, len(group), size)
    ]
    return [_above(group, grown, step) for group in groups[:_SPANS_OF_GROUPS]]


def _above(places: Sequence[_Slice], grown: _Grown, step: timedelta) -> EventSpan:
    return replace(_complete(places, step), above=max(grown[place][1] for place in places))


def _read_again(places: Sequence[_Slice], step: timedelta) -> Iterator[EventSpan]:
    """Yield few spans that cover slices completely: the shortest pauses between them are read too."""
    indices = {index for index, _ in places}
    if len(indices) > _SPANS_READ_AGAIN:
        starts = [start for _, start in places]
        window = Window(start=min(starts), end=max(starts) + step)
        yield EventSpan(window=window, indices=tuple(sorted(indices)))
        return
    pauses = [(later[1] - earlier[1], later) for earlier, later in pairwise(places) if later[0] == earlier[0]]
    pauses = [pause for pause in pauses if pause[0] > step]
    longest = sorted(pauses, reverse=True)[: _SPANS_READ_AGAIN - len(indices)]
    starts_of_runs = {later for _, later in longest}
    run: list[_Slice] = []
    for place in places:
        if run and (place in starts_of_runs or place[0] != run[0][0]):
            yield _complete(run, step)
            run = []
        run.append(place)
    if run:
        yield _complete(run, step)


def _complete(run: Sequence[_Slice], step: timedelta) -> EventSpan:
    return EventSpan(window=Window(start=run[0][1], end=run[-1][1] + step), indices=(run[0][0],))

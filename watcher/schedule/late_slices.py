"""Slices of the past whose events changed although their count may not have grown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, slice_floor
from watcher.checkpoints.late_marks import LateMarks
from watcher.errors import Forbidden, Incomplete, Overloaded, Refused
from watcher.model import Window
from watcher.ports import EventCounts, EventSource, Incarnation, IndexMapping, IndexMarks, MarkedIndex, NewerEvents
from watcher.search.slice_digests import slice_digests
from watcher.settings import Source

log = structlog.get_logger(__name__)

MOST_UNPROVEN = 1_000_000
"""Events of slices that are searched again only because an index was created anew."""

_LONGEST = timedelta(hours=3)  # of a span whose digests are compared
_UNMARKED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSlices:
    """The slices of the span of a check."""

    source: Source
    checkpoint: Checkpoint
    counts: Mapping[datetime, int]  # of events now
    recorded: Mapping[datetime, int]  # and when they were searched
    left_out: frozenset[str] = frozenset()  # indices that cannot be searched now, and are not counted
    now: datetime

    @property
    def overlap(self) -> datetime:
        """Return where the overlap of the live search begins."""
        return slice_floor(self.checkpoint.watermark - self.source.overlap)

    @property
    def eligible(self) -> Sequence[datetime]:
        """Return the slices that neither the live search nor the gap filler covers."""
        overlap, edge = self.overlap, max(self.checkpoint.watermark, self.now)
        return [
            start
            for start in sorted({*self.counts, *self.recorded})
            if not overlap <= start < edge and not self.checkpoint.has_gap_of_all_rules(start)
        ]

    @property
    def grown(self) -> Sequence[datetime]:
        """Return the slices that hold more events than recorded."""
        return [start for start in self.eligible if self.counts.get(start, 0) > self.recorded.get(start, 0)]

    @property
    def lost(self) -> Mapping[datetime, int]:
        """Return how many events fewer than recorded slices hold."""
        lost = {start: self.recorded.get(start, 0) - self.counts.get(start, 0) for start in self.eligible}
        return {start: events for start, events in lost.items() if events > 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerSlices:
    """What came above the marks of the last check, and the marks for the next one."""

    marks: Mapping[str, IndexMarks]
    late: Mapping[datetime, int]  # events of indices that the last check saw
    unproven: Mapping[datetime, int]  # events of indices that are new, or were created anew


NOTHING_MARKED = NewerSlices(marks={}, late={}, unproven={})


def read_newer(
    counts: EventCounts, mapping: IndexMapping, previous: LateMarks | None, *, time_field: str
) -> NewerSlices:
    """Return what came above the marks of the last check; a first check only sets marks.

    Where the cluster does not tell how its indices are numbered, nothing is marked: counts alone are compared then.
    """
    earlier = {} if previous is None else previous.indices
    indices = [
        _marked(index, incarnation, earlier.get(index))
        for index, incarnation in sorted(mapping.incarnations.items())
        if index in mapping.indices
    ]
    try:
        counted, newer = _count_newer(counts, indices, time_field)
    except (Forbidden, Incomplete, Overloaded, Refused) as error:  # a role may name the alias alone
        log.warning("late_events.counts_only", index=mapping.pattern, error=str(error))
        return NOTHING_MARKED
    late, unproven = Counter[datetime](), Counter[datetime]()
    for entry, events in zip(counted, newer, strict=True):
        seen = earlier.get(entry.index)
        is_same = seen is not None and seen.uuid == entry.marks.uuid
        if previous is not None:
            (late if is_same else unproven).update(events.counts)
    marks = {index: seen for index, seen in earlier.items() if index in mapping.incarnations}  # also of those left out
    marks |= {entry.index: events.marks for entry, events in zip(counted, newer, strict=True)}
    return NewerSlices(marks=marks, late=late, unproven=unproven)


def _count_newer(
    counts: EventCounts, indices: Sequence[MarkedIndex], time_field: str
) -> tuple[Sequence[MarkedIndex], Sequence[NewerEvents]]:
    """Return the indices that can be searched, and what each holds above its marks."""
    while True:
        try:
            return indices, counts.newer(indices, SLICE, time_field=time_field)
        except (Incomplete, Refused) as error:
            remaining = [entry for entry in indices if entry.index not in error.indices]
            if len(remaining) == len(indices):
                raise
            indices = remaining


def _marked(index: str, incarnation: Incarnation, seen: IndexMarks | None) -> MarkedIndex:
    """Return an index with the marks of the last check, or none where it is new or was created anew."""
    if seen is not None and seen.uuid == incarnation.uuid and len(seen.numbers) == incarnation.shards:
        return MarkedIndex(index=index, marks=seen)
    numbers = (_UNMARKED,) * incarnation.shards
    return MarkedIndex(index=index, marks=IndexMarks(uuid=incarnation.uuid, numbers=numbers))


def affordable(unproven: Mapping[datetime, int], counts: Mapping[datetime, int], source: Source) -> set[datetime]:
    """Return the slices of indices created anew that are searched again: the newest, up to a number of events."""
    slices: set[datetime] = set()
    events = 0
    for start in sorted(unproven, reverse=True):
        events += counts.get(start, 0)
        if events > MOST_UNPROVEN:
            log.warning(
                "late_events.unproven",
                source=source.name,
                slices=len(unproven) - len(slices),
                advice="indices were created anew, e.g. by a restore; search their time span by `watcher backfill`",
            )
            break
        slices.add(start)
    return slices


def changed_slices(
    events: EventSource, checkpoints: Checkpoints, source: Source, span: tuple[datetime, datetime]
) -> set[datetime]:
    """Return the slices of a span that hold other events than when the live search read them last.

    Slices whose digest is not stored are left out: their counts are compared.
    """
    start, end = max(span[0], span[1] - _LONGEST), span[1]
    if start >= end:
        return set()
    window = Window(start=start, end=end)
    stored = checkpoints.digests(source.name, window)
    if not stored:
        return set()
    with events.open(source.index, window, time_field=source.time_field) as snapshot:
        current = slice_digests(snapshot.tallies(SLICE), SLICE)
    return {moment for moment, digest in stored.items() if current.get(moment, "") not in ("", digest)}


def created_anew(mapping: IndexMapping, previous: LateMarks | None) -> tuple[str, ...]:
    """Return the indices that were deleted since the last check, and have been created again."""
    marks = {} if previous is None else previous.indices
    indices = (index for index in sorted(mapping.incarnations) if index in marks and index in mapping.indices)
    return tuple(index for index in indices if mapping.incarnations[index].uuid != marks[index].uuid)


def report_deleted(
    source: Source, deleted: Iterable[str], previous: LateMarks | None, *, events: int, now: datetime
) -> tuple[str, ...]:
    """Return the deleted indices that held events within the reach of the check, and log them.

    A lifecycle policy deletes indices whose events are older: nothing is lost by that.
    """
    reach = now - source.late_events.past
    recent = tuple(index for index in deleted if _held_events(index, previous, since=reach, lost=events))
    if recent:
        log.warning("index.gone", source=source.name, indices=recent, events=events)
    return recent


def _held_events(index: str, previous: LateMarks | None, *, since: datetime, lost: int) -> bool:
    """Whether an index held events since a time, as far as the last check saw; `lost` are events of any index."""
    if previous is None:
        return lost > 0
    marks = previous.indices.get(index)
    if marks is None:
        return True  # it came and went since that check
    return lost > 0 if marks.newest is None else marks.newest > since

"""Late events of a source: slices that hold more events than when they were searched are searched again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from watcher.checkpoints.checkpoint import (
    AddGaps,
    Checkpoint,
    Command,
    CountReplacedTimes,
    LostIndices,
    OlderEvents,
    RecordIndices,
    RecordLateCheck,
    RecordLostIndices,
)
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, adjacent_slices, slice_ceiling, slice_floor, split_window
from watcher.checkpoints.late_marks import LateMarks
from watcher.errors import ClusterError, Forbidden, Refused, TooSlow, Unexpected, Unreachable
from watcher.model import Window
from watcher.pipeline import Stopped, Stopping, WindowResult
from watcher.ports import EventCounts, IndexMapping
from watcher.schedule.late_slices import (
    CheckedSlices,
    NewerSlices,
    affordable,
    changed_slices,
    created_anew,
    read_newer,
    report_deleted,
)
from watcher.schedule.live_search import failed_gap, unsearched_gap
from watcher.schedule.watched_rules import WatchedRules
from watcher.settings import Source

log = structlog.get_logger(__name__)

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_FUTURE = timedelta(days=365 * 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The search of some late slices."""

    result: WindowResult | None = None
    is_settled: bool  # false: the next check searches them again


@dataclass(slots=True)
class LateEventCheck:
    """Compares the event counts of one source with those of its last searches."""

    rules: WatchedRules
    checkpoints: Checkpoints
    counts: EventCounts
    stopping: Stopping = lambda: False  # asked before every side effect

    def check(self) -> tuple[WindowResult, ...]:
        """Search the slices that hold more events than when they were searched, and no others.

        Raises a ClusterError where the cluster or the state does not answer, Stopped where `stopping` asks for it.
        """
        source, events = self.rules.source, self.rules.detector.events
        now = events.now()
        checkpoint = self.checkpoints.read(source.name)
        span = None if checkpoint is None else check_span(source, checkpoint, now)
        if checkpoint is None or span is None:
            return ()
        previous = self.checkpoints.late_marks(source.name)
        mapping = events.mapping(source.index, ())
        newer = read_newer(self.counts, mapping, previous, time_field=source.time_field)  # then what comes is newer
        without = {entry.index: entry.reason for entry in mapping.unreadable}
        with events.open(source.index, span, time_field=source.time_field, without=without) as snapshot:
            left_out = {entry.index for entry in snapshot.unsearchable}
            slices = CheckedSlices(
                source=source,
                checkpoint=checkpoint,
                counts=snapshot.counts(SLICE),
                recorded=self.checkpoints.counts(source.name, span),
                left_out=frozenset(left_out),
                now=now,
            )
        self._record_lost(slices, mapping, previous)
        late = {*slices.grown, *self._changed(slices, newer, previous)}
        results = self._search_late(late, LateMarks(overlap=slices.overlap, indices=newer.marks), now)
        outcome = _unknown_outside(checkpoint, now) if slices.left_out else self._outside(checkpoint, now)
        counted = CountReplacedTimes(events=sum(result.replaced_times for result in results), at=now)
        self.checkpoints.apply(source.name, (outcome, counted), now=now)
        if outcome.too_late:
            past = str(source.late_events.past)
            log.warning("events.too_late", source=source.name, events=outcome.too_late, past=past)
        hits = sum(result.hits for result in results)
        marked = len(newer.marks)
        log.info("late_events.checked", source=source.name, slices=len(late), hits=hits, marked=marked)
        return results

    def _search_late(self, late: Collection[datetime], marks: LateMarks, now: datetime) -> tuple[WindowResult, ...]:
        """Search slices; the marks are recorded where nothing remains to be searched below them."""
        source = self.rules.source
        windows = [part for window in adjacent_slices(late) for part in split_window(window, source.slice)]
        searches = [self._search(window) for window in windows]
        if marks.indices and all(search.is_settled for search in searches):
            self.checkpoints.record_late_marks(source.name, marks, now=now)
        return tuple(search.result for search in searches if search.result is not None)

    def _changed(self, slices: CheckedSlices, newer: NewerSlices, previous: LateMarks | None) -> set[datetime]:
        """Return the slices whose events changed, whatever their counts are."""
        if previous is None:
            return set()
        source = self.rules.source
        overlap = slices.overlap
        left = changed_slices(self.rules.detector.events, self.checkpoints, source, (previous.overlap, overlap))
        # younger slices were read by the live search since the marks were set
        late = {start for start in newer.late if not previous.overlap <= start < overlap}
        grown = slices.grown
        unproven = {start: events for start, events in newer.unproven.items() if start < previous.overlap}
        unproven = {start: events for start, events in unproven.items() if start in slices.eligible}
        unproven = {start: events for start, events in unproven.items() if start not in grown}
        again = affordable(unproven, slices.counts, source)
        return {*left, *late, *again} & {*slices.eligible}

    def _record_lost(self, slices: CheckedSlices, mapping: IndexMapping, previous: LateMarks | None) -> None:
        """Record the lower count of slices that lost events, so that later growth is noticed, and deleted indices."""
        source = self.rules.source
        lost = {} if slices.left_out else slices.lost  # what is left out is counted again once it can be searched
        overlap = slices.overlap
        for shrunk in ([start for start in lost if start < overlap], [start for start in lost if start >= overlap]):
            if shrunk:  # the live search writes the counts between the two
                window = Window(start=min(shrunk), end=max(shrunk) + SLICE)
                current = {
                    start: slices.counts.get(start, 0) if start in lost else n for start, n in slices.recorded.items()
                }
                self.checkpoints.record_counts(source.name, window, current, now=slices.now)
        existing = {*mapping.indices, *mapping.closed, *slices.left_out}
        deleted = [index for index in slices.checkpoint.indices if index not in existing]
        if lost:  # what writes events creates a deleted index anew at once
            deleted.extend(created_anew(mapping, previous))
        if not deleted:
            return
        events = sum(lost.values())
        reported = report_deleted(source, deleted, previous, events=events, now=slices.now)
        entry = LostIndices(indices=reported, events=events, noticed=slices.now)
        commands: tuple[Command, ...] = (
            RecordIndices(indices=tuple(sorted({*mapping.indices, *(slices.left_out & {*slices.checkpoint.indices})}))),
            *([RecordLostIndices(lost=entry)] if reported else []),
        )
        self.checkpoints.apply(source.name, commands, now=slices.now)

    def _search(self, window: Window) -> _Search:
        if self.stopping():
            raise Stopped
        detector = self.rules.detector
        source = detector.source
        now = detector.events.now()
        try:
            result = detector.detect(window, self.rules.past_scope(detector, window.end, self.stopping))
        except ClusterError as fault:
            log.warning("late_events.failed", source=source.name, window=str(window), error=str(fault))
            # these may fail each time, e.g. cut off by a proxy: a gap is visible, waits longer each time, and delays
            # no other window
            if isinstance(fault, Unexpected | TooSlow | Unreachable | Forbidden | Refused):
                self.checkpoints.apply(source.name, (AddGaps(gaps=(failed_gap(window, fault, now),)),), now=now)
                return _Search(is_settled=True)
            return _Search(is_settled=False)  # its count and marks stay: the next check searches it again
        if result.failed:  # gaps first, then the count: nothing is lost where the process ends between the two
            gaps = tuple(failed_gap(window, search.error, now, search.plan.rule.id) for search in result.failed)
            self.checkpoints.apply(source.name, (AddGaps(gaps=gaps),), now=now)
        if result.unsearchable:
            self.checkpoints.apply(
                source.name, (AddGaps(gaps=unsearched_gap(window, result.unsearchable, now)),), now=now
            )
        self.checkpoints.record_counts(source.name, window, result.counts, now=now)
        return _Search(result=result, is_settled=True)

    def _outside(self, checkpoint: Checkpoint, now: datetime) -> RecordLateCheck:
        """Count the events before and after the span of this check."""
        source = self.rules.source
        # what is dated before the first search is counted from the first check on
        before = max(slice_floor(now - source.late_events.past), slice_floor(checkpoint.since))
        previous = checkpoint.older_events
        ahead = slice_ceiling(now + source.late_events.ahead)
        spans = (
            Window(start=_EARLIEST, end=previous.before if previous else before),
            Window(start=_EARLIEST, end=before),
            Window(start=ahead, end=ahead + _FUTURE),
        )
        try:
            counted, older, future = self.counts.count(source.index, spans, time_field=source.time_field)
        except ClusterError as fault:  # the check itself is done
            log.warning("late_events.not_counted", source=source.name, error=str(fault))
            return _unknown_outside(checkpoint, now)
        return RecordLateCheck(
            at=now,
            too_late=max(0, counted - previous.events) if previous else 0,
            older_events=OlderEvents(before=before, events=older),
            future_events=future,
        )


def _unknown_outside(checkpoint: Checkpoint, now: datetime) -> RecordLateCheck:
    """Return a check that leaves the counts as they are: without some indices, they would be too low."""
    older = checkpoint.older_events
    return RecordLateCheck(at=now, too_late=0, older_events=older, future_events=checkpoint.future_events)


def check_span(source: Source, checkpoint: Checkpoint, now: datetime) -> Window | None:
    """Return the span whose counts are compared, None where no check is due or the span is empty."""
    last = checkpoint.last_late_check
    if last is not None and now - last < source.late_events.every:
        return None
    start = max(slice_floor(now - source.late_events.past), slice_floor(checkpoint.since))
    end = slice_ceiling(now + source.late_events.ahead)
    return Window(start=start, end=end) if start < end else None

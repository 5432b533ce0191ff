"""Late events of a source: slices that hold more events than when they were searched are searched again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from watcher.checkpoints.checkpoint import (
    AddGaps,
    Checkpoint,
    LostIndices,
    OlderEvents,
    RecordLateCheck,
    RecordLostIndices,
)
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, adjacent_slices, slice_ceiling, slice_floor, split_window
from watcher.errors import Incomplete, Overloaded, Refused, Unexpected
from watcher.model import Window
from watcher.pipeline import Stopped, Stopping, WindowResult
from watcher.ports import EventCounts
from watcher.schedule.live_search import failed_gap
from watcher.schedule.watched_rules import WatchedRules
from watcher.settings import Source

log = structlog.get_logger(__name__)

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_FUTURE = timedelta(days=365 * 100)


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
        with events.open(source.index, span, time_field=source.time_field) as snapshot:
            counts = snapshot.counts(SLICE)
        grown = self._grown(checkpoint, span, counts, now)
        windows = [part for window in adjacent_slices(grown) for part in split_window(window, source.slice)]
        results = tuple(result for window in windows for result in self._search(window))
        outcome = self._outside(checkpoint, now)
        self.checkpoints.apply(source.name, (outcome,), now=now)
        if outcome.too_late:
            past = str(source.late_events.past)
            log.warning("events.too_late", source=source.name, events=outcome.too_late, past=past)
        hits = sum(result.hits for result in results)
        log.info("late_events.checked", source=source.name, slices=len(grown), hits=hits)
        return results

    def _grown(
        self, checkpoint: Checkpoint, span: Window, counts: Mapping[datetime, int], now: datetime
    ) -> list[datetime]:
        """Return the slices that hold more events than recorded.

        Where a slice holds fewer, the lower count is recorded, so that later growth is noticed.
        """
        source = self.rules.source
        recorded = self.checkpoints.counts(source.name, span)
        overlap = slice_floor(checkpoint.watermark - source.overlap)
        starts = [
            start
            for start in sorted({*counts, *recorded})
            # the live search covers the overlap, and the gap filler the gaps
            if not overlap <= start < max(checkpoint.watermark, now) and not checkpoint.has_gap_of_all_rules(start)
        ]
        lost = {start: recorded.get(start, 0) - counts.get(start, 0) for start in starts}
        lost = {start: events for start, events in lost.items() if events > 0}
        for shrunk in ([start for start in lost if start < overlap], [start for start in lost if start >= overlap]):
            if shrunk:  # the live search writes the counts between the two
                window = Window(start=min(shrunk), end=max(shrunk) + SLICE)
                current = {start: counts.get(start, 0) if start in lost else n for start, n in recorded.items()}
                self.checkpoints.record_counts(source.name, window, current, now=now)
        if lost:
            self._record_lost(checkpoint, sum(lost.values()), now)
        return [start for start in starts if counts.get(start, 0) > recorded.get(start, 0)]

    def _record_lost(self, checkpoint: Checkpoint, events: int, now: datetime) -> None:
        """Record the indices that were deleted together with events."""
        source = self.rules.source
        mapping = self.rules.detector.events.mapping(source.index, ())
        existing = {*mapping.indices, *mapping.closed}
        deleted = tuple(index for index in checkpoint.indices if index not in existing)
        if deleted:
            log.warning("index.gone", source=source.name, indices=deleted, events=events)
            lost = LostIndices(indices=deleted, events=events, noticed=now)
            self.checkpoints.apply(source.name, (RecordLostIndices(lost=lost, indices=mapping.indices),), now=now)

    def _search(self, window: Window) -> Iterator[WindowResult]:
        if self.stopping():
            raise Stopped
        detector = self.rules.detector
        source = detector.source
        now = detector.events.now()
        try:
            result = detector.detect(window, self.rules.past_scope(detector, window.end, self.stopping))
        except (Incomplete, Overloaded, Refused) as fault:
            log.warning("late_events.failed", source=source.name, window=str(window), error=str(fault))
            if isinstance(fault, Unexpected):  # it may fail each time: a gap is visible, and waits longer each time
                self.checkpoints.apply(source.name, (AddGaps(gaps=(failed_gap(window, fault, now),)),), now=now)
            return  # its count stays as it was: the next check searches it again
        if result.failed:  # gaps first, then the count: nothing is lost where the process ends between the two
            gaps = tuple(failed_gap(window, search.error, now, search.plan.rule.id) for search in result.failed)
            self.checkpoints.apply(source.name, (AddGaps(gaps=gaps),), now=now)
        self.checkpoints.record_counts(source.name, window, result.counts, now=now)
        yield result

    def _outside(self, checkpoint: Checkpoint, now: datetime) -> RecordLateCheck:
        """Count the events before and after the span of this check."""
        source = self.rules.source
        before = slice_floor(now - source.late_events.past)
        previous = checkpoint.older_events
        ahead = slice_ceiling(now + source.late_events.ahead)
        spans = (
            Window(start=_EARLIEST, end=previous.before if previous else before),
            Window(start=_EARLIEST, end=before),
            Window(start=ahead, end=ahead + _FUTURE),
        )
        counted, older, future = self.counts.count(source.index, spans, time_field=source.time_field)
        return RecordLateCheck(
            at=now,
            too_late=max(0, counted - previous.events) if previous else 0,
            older_events=OlderEvents(before=before, events=older),
            future_events=future,
        )


def check_span(source: Source, checkpoint: Checkpoint, now: datetime) -> Window | None:
    """Return the span whose counts are compared, None where no check is due or the span is empty."""
    last = checkpoint.last_late_check
    if last is not None and now - last < source.late_events.every:
        return None
    start = max(slice_floor(now - source.late_events.past), slice_floor(checkpoint.since))
    end = slice_ceiling(now + source.late_events.ahead)
    return Window(start=start, end=end) if start < end else None

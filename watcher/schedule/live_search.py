"""The live search of a source: it searches the window that is due and moves the watermark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from watcher.checkpoints.checkpoint import (
    AddGaps,
    AddIndices,
    Advance,
    Begin,
    Checkpoint,
    CloseGaps,
    Command,
    CountReplacedTimes,
)
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.checkpoints.gaps import SLICE, Gap, slice_floor
from watcher.errors import ClusterError, Incomplete, Overloaded, Refused
from watcher.model import UnsearchableIndex, Window
from watcher.pipeline import DetectionScope, Detector, Stopping, WindowResult
from watcher.schedule.live_window import DueWindow, due_window
from watcher.schedule.source_change import selection_commands
from watcher.schedule.watched_rules import WatchedRules
from watcher.search.slice_digests import slice_digests
from watcher.search.unread_events import SearchedEvents, SearchMemory, step_of

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LiveSearch:
    """Searches the newest window of one source; the checkpoint decides which window that is."""

    rules: WatchedRules
    checkpoints: Checkpoints
    stopping: Stopping = lambda: False  # asked before every side effect
    waited: Callable[[], timedelta] = timedelta  # since the process began to wait for its cluster
    faults: tuple[str, ...] = ()  # of the indices, as the last search saw them
    _searched: tuple[Detector, SearchedEvents] | None = None  # by the previous search: a cache, no state

    def advance(self) -> WindowResult | None:
        """Search the window that is due and move the watermark; return None where no window is due.

        What was not completely searched becomes a gap. Raises a ClusterError where the cluster or the state does not
        answer: the watermark stays, and the next call begins there. Raises Incomplete where the checkpoint was deleted
        meanwhile: the next call begins anew. Raises Stopped where `stopping` asks for it.
        """
        detector = self.rules.detector
        source = detector.source
        now = detector.events.now()
        checkpoint = self.checkpoints.read(source.name)
        # until the first checkpoint is stored, nothing else holds since when the source is to be searched
        waited = timedelta(0) if checkpoint is not None or self.rules.has_begun else self.waited()
        due = due_window(source, checkpoint, now, waited=waited)
        if due is None:
            return None
        since = self.rules.record(detector, checkpoint, due.since, now=now)
        self.rules.has_begun = self.rules.has_begun or checkpoint is not None
        memory = self._memory(detector, checkpoint, due)
        self._searched = None  # until this search is complete
        try:
            result = detector.detect(due.window, DetectionScope(since=since, memory=memory, stopping=self.stopping))
        except (Incomplete, Overloaded, Refused) as fault:
            gaps = (failed_gap(due.window, fault, now), *_skipped_gap(due, now))
            begin = _begin(due) if checkpoint is None else None
            self.checkpoints.apply(source.name, (Advance(to=due.window.end), AddGaps(gaps=gaps)), now=now, begin=begin)
            self.rules.has_begun = True
            raise
        self._record(result, detector, checkpoint, due, now)
        self._log(result)
        return result

    def _record(
        self, result: WindowResult, detector: Detector, checkpoint: Checkpoint | None, due: DueWindow, now: datetime
    ) -> None:
        """Record the counts of a searched window and its gaps, and move the watermark."""
        source = detector.source
        digests = {} if result.searched is None else slice_digests(result.searched.tallies, SLICE)
        self.checkpoints.record_counts(source.name, due.window, result.counts, now=now, digests=digests)
        selection = selection_commands(source, checkpoint, due.window.start, now)
        searching = [prepared.rule.id for prepared in detector.rules]
        commands = (
            *_advance(due, result, searching, now),
            *selection,
            AddIndices(indices=result.indices),
            CountReplacedTimes(events=result.replaced_times, at=now),
        )
        begin = _begin(due) if checkpoint is None else None
        self.checkpoints.apply(source.name, commands, now=now, begin=begin)
        self.rules.has_begun = True
        if result.searched is not None and result.is_complete:
            self._searched = detector, result.searched
        self.faults = result.faults

    def _memory(self, detector: Detector, checkpoint: Checkpoint | None, due: DueWindow) -> SearchMemory:
        """Return what this search may leave out: nothing where the previous one was another's, or had other rules."""
        memory = SearchMemory(step=step_of(detector.source.overlap))
        if self._searched is None or checkpoint is None:
            return memory
        searcher, searched = self._searched
        is_last = searched.window.end == checkpoint.watermark
        if searcher is not detector or not is_last or checkpoint.has_gap_in(due.window):
            return memory
        return replace(memory, step=searched.step, searched=searched)

    def _log(self, result: WindowResult) -> None:
        source = self.rules.source
        if result.unsearchable:
            reasons = "; ".join(map(str, result.unsearchable))
            log.warning("index.unsearchable", source=source.name, indices=len(result.unsearchable), reasons=reasons)
        elif not result.indices:
            log.warning("index.missing", source=source.name, index=source.index, advice="nothing can be found yet")
        for fault in result.faults:
            log.warning("source.faulty", source=source.name, fault=fault)
        log.info(
            "window.searched",
            source=source.name,
            start=result.window.start.isoformat(),
            end=result.window.end.isoformat(),
            events=sum(result.counts.values()),
            hits=result.hits,
            alerts=result.alerts,
            failed=len(result.failed),
            unreadable=len(result.unreadable),
            undecided=len(result.undecided),
        )


def failed_gap(window: Window, fault: ClusterError, now: datetime, *rules: str) -> Gap:
    """Return the gap of a window whose first search failed."""
    return Gap(window=window, reason="", rules=rules, due=now).after_failure(str(fault), now=now)


def unsearched_gap(window: Window, unsearchable: Sequence[UnsearchableIndex], now: datetime) -> tuple[Gap, ...]:
    """Return the gap of the indices that a window was searched without; none where there are none."""
    if not unsearchable:
        return ()
    indices = tuple(sorted(entry.index for entry in unsearchable))
    reason = "; ".join(map(str, unsearchable))
    return (Gap(window=window, reason="", indices=indices, due=now).after_failure(reason, now=now),)


def _begin(due: DueWindow) -> Begin:
    return Begin(since=slice_floor(due.since), watermark=due.window.end)


def _skipped_gap(due: DueWindow, now: datetime) -> tuple[Gap, ...]:
    return () if due.skipped is None else (Gap(window=due.skipped, reason="not searched yet", due=now),)


def _advance(due: DueWindow, result: WindowResult, searching: Sequence[str], now: datetime) -> tuple[Command, ...]:
    """Return the commands that record a window: its gaps of earlier searches close where it was searched."""
    more = (*_skipped_gap(due, now), *unsearched_gap(due.window, result.unsearchable, now))
    without = tuple(entry.index for entry in result.unsearchable)
    gaps = [failed_gap(due.window, search.error, now, search.plan.rule.id) for search in result.failed]
    advance = Advance(to=due.window.end)
    if gaps and len(gaps) == len(searching):
        return (advance, AddGaps(gaps=(replace(gaps[0], rules=()), *more)))
    failed = {rule for gap in gaps for rule in gap.rules}
    searched = tuple(rule for rule in searching if rule not in failed) if failed else None
    return (
        advance,
        CloseGaps(window=due.window, rules=searched, without=without),
        AddGaps(gaps=(*gaps, *more)),
    )
